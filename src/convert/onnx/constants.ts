/** Arithmetic on constants: what exporters leave of shapes, transposed weights and folded parameters. */

import type { OnnxNode } from "./model.ts";

/** A constant: its sizes and values, row-major. */
export interface Constant {
  readonly dims: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/** Most elements that folding may make: one weight tensor's worth. */
const ELEMENTS_MAX = 2 ** 27;

/**
 * Computes a node whose inputs are all constants.
 *
 * @param inputs null for an optional input left out
 * @returns null when the operation is not one that this file knows
 */
export function foldConstants(node: OnnxNode, inputs: readonly (Constant | null)[]): Constant | null {
  const [a, b] = inputs;
  switch (node.op) {
    case "Constant":
      return constantOf(node);
    case "Identity":
    case "Dropout":
      return a;
    case "Cast":
      return a && castTo(a, node.attributes.get("to")?.int ?? 0);
    case "Reshape":
      return a && b && { dims: reshapedDims(a.dims, [...b.values], allowZero(node)), values: a.values };
    case "Flatten":
      return a && { dims: flattenedDims(a.dims, node.attributes.get("axis")?.int ?? 1), values: a.values };
    case "Squeeze":
      return a && { dims: squeezedDims(a.dims, axesOf(node, b ?? null)), values: a.values };
    case "Unsqueeze":
      return a && { dims: unsqueezedDims(a.dims, axesOf(node, b ?? null) ?? []), values: a.values };
    case "Shape":
      return a && vector(a.dims);
    case "Transpose":
      return a && transposed(a, node.attributes.get("perm")?.ints ?? []);
    case "Gather":
      return a && b && gather(a, b, node.attributes.get("axis")?.int ?? 0);
    case "Concat":
      return concat(inputs);
    case "Slice":
      return a && slice(node, inputs);
    case "ConstantOfShape":
      return a && filled([...a.values], node.attributes.get("value")?.tensor?.values[0] ?? 0);
    case "Sqrt":
      return a && { dims: a.dims, values: Float64Array.from(a.values, Math.sqrt) };
    case "Reciprocal":
      return a && { dims: a.dims, values: Float64Array.from(a.values, (value) => 1 / value) };
    case "Neg":
      return a && { dims: a.dims, values: Float64Array.from(a.values, (value) => -value) };
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
    case "Pow":
      return a && b ? broadcast(a, b, ARITHMETIC[node.op]) : null;
    default:
      return null;
  }
}

/** Sizes after `Reshape`: 0 keeps a size, one −1 takes what is left. */
export function reshapedDims(dims: readonly number[], wanted: readonly number[], zeroIsZero = false): number[] {
  const result = wanted.map((size, i) => (size === 0 && !zeroIsZero ? dims[i] ?? 0 : size));
  const total = count(dims);
  const known = result.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const open = result.indexOf(-1);
  if (open >= 0) result[open] = known === 0 ? 0 : total / known;
  if (count(result) !== total || result.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw new RangeError(`[${dims.join(", ")}] cannot become [${wanted.join(", ")}]`);
  }
  return result;
}

/** Sizes after `Flatten`: two of them. */
export function flattenedDims(dims: readonly number[], axis: number): number[] {
  const at = axis < 0 ? axis + dims.length : axis;
  return [count(dims.slice(0, at)), count(dims.slice(at))];
}

/** Sizes after `Squeeze`; `axes` null drops every 1. */
export function squeezedDims(dims: readonly number[], axes: readonly number[] | null): number[] {
  const drop = axes?.map((axis) => (axis < 0 ? axis + dims.length : axis));
  if (drop?.some((axis) => dims[axis] !== 1)) {
    throw new RangeError(`axes [${axes}] of [${dims.join(", ")}] are not all 1`);
  }
  return dims.filter((size, i) => (drop === undefined ? size !== 1 : !drop.includes(i)));
}

/** Sizes after `Unsqueeze`. */
export function unsqueezedDims(dims: readonly number[], axes: readonly number[]): number[] {
  const rank = dims.length + axes.length;
  const put = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...dims];
  return Array.from({ length: rank }, (_, i) => (put.includes(i) ? 1 : rest.shift() ?? 1));
}

/** A node's axes: an attribute in older operator sets, the second input in newer ones; null when neither is there. */
export function axesOf(node: OnnxNode, input: Constant | null): number[] | null {
  const listed = node.attributes.get("axes")?.ints;
  return listed !== undefined ? [...listed] : input === null ? null : [...input.values];
}

