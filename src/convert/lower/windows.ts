/** Windows: kernel, stride and padding of convolutions and pools, from the attributes' many forms to one. */

import type { Padding, Pair, Shape } from "../../core/shape.ts";
import type { OnnxNode } from "../onnx/model.ts";
import type { SourceWindow } from "../graph.ts";
import { type Activation, type Lowering, refuse, shapeOf } from "./state.ts";

/** A window and its dilation. */
export interface Window extends SourceWindow {
  readonly dilation: Pair;
}

/** The map under a window: four dimensions, channels first. */
export function mapShape(state: Lowering, value: Activation): Shape {
  if (value.dims.length !== 4) refuse("a map of channels, rows and columns", `[${value.dims.join(", ")}]`);
  const shape = shapeOf(state, value);
  if (value.layout !== "chw") refuse("channels before rows and columns", "channels last");
  return shape;
}

/**
 * Reads a node's window.
 *
 * @param kernel sizes, for convolutions those of the weights
 */
export function windowOf(node: OnnxNode, shape: Shape, kernel: Pair, before: Padding | null): Window {
  const pairOf = (name: string): Pair => {
    const list = node.attributes.get(name)?.ints;
    if (list === undefined || list.length === 0) return [1, 1];
    if (list.length !== 2 || list.some((size) => !(size >= 1))) refuse(`${name} of two numbers from 1`, `[${list}]`);
    return [list[0], list[1]];
  };
  const stride = pairOf("strides");
  const dilation = pairOf("dilations");
  const padding = addPadding(paddingOf(node, shape, { kernel, stride, dilation }), before);
  if (padding.some((side) => side < 0)) refuse("padding from 0", `[${padding}]`);
  return { kernel, stride, dilation, padding };
}

/**
 * A pool's window with `ceil_mode` made explicit: more padding below and to the right, so that rounding down gives the
 * size that rounding up gave.
 *
 * @returns the window, and whether padding was added
 */
export function ceilWindow(node: OnnxNode, shape: Shape, window: Window): { window: Window; added: boolean } {
  if (node.attributes.get("ceil_mode")?.int !== 1) return { window, added: false };
  const { kernel, stride, padding } = window;
  const extra = [0, 1].map((axis) => {
    const span = shape[1 + axis] + padding[axis] + padding[2 + axis] - kernel[axis];
    let last = Math.ceil(span / stride[axis]);
    // A window that would start in the padding after the map is left out.
    if (last * stride[axis] >= shape[1 + axis] + padding[axis]) last--;
    return Math.max(0, last * stride[axis] - span);
  });
  const padded: Padding = [padding[0], padding[1], padding[2] + extra[0], padding[3] + extra[1]];
  return { window: { ...window, padding: padded }, added: extra[0] + extra[1] > 0 };
}

/** Padding of both. */
export function addPadding(a: Padding, b: Padding | null): Padding {
  return b === null ? a : [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
}

// ---------------------------------------------------------------------------------------------------------------------

function paddingOf(node: OnnxNode, shape: Shape, window: Omit<Window, "padding">): Padding {
  const mode = node.attributes.get("auto_pad")?.text ?? "NOTSET";
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode === "NOTSET") {
    const list = node.attributes.get("pads")?.ints;
    if (list === undefined || list.length === 0) return [0, 0, 0, 0];
    if (list.length !== 4) refuse("pads of four numbers", `[${list}]`);
    return [list[0], list[1], list[2], list[3]];
  }
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") refuse("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode);
  const sides = [0, 1].map((axis) => {
    const size = shape[1 + axis];
    const reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / window.stride[axis]) - 1) * window.stride[axis] + reach - size);
    const small = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}
