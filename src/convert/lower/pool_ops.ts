/** Pools and residual additions. */

import { slidingOutput } from "../../core/shape.ts";
import type { OnnxNode } from "../onnx/model.ts";
import { axesOf } from "../onnx/constants.ts";
import {
  type Activation,
  activationOf,
  addLayer,
  baseOf,
  constantOf,
  type Lowering,
  refuse,
  setActivation,
  shapeOf,
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
  const values = node.inputs.map((_, i) => activationOf(state, node, i));
  const [first] = values;
  const shape = shapeOf(state, first);
  for (const value of values) {
    const fits = shapeOf(state, value).join() === shape.join() && value.layout === first.layout;
    if (!fits || value.dims.length !== first.dims.length || value.pad !== null) {
      refuse(`activations of one shape, [${first.dims.join(", ")}]`, `[${value.dims.join(", ")}]`);
    }
  }
  if (values.length < 2 || values.length > 8) refuse("two to eight activations", `${values.length}`);
  const layer = { ...baseOf(state, node, values, shape), kind: "add", layout: first.layout } as const;
  addLayer(state, node, layer, first);
  const made = state.activations.get(node.outputs[0])!;
  setActivation(state, node, { ...made, dims: first.dims, layout: first.layout, map: first.map });
}

// ---------------------------------------------------------------------------------------------------------------------

function checkAxes(state: Lowering, node: OnnxNode, value: Activation): void {
  const rank = value.dims.length;
  const axes = axesOf(node, constantOf(state, node, 1))?.map((axis) => (axis < 0 ? axis + rank : axis)).sort() ?? [];
  const wanted = rank === 3 ? "2" : value.layout === "chw" ? "2,3" : "1,2";
  if (rank < 3 || axes.join() !== wanted) refuse(`the mean over rows and columns (axes ${wanted})`, `axes [${axes}]`);
}
