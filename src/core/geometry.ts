/** What shape a layer must have, how many synapses and how deep it is: the arithmetic that `check` and the summary share. */

import type { Layer } from "./network.ts";
import { isSpiking } from "./network.ts";
import { type Shape, sizeOf, slidingOutput } from "./shape.ts";

/** The fields of a layer that decide its output shape. */
export type Geometry =
  & Pick<Layer, "kind">
  & Partial<Pick<Extract<Layer, { kind: "conv2d" }>, "kernel" | "stride" | "padding" | "dilation">>;

/**
 * Output shape that follows from a layer's first input.
 *
 * @param channels output channels of `conv2d` and `concat` and neurons of `dense`, which the first input leaves open
 */
export function outputShape(layer: Geometry, input: Shape, channels: number): Shape {
  switch (layer.kind) {
    case "conv2d":
    case "max_pool":
    case "avg_pool": {
      const { kernel = [1, 1], stride = [1, 1], padding = [0, 0, 0, 0], dilation } = layer;
      const [height, width] = slidingOutput(input, { kernel, stride, padding, dilation });
      return [layer.kind === "conv2d" ? channels : input[0], height, width];
    }
    case "dense":
      return [channels, 1, 1];
    case "flatten":
      return [sizeOf(input), 1, 1];
    case "global_avg_pool":
      return [input[0], 1, 1];
    case "concat":
      return [channels, input[1], input[2]];
    case "add":
      return input;
  }
}

/** Positions of a window along one axis that fall on real input, summed over all outputs. */
function tapsOnAxis(
  input: number,
  output: number,
  kernel: number,
  stride: number,
  before: number,
  dilation: number,
): number {
  let taps = 0;
  for (let tap = 0; tap < kernel; tap++) {
    const offset = tap * dilation - before;
    const first = Math.max(0, Math.ceil(-offset / stride));
    const last = Math.min(output - 1, Math.floor((input - 1 - offset) / stride));
    taps += Math.max(0, last - first + 1);
  }
  return taps;
}

/** Synapses of a layer, those on padding left out; pools by maximum count one for each input of a window. */
export function synapseCount(layer: Layer, input: Shape): number {
  switch (layer.kind) {
    case "dense":
      return layer.shape[0] * sizeOf(input);
    case "global_avg_pool":
      return sizeOf(input);
    case "add":
      return sizeOf(layer.shape) * layer.inputs.length;
    case "flatten":
    case "concat":
      return 0;
    case "conv2d":
    case "avg_pool":
    case "max_pool": {
      const { kernel, stride, padding, shape } = layer;
      const dilation = layer.kind === "conv2d" ? layer.dilation : [1, 1];
      const y = tapsOnAxis(input[1], shape[1], kernel[0], stride[0], padding[0], dilation[0]);
      const x = tapsOnAxis(input[2], shape[2], kernel[1], stride[1], padding[1], dilation[1]);
      return shape[0] * (layer.kind === "conv2d" ? input[0] / layer.groups : 1) * y * x;
    }
  }
}

/** Windows between the input and each layer's output, `[layers]`: spiking layers add one to their deepest input. */
export function layerDepths(layers: readonly Layer[]): number[] {
  const depths: number[] = [];
  for (const layer of layers) {
    const deepest = layer.inputs.reduce((depth, index) => Math.max(depth, index < 0 ? 0 : depths[index]), 0);
    depths.push(deepest + (isSpiking(layer) ? 1 : 0));
  }
  return depths;
}

/** Windows and max-pools on the way from input to output, which together decide how long a frame takes. */
export function pathOf(layers: readonly Layer[]): { depth: number; pools: number; rectify: boolean } {
  const last = layers[layers.length - 1];
  return {
    depth: layerDepths(layers)[layers.length - 1],
    pools: layers.filter((layer) => layer.kind === "max_pool").length,
    rectify: isSpiking(last) && last.rectify,
  };
}
