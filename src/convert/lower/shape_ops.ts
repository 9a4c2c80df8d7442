/** Nodes that move values without changing them: Reshape and its kin, Transpose, Pad. */

import { sizeOf } from "../../core/shape.ts";
import {
  allowZero,
  axesOf,
  count,
  flattenedDims,
  reshapedDims,
  squeezedDims,
  unsqueezedDims,
} from "../onnx/constants.ts";
import type { OnnxNode } from "../onnx/model.ts";
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
import { addPadding } from "./windows.ts";

/** Reshape, Flatten, Squeeze and Unsqueeze: all a new list of sizes. */
export function lowerReshape(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const { dims } = value;
  switch (node.op) {
    case "Flatten":
      return viewAs(state, node, value, flattenedDims(dims, node.attributes.get("axis")?.int ?? 1));
    case "Squeeze":
      return viewAs(state, node, value, squeezedDims(dims, axesOf(node, constantOf(state, node, 1))));
    case "Unsqueeze":
      return viewAs(state, node, value, unsqueezedDims(dims, axesOf(node, constantOf(state, node, 1)) ?? []));
    default: {
      const wanted = constantOf(state, node, 1);
      if (wanted === null) refuse("a shape", "none");
      return viewAs(state, node, value, reshapedDims(dims, [...wanted.values], allowZero(node)));
    }
  }
}

/** Between channels first and channels last. */
export function lowerTranspose(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const perm = (node.attributes.get("perm")?.ints ?? []).join();
  const dims = perm.split(",").map((axis) => value.dims[Number(axis)]);
  if (value.dims.length === 4 && perm === "0,3,1,2" && value.layout === "hwc") {
    return setActivation(state, node, { ...value, dims, layout: "chw" });
  }
  if (value.dims.length === 4 && perm === "0,2,3,1" && value.layout === "chw") {
    return setActivation(state, node, { ...value, dims, layout: "hwc" });
  }
  refuse("a transpose between channels first and channels last", `perm [${perm}] of [${value.dims.join(", ")}]`);
}

/** Zeros around a map, which become the padding of the convolution or pool that follows. */
export function lowerPad(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const pads = node.attributes.get("pads")?.ints ?? constantOf(state, node, 1)?.values;
  const fill = node.attributes.get("value")?.float ?? constantOf(state, node, 2)?.values[0] ?? 0;
  const mode = node.attributes.get("mode")?.text ?? "constant";
  if (mode !== "constant" || fill !== 0) refuse("padding by 0", `${mode} ${fill}`);
  if (value.dims.length !== 4 || pads?.length !== 8) refuse("eight pads of a map", `[${pads}]`);
  const [row, column] = value.layout === "chw" ? [2, 3] : [1, 2];
  const rest = [...pads].some((side, i) => side !== 0 && i % 4 !== row && i % 4 !== column);
  if (rest || [...pads].some((side) => side < 0)) refuse("pads from 0 on rows and columns", `[${[...pads]}]`);
  // Exporters put an empty Pad before every average pool.
  if ([...pads].every((side) => side === 0)) return setActivation(state, node, value);
  const dims = value.dims.map((size, i) => size + pads[i] + pads[i + 4]);
  const pad = addPadding([pads[row], pads[column], pads[row + 4], pads[column + 4]], value.pad);
  setActivation(state, node, { ...value, dims, pad });
}

// ---------------------------------------------------------------------------------------------------------------------

function viewAs(state: Lowering, node: OnnxNode, value: Activation, dims: readonly number[]): void {
  const shape = shapeOf(state, value);
  const [channels, height, width] = shape;
  const area = height * width;
  const elements = sizeOf(shape);
  const same = (...wanted: number[]) => wanted.length === dims.length && wanted.every((size, i) => size === dims[i]);
  if (value.pad !== null) refuse("a convolution after Pad", node.op);
  if (dims[0] !== 1 || count(dims) !== elements) {
    refuse("the batch as the first size", `[${dims.join(", ")}]`, "Flatten from axis 1, so that the batch stays");
  }
  // With one channel or one position both orders are the same one.
  const free = channels === 1 || area === 1;
  if (same(1, elements)) {
    if (area === 1) return setActivation(state, node, { ...value, dims, layout: "chw" });
    // The input needs no layer of its own to be read as a vector.
    if (value.layer < 0) return setActivation(state, node, { ...value, dims, map: shape });
    return flatten(state, node, value, dims);
  }
  if (same(1, channels, height, width) && (free || value.layout === "chw")) {
    return setActivation(state, node, { ...value, dims, layout: "chw", map: shape });
  }
  if (same(1, height, width, channels) && (free || value.layout === "hwc")) {
    return setActivation(state, node, { ...value, dims, layout: "hwc", map: shape });
  }
  const kept = dims.length === 3 && (channels === 1 || (dims[1] === channels && value.layout === "chw"));
  if (kept) return setActivation(state, node, { ...value, dims });
  refuse(`a vector of ${elements} or a map ${shape.join("x")}`, `[${dims.join(", ")}]`);
}

function flatten(state: Lowering, node: OnnxNode, value: Activation, dims: readonly number[]): void {
  const map = shapeOf(state, value);
  const layer = {
    ...baseOf(state, node, [value], [sizeOf(map), 1, 1]),
    kind: "flatten",
    layout: value.layout,
  } as const;
  addLayer(state, node, layer, value);
  setActivation(state, node, { ...state.activations.get(node.outputs[0])!, dims, layout: value.layout, map });
}
