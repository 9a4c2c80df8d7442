/** Nodes that become layers with weights: Conv, Gemm, MatMul, and what folds into them. */

import { slidingOutput } from "../../core/shape.ts";
import { type Constant, count } from "../onnx/constants.ts";
import type { OnnxNode } from "../onnx/model.ts";
import {
  type Activation,
  activationOf,
  addLayer,
  applyAffine,
  baseOf,
  constantOf,
  elementOrder,
  elementsOf,
  type Lowering,
  refuse,
  shapeOf,
} from "./state.ts";
import { mapShape, windowOf } from "./windows.ts";

/** Conv of maps: any kernel, groups, stride, dilation, padding. */
export function lowerConv(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const shape = mapShape(state, value);
  const kernel = constantOf(state, node, 1);
  const bias = constantOf(state, node, 2);
  if (kernel === null || kernel.dims.length !== 4) refuse("weights of four dimensions", `[${kernel?.dims}]`);
  const groups = node.attributes.get("group")?.int ?? 1;
  const [out, groupInputs, ky, kx] = kernel.dims;
  if (!(groups >= 1) || groupInputs * groups !== shape[0] || out % groups !== 0) {
    refuse(`weights for ${shape[0]} channels`, `[${kernel.dims}] in ${groups} group(s)`);
  }
  if (bias !== null && bias.values.length !== out) refuse(`a bias of ${out} numbers`, `[${bias.dims}]`);
  const window = windowOf(node, shape, [ky, kx], value.pad);
  const [height, width] = slidingOutput(shape, window);
  if (!(height >= 1 && width >= 1)) refuse("a window that fits", `${ky}x${kx} on ${shape.join("x")}`);
  addLayer(state, node, {
    ...baseOf(state, node, [value], [out, height, width]),
    kind: "conv2d",
    ...window,
    groups,
    weights: Float64Array.from(kernel.values),
    bias: bias === null ? new Float64Array(out) : Float64Array.from(bias.values),
  }, value);
}

/** Gemm: alpha · A · B + beta · C, with B and C constant. */
export function lowerGemm(state: Lowering, node: OnnxNode): void {
  const alpha = node.attributes.get("alpha")?.float ?? 1;
  const beta = node.attributes.get("beta")?.float ?? 1;
  if ((node.attributes.get("transA")?.int ?? 0) !== 0) refuse("transA = 0", "1");
  const weights = constantOf(state, node, 1);
  const bias = constantOf(state, node, 2);
  if (weights === null) refuse("weights", "none");
  const transposed = (node.attributes.get("transB")?.int ?? 0) !== 0;
  const layer = dense(state, node, activationOf(state, node), { weights, transposed });
  for (let i = 0; i < layer.weights.length; i++) layer.weights[i] *= alpha;
  if (bias === null) return;
  if (bias.values.length !== 1 && bias.values.length !== layer.bias.length) {
    refuse(`a bias of ${layer.bias.length} numbers`, `[${bias.dims}]`);
  }
  for (let i = 0; i < layer.bias.length; i++) layer.bias[i] = beta * bias.values[bias.values.length === 1 ? 0 : i];
}

/** MatMul by a constant matrix. */
export function lowerMatMul(state: Lowering, node: OnnxNode): void {
  const weights = constantOf(state, node, 1);
  if (weights === null) refuse("a constant matrix as input 1", "none");
  dense(state, node, activationOf(state, node), { weights, transposed: false });
}

/** BatchNormalization as it is at inference: a factor and an offset a channel. */
export function lowerBatchNorm(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  if ((node.attributes.get("training_mode")?.int ?? 0) !== 0) {
    refuse("an exported model for inference", "training mode");
  }
  const [gain, shift, mean, variance] = [1, 2, 3, 4].map((i) => constantOf(state, node, i)!);
  const channels = shapeOf(state, value)[0];
  for (const list of [gain, shift, mean, variance]) {
    if (list?.values.length !== channels) refuse(`${channels} numbers, one a channel`, `[${list?.dims}]`);
  }
  const epsilon = node.attributes.get("epsilon")?.float ?? 1e-5;
  const scale = gain.values.length === 0 ? new Float64Array(0) : new Float64Array(channels);
  const offset = new Float64Array(channels);
  for (let i = 0; i < channels; i++) {
    scale[i] = gain.values[i] / Math.sqrt(variance.values[i] + epsilon);
    offset[i] = shift.values[i] - mean.values[i] * scale[i];
  }
  applyAffine(state, node, value, scale, offset);
}

/** Add, Sub, Mul or Div of an activation by a constant that is the same at every position. */
export function lowerByConstant(state: Lowering, node: OnnxNode, constant: Constant, activation: Activation): void {
  const channels = shapeOf(state, activation)[0];
  const list = alongChannels(constant, activation, channels);
  const constantFirst = state.constants.has(node.inputs[0]);
  const scale = new Float64Array(channels).fill(1);
  const offset = new Float64Array(channels);
  for (let i = 0; i < channels; i++) {
    const value = list[list.length === 1 ? 0 : i];
    if (node.op === "Add") offset[i] = value;
    else if (node.op === "Mul") scale[i] = value;
    else if (node.op === "Sub") {
      scale[i] = constantFirst ? -1 : 1;
      offset[i] = constantFirst ? value : -value;
    } else if (constantFirst) refuse("a division by a constant", "a constant divided by an activation");
    else scale[i] = 1 / value;
  }
  applyAffine(state, node, activation, scale, offset);
}

// ---------------------------------------------------------------------------------------------------------------------

function dense(
  state: Lowering,
  node: OnnxNode,
  value: Activation,
  { weights, transposed }: { weights: Constant; transposed: boolean },
): { weights: Float64Array; bias: Float64Array } {
  const fanIn = elementsOf(state, value);
  if (value.dims.length !== 2) {
    refuse("a vector [1, n] as input 0", `[${value.dims.join(", ")}]`, "Put a Flatten before the dense layer");
  }
  if (weights.dims.length !== 2 || weights.dims[transposed ? 1 : 0] !== fanIn) {
    refuse(`a matrix for ${fanIn} inputs`, `[${weights.dims.join(", ")}]`);
  }
  const out = weights.dims[transposed ? 0 : 1];
  const layer = { weights: new Float64Array(out * fanIn), bias: new Float64Array(out) };
  for (let i = 0; i < fanIn; i++) {
    const column = elementOrder(value, i);
    for (let o = 0; o < out; o++) {
      layer.weights[o * fanIn + column] = weights.values[transposed ? o * fanIn + i : i * out + o];
    }
  }
  addLayer(state, node, { ...baseOf(state, node, [value], [out, 1, 1]), kind: "dense", ...layer }, value);
  return layer;
}

/** A constant's numbers when it varies along the channels at most. */
function alongChannels(constant: Constant, value: Activation, channels: number): Float32Array | Float64Array {
  const { dims, values } = constant;
  if (values.length === 1) return values;
  const rank = value.dims.length;
  const axis = rank === 4 && value.layout === "hwc" ? 3 : 1;
  const aligned = [...Array<number>(Math.max(0, rank - dims.length)).fill(1), ...dims];
  const other = aligned.some((size, i) => size !== 1 && i !== axis);
  if (aligned.length !== rank || other || count(dims) !== channels) {
    refuse(`a constant of 1 or ${channels} numbers along the channels`, `[${dims.join(", ")}]`);
  }
  if (rank !== 4 && value.layout === "hwc") refuse("one number for all of a flattened map", `[${dims.join(", ")}]`);
  return values;
}
