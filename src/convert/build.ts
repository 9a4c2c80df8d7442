/** A source network and its scales to a Quartz network: normalised weights, shifts given back, names and indices. */

import type { Conv2dLayer, DenseLayer, Layer, Network } from "../core/network.ts";
import type { Shape } from "../core/shape.ts";
import { type Builder, codeWeights, inputMask, smallConstant, type Weighted } from "./code_weights.ts";
import { hasScale, hasWeights, isDepthwise, type SourceGraph, type SourceLayer } from "./graph.ts";
import type { Scales } from "./scales.ts";
import type { ShiftPlan } from "./shifts.ts";

/** A built network's layers, and where each source layer went. */
export interface Built {
  readonly layers: readonly Layer[];
  readonly input: Network["input"];
  readonly outputScale: number;
  /** Index in `layers` of each source layer. */
  readonly places: readonly number[];
}

/**
 * Builds the layers.
 *
 * @param graph with images' bytes / 255 as its input
 * @param unit levels in a coded 1.0
 */
export function buildLayers(graph: SourceGraph, plan: ShiftPlan, scales: Scales, unit: number): Built {
  const builder: Builder = { graph, plan, scales, unit, layers: [], places: [], constants: [], inputMask: -1 };
  if (plan.inputMasks > 0) builder.inputMask = addInputMask(builder);
  for (let index = 0; index < graph.layers.length; index++) {
    const layer = graph.layers[index];
    if (layer.kind === "conv2d") addConv(builder, layer, index);
    else if (layer.kind === "dense") addDense(builder, layer, index);
    else if (layer.kind === "add") addSum(builder, layer, index);
    else addPool(builder, layer, index);
    builder.constants.push(plan.biasChannels[index] && hasScale(layer) ? constantOf(builder, layer) : 0);
    builder.places.push(builder.layers.length - 1);
  }
  const [channels] = graph.input.shape;
  return {
    layers: builder.layers,
    input: {
      shape: graph.input.shape,
      color: channels === 3 ? "rgb" : "grey",
      mean: Array(channels).fill(0),
      std: Array(channels).fill(1),
    },
    outputScale: scales.scale[graph.layers.length - 1],
    places: builder.places,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** What a layer's bias channel codes: additions add those of their inputs up, and round. */
function constantOf({ plan, constants, scales, unit }: Builder, layer: SourceLayer): number {
  if (hasWeights(layer)) return smallConstant(unit);
  const scale = scales.scale[constants.length];
  const sum = layer.inputs.reduce((total, input) => {
    return total + Math.fround(scales.scale[input] / scale) * constants[plan.parts[input][0].layer];
  }, 0);
  return Math.floor(sum * unit + 0.5) / unit;
}

/** What was divided out of this layer's own weights. */
function ownScale(builder: Builder, layer: SourceLayer, index: number): number {
  const [input] = layer.inputs;
  return builder.scales.scale[index] / (input < 0 ? builder.graph.input.scale[0] : builder.scales.scale[input]);
}

function outputShapeOf({ plan }: Builder, layer: SourceLayer, index: number): Shape {
  const [channels, height, width] = layer.shape;
  const extras = plan.parts[index].reduce((sum, part) => sum + extrasOf(plan, part.layer) * part.positions, 0);
  return [channels + extras, height, width];
}

/** Channels that a layer with a scale has beyond the source network's. */
function extrasOf(plan: ShiftPlan, index: number): number {
  return index < 0 ? 0 : plan.masks[index] + (plan.biasChannels[index] ? 1 : 0);
}

function rectifies(builder: Builder, layer: SourceLayer, index: number): boolean {
  // Only the output may stay below zero: all other layers are shifted or have a ReLU.
  return layer.relu || index !== builder.graph.layers.length - 1 || builder.plan.shifted[index];
}

function addConv(builder: Builder, layer: Extract<SourceLayer, { kind: "conv2d" }>, index: number): void {
  const { weights, bias, input } = codeWeights(builder, layer, index);
  const conv: Conv2dLayer = {
    kind: "conv2d",
    name: layer.name,
    inputs: [input],
    shape: outputShapeOf(builder, layer, index),
    kernel: layer.kernel,
    stride: layer.stride,
    padding: layer.padding,
    dilation: layer.dilation,
    groups: layer.groups === 1 ? 1 : layer.groups + (isDepthwise(layer) ? extrasOf(builder.plan, index) : 0),
    weights,
    bias,
    scale: ownScale(builder, layer, index),
    rectify: rectifies(builder, layer, index),
  };
  builder.layers.push(conv);
}

function addDense(builder: Builder, layer: Extract<SourceLayer, { kind: "dense" }>, index: number): void {
  const { weights, bias, input } = codeWeights(builder, layer, index);
  const dense: DenseLayer = {
    kind: "dense",
    name: layer.name,
    inputs: [input],
    shape: outputShapeOf(builder, layer, index),
    weights,
    bias,
    scale: ownScale(builder, layer, index),
    rectify: rectifies(builder, layer, index),
  };
  builder.layers.push(dense);
}

function addPool(
  builder: Builder,
  layer: Exclude<SourceLayer, Weighted | { kind: "add" }>,
  index: number,
): void {
  const inputs = layer.inputs.map((input) => (input < 0 ? -1 : builder.places[input]));
  const base = { name: layer.name, inputs, shape: outputShapeOf(builder, layer, index) };
  const rectify = rectifies(builder, layer, index);
  switch (layer.kind) {
    case "flatten":
    case "concat":
      return void builder.layers.push({ ...base, kind: layer.kind });
    case "global_avg_pool":
      return void builder.layers.push({ ...base, kind: "global_avg_pool", rectify });
    case "max_pool": {
      const { kernel, stride, padding } = layer;
      return void builder.layers.push({ ...base, kind: "max_pool", kernel, stride, padding });
    }
    case "avg_pool": {
      const { kernel, stride, padding, countPadding } = layer;
      return void builder.layers.push({ ...base, kind: "avg_pool", kernel, stride, padding, countPadding, rectify });
    }
  }
}

/** An addition; with a ReLU, or at the output, each shifted input brings a layer of constants that takes its shift off. */
function addSum(builder: Builder, layer: Extract<SourceLayer, { kind: "add" }>, index: number): void {
  const { scales, graph, plan } = builder;
  const scale = scales.scale[index];
  const inputs: number[] = [];
  const weights: number[] = [];
  layer.inputs.forEach((input, position) => {
    const own = input < 0 ? graph.input.scale[0] : scales.scale[input];
    inputs.push(input < 0 ? -1 : builder.places[input]);
    weights.push(own / scale);
    if (input < 0 || scales.shift[input] === 0 || plan.shifted[index]) return;
    inputs.push(addConstant(builder, `${layer.name}.shift${position}`, input));
    weights.push(-own / scale);
  });
  builder.layers.push({
    kind: "add",
    name: layer.name,
    inputs,
    shape: outputShapeOf(builder, layer, index),
    weights: Float32Array.from(weights),
    rectify: rectifies(builder, layer, index),
  });
}

/** A layer beside `input`, of its shape, that always codes the input's shift. */
function addConstant(builder: Builder, name: string, input: number): number {
  const shape = outputShapeOf(builder, builder.graph.layers[input], input);
  const value = builder.scales.shift[input] / builder.scales.scale[input];
  const bias = new Float32Array(shape[0]).fill(value);
  if (builder.plan.biasChannels[input]) bias[shape[0] - 1] = 0;
  return pushPointwise(builder, { name, input: builder.places[input], shape, groups: shape[0] }, {
    weights: new Float32Array(shape[0]),
    bias,
  });
}

/** The input with more channels, the masks. */
function addInputMask(builder: Builder): number {
  const [channels, height, width] = builder.graph.input.shape;
  const outputs = channels + builder.plan.inputMasks;
  const weights = new Float32Array(outputs * channels);
  for (let i = 0; i < channels; i++) weights[i * channels + i] = 1;
  const bias = new Float32Array(outputs).fill(inputMask(builder.unit), channels);
  const shape: Shape = [outputs, height, width];
  return pushPointwise(builder, { name: "input.mask", input: -1, shape, groups: 1 }, { weights, bias });
}

function pushPointwise(
  builder: Builder,
  { name, input, shape, groups }: { name: string; input: number; shape: Shape; groups: number },
  numbers: { weights: Float32Array; bias: Float32Array },
): number {
  builder.layers.push({
    kind: "conv2d",
    name,
    inputs: [input],
    shape,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    groups,
    scale: 1,
    rectify: true,
    ...numbers,
  });
  return builder.layers.length - 1;
}
