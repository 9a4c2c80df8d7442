/** The source network between ONNX and Quartz: layers that a Quartz network can have, with the source's own numbers. */

import type { Padding, Pair, Shape } from "../core/shape.ts";

/** What every layer of the source network has. */
export interface SourceBase {
  /** Unique; the ONNX node's. */
  readonly name: string;
  /** Indices of earlier layers; −1 is the input. */
  inputs: number[];
  /** `[channels, height, width]`. */
  readonly shape: Shape;
  /** ONNX value that holds this layer's output before its ReLU; its elements may be in another order, see `layout`. */
  tensor: string;
  /** Order of `tensor`: `chw`, or `hwc` where the model went through a transpose. */
  layout: Layout;
  /** True: negative values become 0. */
  relu: boolean;
  /** Upper bound of the activation (6 for ReLU6), or null. */
  clip: number | null;
}

/** Order of a value's elements after the batch dimension. */
export type Layout = "chw" | "hwc";

/** Weights and bias as the source has them, folded. */
export interface SourceWeights {
  /** `conv2d`: `[out, in / groups, kernel y, kernel x]`; `dense`: `[out, in]`, inputs in channel, row, column order. */
  weights: Float64Array;
  /** `[out]`. */
  bias: Float64Array;
}

/** A window that slides. */
export interface SourceWindow {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}

/** A layer of the source network. Its fields are completed while the graph is read (ReLU, BatchNorm fold into it). */
export type SourceLayer =
  & SourceBase
  & (
    | ({ readonly kind: "conv2d"; readonly dilation: Pair; readonly groups: number } & SourceWindow & SourceWeights)
    | ({ readonly kind: "dense" } & SourceWeights)
    | ({ readonly kind: "max_pool" } & SourceWindow)
    | ({ readonly kind: "avg_pool"; readonly countPadding: boolean } & SourceWindow)
    | { readonly kind: "global_avg_pool" }
    | { readonly kind: "flatten" }
    | { readonly kind: "concat" }
    | { readonly kind: "add" }
  );

/** What the model does to its input before the first layer, one number a channel: x · scale + offset. */
export interface SourceInput {
  readonly name: string;
  readonly shape: Shape;
  readonly layout: Layout;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** A whole source network; the last layer is the output. */
export interface SourceGraph {
  readonly input: SourceInput;
  readonly layers: readonly SourceLayer[];
  /** ONNX value with the classes' scores, `[batch, classes]`, softmax left out. */
  readonly output: string;
  /** What was changed or left out, for the report. */
  readonly notes: readonly string[];
}

/** True for layers with a scale of their own: all others pass on what they read. */
export function hasScale(layer: SourceLayer): boolean {
  return hasWeights(layer) || layer.kind === "add";
}

/** True for the layers whose weights can be scaled. */
export function hasWeights(layer: SourceLayer): layer is Extract<SourceLayer, SourceWeights> {
  return layer.kind === "conv2d" || layer.kind === "dense";
}

/** True for a convolution whose groups have one channel each, in and out. */
export function isDepthwise(layer: SourceLayer): boolean {
  return layer.kind === "conv2d" && layer.groups > 1 && layer.groups === layer.bias.length &&
    layer.weights.length === layer.bias.length * layer.kernel[0] * layer.kernel[1];
}

/** True when a layer's weights can mix a mask or a bias channel in: it has one group. */
export function readsExtras(layer: SourceLayer): boolean {
  return layer.kind === "dense" || (layer.kind === "conv2d" && layer.groups === 1);
}

/** True for a convolution with zeros around its input. */
export function isPadded(layer: SourceLayer): boolean {
  return layer.kind === "conv2d" && layer.padding.some((side) => side > 0);
}
