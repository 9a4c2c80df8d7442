/** Shapes, pairs and the size of a sliding window's output. */

/** `[channels, height, width]`; a vector of n neurons is `[n, 1, 1]`. */
export type Shape = readonly [channels: number, height: number, width: number];
/** Vertical first: `[y, x]`. */
export type Pair = readonly [y: number, x: number];
/** Pixels added on each side, ONNX order turned to `[top, left, bottom, right]`. */
export type Padding = readonly [top: number, left: number, bottom: number, right: number];

/** Neurons in a shape. */
export function sizeOf(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

/** True when both have the same three numbers. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}

/** A shape for people: `6x24x24`. */
export function formatShape(shape: Shape): string {
  return shape.join("x");
}

/** Height and width that a sliding window yields (rounded down); may be 0 or less when the window does not fit. */
export function slidingOutput(
  input: Shape,
  window: { readonly kernel: Pair; readonly stride: Pair; readonly padding: Padding; readonly dilation?: Pair },
): Pair {
  const { kernel, stride, padding, dilation = [1, 1] } = window;
  const height = input[1] + padding[0] + padding[2] - dilation[0] * (kernel[0] - 1) - 1;
  const width = input[2] + padding[1] + padding[3] - dilation[1] * (kernel[1] - 1) - 1;
  return [Math.floor(height / stride[0]) + 1, Math.floor(width / stride[1]) + 1];
}