/** Elements in these sizes. */
export function count(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** True when `Reshape` takes a 0 for a size of 0. */
export function allowZero(node: OnnxNode): boolean {
  return node.attributes.get("allowzero")?.int === 1;
}

// ---------------------------------------------------------------------------------------------------------------------

const ARITHMETIC: Readonly<Record<"Add" | "Sub" | "Mul" | "Div" | "Pow", (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
};

function constantOf(node: OnnxNode): Constant | null {
  const { attributes } = node;
  const tensor = attributes.get("value")?.tensor;
  if (tensor !== undefined) return tensor;
  const one = attributes.get("value_int")?.int ?? attributes.get("value_float")?.float;
  if (one !== undefined) return { dims: [], values: Float64Array.of(one) };
  const ints = attributes.get("value_ints")?.ints;
  if (ints !== undefined) return vector(ints);
  const floats = attributes.get("value_floats")?.floats;
  return floats === undefined ? null : vector(floats);
}

/** Casts to whole-number types cut the fraction off; all others change nothing here. */
function castTo(a: Constant, type: number): Constant {
  const whole = type >= 2 && type <= 7;
  return whole ? { dims: a.dims, values: Float64Array.from(a.values, Math.trunc) } : a;
}

function vector(list: readonly number[]): Constant {
  return { dims: [list.length], values: Float64Array.from(list) };
}

function filled(dims: number[], value: number): Constant {
  return { dims, values: new Float64Array(checked(count(dims))).fill(value) };
}

function transposed(a: Constant, perm: readonly number[]): Constant {
  const order = perm.length === 0 ? a.dims.map((_, i) => a.dims.length - 1 - i) : perm;
  const dims = order.map((axis) => a.dims[axis]);
  const strides = a.dims.map((_, i) => count(a.dims.slice(i + 1)));
  const values = new Float64Array(a.values.length);
  const place = dims.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    let from = 0;
    for (let k = 0; k < place.length; k++) from += place[k] * strides[order[k]];
    values[i] = a.values[from];
    for (let k = place.length - 1; k >= 0 && ++place[k] === dims[k]; k--) place[k] = 0;
  }
  return { dims, values };
}

/** Along the first axis, which is all that shapes need. */
function gather(a: Constant, indices: Constant, axis: number): Constant | null {
  if (axis !== 0 || a.dims.length === 0) return null;
  const row = count(a.dims.slice(1));
  const values = new Float64Array(checked(indices.values.length * row));
  indices.values.forEach((index, i) => {
    const at = index < 0 ? index + a.dims[0] : index;
    values.set(a.values.subarray(at * row, (at + 1) * row), i * row);
  });
  return { dims: [...indices.dims, ...a.dims.slice(1)], values };
}

function concat(inputs: readonly (Constant | null)[]): Constant | null {
  if (inputs.some((input) => input === null || input.dims.length !== 1)) return null;
  return vector(inputs.flatMap((input) => [...input!.values]));
}

/** Of vectors only. */
function slice(node: OnnxNode, inputs: readonly (Constant | null)[]): Constant | null {
  const [a, starts, ends, , steps] = inputs;
  const start = starts?.values[0] ?? node.attributes.get("starts")?.ints?.[0];
  const end = ends?.values[0] ?? node.attributes.get("ends")?.ints?.[0];
  if (a === null || a.dims.length !== 1 || start === undefined || end === undefined) return null;
  if ((steps?.values[0] ?? 1) !== 1) return null;
  return vector([...a.values].slice(start, end));
}

function broadcast(a: Constant, b: Constant, compute: (a: number, b: number) => number): Constant {
  const rank = Math.max(a.dims.length, b.dims.length);
  const pad = (dims: readonly number[]) => [...Array<number>(rank - dims.length).fill(1), ...dims];
  const [da, db] = [pad(a.dims), pad(b.dims)];
  const dims = da.map((size, i) => {
    if (size !== db[i] && size !== 1 && db[i] !== 1) {
      throw new RangeError(`[${a.dims}] and [${b.dims}] do not go together`);
    }
    return size === 1 ? db[i] : size;
  });
  const stride = (own: number[]) => own.map((size, i) => (size === 1 ? 0 : count(own.slice(i + 1))));
  const [sa, sb] = [stride(da), stride(db)];
  const values = new Float64Array(checked(count(dims)));
  const place = dims.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    let ia = 0;
    let ib = 0;
    for (let k = 0; k < rank; k++) {
      ia += place[k] * sa[k];
      ib += place[k] * sb[k];
    }
    values[i] = compute(a.values[ia], b.values[ib]);
    for (let k = rank - 1; k >= 0 && ++place[k] === dims[k]; k--) place[k] = 0;
  }
  return { dims, values };
}

function checked(elements: number): number {
  if (!(elements >= 0 && elements <= ELEMENTS_MAX)) throw new RangeError(`${elements} elements are too many`);
  return elements;
}
