/** Pools, and where branches meet. */

import { type Shape, slidingOutput } from "../../core/shape.ts";
import { CONCAT_INPUTS_MAX } from "../../model/manifest_schema.ts";
import type { OnnxNode } from "../onnx/model.ts";
import { axesOf } from "../onnx/constants.ts";
import {
  type Activation,
  activationOf,
  addLayer,
  baseOf,
  constantOf,
  isJoined,
  type Lowering,
  refuse,
  setActivation,
  shapeOf,
  withOwnScale,
} from "./state.ts";
import { ceilWindow, mapShape, windowOf } from "./windows.ts";

/** MaxPool, and AveragePool in both ways to count the border. */
export function lowerPool(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const shape = mapShape(state, value);
  const average = node.op === "AveragePool";
  // A zero never wins against values from 0, so it is as good as no value; an average counts it.
  const below = value.layer < 0 || !state.layers[value.layer].relu;
  if (value.pad !== null && !average && below) refuse("ReLU before padding for a pool by maximum", "another layer");
  if (!average && (state.users.get(node.outputs[1] ?? "") ?? 0) > 0) refuse("no use of the indices", "one");
  const sizes = node.attributes.get("kernel_shape")?.ints ?? [];
  if (sizes.length !== 2) refuse("kernel_shape of two numbers", `[${sizes}]`);
  const plain = windowOf(node, shape, [sizes[0], sizes[1]], value.pad);
  if (plain.dilation.some((step) => step !== 1)) refuse("a pool without dilation", `[${plain.dilation}]`);
  const { window, added } = ceilWindow(node, shape, plain);
  const own = (node.attributes.get("pads")?.ints ?? []).some((side) => side !== 0);
  const includes = node.attributes.get("count_include_pad")?.int === 1;
  if (average && value.pad !== null && own && !includes) refuse("one kind of padding", "Pad and pads");
  const counts = includes || value.pad !== null;
  // Rounding up makes windows hang over the padding that is counted: their divisor differs from window to window.
  if (average && counts && added) refuse("count_include_pad = 0 with ceil_mode", "1");
  if (window.padding.some((side, i) => side >= window.kernel[i % 2])) {
    refuse("padding smaller than the kernel", `[${window.padding}]`);
  }
  const [height, width] = slidingOutput(shape, window);
  if (!(height >= 1 && width >= 1)) refuse("a window that fits", `[${sizes}] on ${shape.join("x")}`);
  const { kernel, stride, padding } = window;
  const base = { ...baseOf(state, node, [value], [shape[0], height, width]), kernel, stride, padding };
  const padded = padding.some((side) => side > 0);
  if (average) addLayer(state, node, { ...base, kind: "avg_pool", countPadding: counts && padded }, value);
  else addLayer(state, node, { ...base, kind: "max_pool" }, value);
}

/** GlobalAveragePool, GlobalMaxPool and ReduceMean over all positions. */
export function lowerGlobalPool(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const shape = shapeOf(state, value);
  const [channels, height, width] = shape;
  if (value.pad !== null) refuse("a convolution after Pad", node.op);
  const keeps = node.op !== "ReduceMean" || (node.attributes.get("keepdims")?.int ?? 1) === 1;
  if (node.op === "ReduceMean") checkAxes(state, node, value);
  else mapShape(state, value);
  const base = baseOf(state, node, [value], [channels, 1, 1]);
  if (node.op === "GlobalMaxPool") {
    const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0, 0, 0] } as const;
    addLayer(state, node, { ...base, kind: "max_pool", ...window }, value);
  } else addLayer(state, node, { ...base, kind: "global_avg_pool" }, value);
  const made = state.activations.get(node.outputs[0])!;
  if (!keeps) setActivation(state, node, { ...made, dims: [1, channels] });
  else if (value.layout === "hwc") setActivation(state, node, { ...made, dims: [1, 1, 1, channels], layout: "hwc" });
}

/** Add or Sum of activations of one shape. */
export function lowerAdd(state: Lowering, node: OnnxNode): void {
  const given = node.inputs.map((_, i) => activationOf(state, node, i));
  const [first] = given;
  const shape = shapeOf(state, first);
  for (const value of given) {
    const fits = shapeOf(state, value).join() === shape.join() && value.layout === first.layout;
    if (!fits || value.dims.length !== first.dims.length || value.pad !== null) {
      refuse(`activations of one shape, [${first.dims.join(", ")}]`, `[${value.dims.join(", ")}]`);
    }
  }
  if (given.length < 2 || given.length > 8) refuse("two to eight activations", `${given.length}`);
  // An addition has one weight for all channels of an input.
  const values = given.map((value, i) =>
    isJoined(state, value.layer) ? withOwnScale(state, node, value, node.inputs[i]) : value
  );
  const layer = { ...baseOf(state, node, values, shape), kind: "add", layout: first.layout } as const;
  addLayer(state, node, layer, first);
  const made = state.activations.get(node.outputs[0])!;
  setActivation(state, node, { ...made, dims: first.dims, layout: first.layout, map: first.map });
}

/** Concat along the channels: wiring only, each branch keeps its own scale. */
export function lowerConcat(state: Lowering, node: OnnxNode): void {
  const values = node.inputs.map((_, i) => activationOf(state, node, i));
  const [first] = values;
  if (values.length === 1) return setActivation(state, node, first);
  if (values.length > CONCAT_INPUTS_MAX) refuse(`at most ${CONCAT_INPUTS_MAX} branches`, `${values.length}`);
  const rank = first.dims.length;
  const channelAxis = rank === 4 && first.layout === "hwc" ? 3 : 1;
  const axis = node.attributes.get("axis")?.int ?? 1;
  if ((axis < 0 ? axis + rank : axis) !== channelAxis || rank === 3) {
    refuse(`branches joined along their channels (axis ${channelAxis})`, `axis ${axis} of [${first.dims.join(", ")}]`);
  }
  const sizes = (value: Activation) => value.dims.filter((_, i) => i !== channelAxis).join(", ");
  for (const value of values) {
    const fits = value.dims.length === rank && sizes(value) === sizes(first);
    if (!fits || (rank === 4 && value.layout !== first.layout)) {
      refuse(`branches of one size, [${first.dims.join(", ")}]`, `[${value.dims.join(", ")}]`);
    }
    if (value.pad !== null) refuse("a convolution after Pad", node.op);
    // In any other order of elements a vector's channels would not stand together.
    const [channels, height, width] = value.map;
    const ordered = value.layout === "chw" || channels === 1 || height * width === 1;
    if (rank === 2 && (!ordered || value.layer < 0)) {
      refuse("vectors of layers, flattened channels first", "another one", "Join the maps, then flatten");
    }
  }
  const channels = values.reduce((sum, value) => sum + shapeOf(state, value)[0], 0);
  const [, height, width] = shapeOf(state, first);
  const shape: Shape = [channels, height, width];
  const layer = { ...baseOf(state, node, values, shape), kind: "concat", layout: first.layout } as const;
  addLayer(state, node, layer, { ...first, exclusive: values.every((value) => value.exclusive) });
  const made = state.activations.get(node.outputs[0])!;
  const dims = first.dims.map((size, i) => (i === channelAxis ? channels : size));
  setActivation(state, node, { ...made, dims, layout: rank === 2 ? "chw" : first.layout, map: shape });
}

// ---------------------------------------------------------------------------------------------------------------------

function checkAxes(state: Lowering, node: OnnxNode, value: Activation): void {
  const rank = value.dims.length;
  const axes = axesOf(node, constantOf(state, node, 1))?.map((axis) => (axis < 0 ? axis + rank : axis)).sort() ?? [];
  const wanted = rank === 3 ? "2" : value.layout === "chw" ? "2,3" : "1,2";
  if (rank < 3 || axes.join() !== wanted) refuse(`the mean over rows and columns (axes ${wanted})`, `axes [${axes}]`);
}
