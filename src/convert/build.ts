/** A source network and its scales to a Quartz network: normalised weights, shifts given back, names and indices. */

import type { Conv2dLayer, DenseLayer, Layer, Network } from "../core/network.ts";
import type { Shape } from "../core/shape.ts";
import { roundHalfEven } from "../ttfs/timing.ts";
import { hasWeights, type SourceGraph, type SourceLayer } from "./graph.ts";
import { biasCorrection, inputChannel, type Scales } from "./scales.ts";
import { INPUT_MASK, isDepthwise, isPadded, readsExtras, type ShiftPlan } from "./shifts.ts";

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
    builder.constants.push(plan.biasChannels[index] ? constantOf(builder, layer) : 0);
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

interface Builder {
  readonly graph: SourceGraph;
  readonly plan: ShiftPlan;
  readonly scales: Scales;
  readonly unit: number;
  readonly layers: Layer[];
  readonly places: number[];
  /** What each source layer's bias channel codes; 0 for none. */
  readonly constants: number[];
  /** Index of the layer that adds a mask to the input, −1 without one. */
  inputMask: number;
}

/** What a layer with weights reads: where it is, and how to take its shift off. */
interface Source {
  readonly index: number;
  /** How many masks it has, and what they code. */
  readonly masks: number;
  readonly mask: number;
  /** What its bias channel codes, and whether it has one. */
  readonly constant: number;
  readonly biasChannels: number;
  /** Scale and shift of the weight's channel. */
  scaleOf(weight: number): number;
  shiftOf(weight: number): number;
}

type Weighted = Extract<SourceLayer, { bias: Float64Array }>;

function sourceOf(builder: Builder, layer: Weighted): Source {
  const { graph, plan, scales } = builder;
  const [input] = layer.inputs;
  if (input >= 0) {
    const [scale, shift] = [scales.scale[input], scales.shift[input]];
    const index = builder.places[input];
    const biasChannels = plan.biasChannels[input] ? 1 : 0;
    const constant = builder.constants[input];
    const extras = { masks: plan.masks[input], mask: shift / scale, biasChannels, constant };
    return { index, ...extras, scaleOf: () => scale, shiftOf: () => shift };
  }
  const masked = builder.inputMask >= 0 && isPadded(layer);
  return {
    index: masked ? builder.inputMask : -1,
    masks: masked ? plan.inputMasks : 0,
    mask: inputMask(builder.unit),
    biasChannels: 0,
    constant: 0,
    scaleOf: (weight) => graph.input.scale[inputChannel(graph, layer, weight)],
    shiftOf: (weight) => -graph.input.offset[inputChannel(graph, layer, weight)],
  };
}

/**
 * Weights of a layer, coded: `[out][group input][tap]`, with more group inputs for the masks, and more outputs for masks of
 * its own, which have no weights.
 */
function codeWeights(builder: Builder, layer: Weighted, index: number, taps: number): {
  weights: Float32Array;
  bias: Float32Array;
  source: Source;
} {
  const { graph, plan, scales } = builder;
  const source = sourceOf(builder, layer);
  const [scale, shift] = [scales.scale[index], scales.shift[index]];
  const out = layer.bias.length;
  const outputs = out + plan.masks[index] + (plan.biasChannels[index] ? 1 : 0);
  const inputs = layer.weights.length / out / taps;
  const mixes = readsExtras(layer);
  const columns = inputs + (mixes ? source.masks + source.biasChannels : 0);
  const weights = new Float32Array(outputs * columns * taps);
  for (let o = 0; o < out; o++) {
    for (let tap = 0; tap < taps; tap++) {
      let shifts = 0;
      for (let i = 0; i < inputs; i++) {
        const at = (o * inputs + i) * taps + tap;
        weights[(o * columns + i) * taps + tap] = layer.weights[at] * source.scaleOf(at) / scale;
        shifts += layer.weights[at] * source.shiftOf(at);
      }
      // A mask of 0 belongs to a layer that only has it because another one in its sums needs one.
      if (source.mask === 0 || !mixes) continue;
      for (let i = inputs; i < inputs + source.masks; i++) {
        weights[(o * columns + i) * taps + tap] = -shifts / (source.mask * scale * source.masks);
      }
    }
  }
  const correction = biasCorrection(graph, plan, scales.shift, layer);
  const rest = restOfBias(source);
  const bias = new Float32Array(outputs);
  for (let o = 0; o < out; o++) {
    bias[o] = (layer.bias[o] - correction[o] + shift) / scale;
    if (!mixes || rest === null) continue;
    const whole = Math.fround(roundHalfEven(bias[o] * builder.unit) / builder.unit);
    weights[(o * columns + inputs + rest.column) * taps + innerTap(layer)] += (bias[o] - whole) / rest.codes;
    bias[o] = whole;
  }
  bias.fill(shift / scale, out, out + plan.masks[index]);
  if (plan.biasChannels[index]) bias[outputs - 1] = smallConstant(builder.unit);
  return { weights, bias, source };
}

/** The channel that brings what rounding leaves of a bias, counted from the first mask; null when there is none. */
function restOfBias(source: Source): { column: number; codes: number } | null {
  if (source.constant > 0) return { column: source.masks, codes: source.constant };
  return source.masks > 0 && source.mask > 0 ? { column: 0, codes: source.mask } : null;
}

/** What the input's masks code: a whole level, as a spike cannot code any other. */
function inputMask(unit: number): number {
  return Math.round(unit * INPUT_MASK) / unit;
}

/** What a bias channel codes where it starts: small, so that the weights on it are not lost in those of the layer. */
function smallConstant(unit: number): number {
  return Math.max(1, Math.round(unit / 8)) / unit;
}

/** What a layer's bias channel codes: additions add those of their inputs up, and round. */
function constantOf({ constants, scales, unit }: Builder, layer: SourceLayer): number {
  if (hasWeights(layer)) return smallConstant(unit);
  if (layer.kind !== "add") return constants[layer.inputs[0]];
  const scale = scales.scale[constants.length];
  const sum = layer.inputs.reduce(
    (total, input) => total + Math.fround(scales.scale[input] / scale) * constants[input],
    0,
  );
  return Math.floor(sum * unit + 0.5) / unit;
}

/** A tap of a window that lies on the map at the border too. */
function innerTap(layer: Weighted): number {
  if (layer.kind === "dense") return 0;
  const [y, x] = [0, 1].map((axis) =>
    Math.min(layer.kernel[axis] - 1, Math.ceil(layer.padding[axis] / layer.dilation[axis]))
  );
  return y * layer.kernel[1] + x;
}

/** What was divided out of this layer's own weights. */
function ownScale(builder: Builder, layer: SourceLayer, index: number): number {
  const [input] = layer.inputs;
  return builder.scales.scale[index] / (input < 0 ? builder.graph.input.scale[0] : builder.scales.scale[input]);
}

function outputShapeOf(builder: Builder, layer: SourceLayer, index: number): Shape {
  const [channels, height, width] = layer.shape;
  const extras = extrasOf(builder, index);
  if (extras === 0) return layer.shape;
  if (layer.kind !== "flatten") return [channels + extras, height, width];
  const source = builder.graph.layers[layer.inputs[0]].shape;
  return [channels + extras * source[1] * source[2], 1, 1];
}

/** Channels that a layer has beyond the source network's. */
function extrasOf({ plan }: Builder, index: number): number {
  return plan.masks[index] + (plan.biasChannels[index] ? 1 : 0);
}

function rectifies(builder: Builder, layer: SourceLayer, index: number): boolean {
  // Only the output may stay below zero: all other layers are shifted or have a ReLU.
  return layer.relu || index !== builder.graph.layers.length - 1 || builder.plan.shifted[index];
}

function addConv(builder: Builder, layer: Extract<SourceLayer, { kind: "conv2d" }>, index: number): void {
  const taps = layer.kernel[0] * layer.kernel[1];
  const { weights, bias, source } = codeWeights(builder, layer, index, taps);
  const conv: Conv2dLayer = {
    kind: "conv2d",
    name: layer.name,
    inputs: [source.index],
    shape: outputShapeOf(builder, layer, index),
    kernel: layer.kernel,
    stride: layer.stride,
    padding: layer.padding,
    dilation: layer.dilation,
    groups: layer.groups === 1 ? 1 : layer.groups + (isDepthwise(layer) ? extrasOf(builder, index) : 0),
    weights,
    bias,
    scale: ownScale(builder, layer, index),
    rectify: rectifies(builder, layer, index),
  };
  builder.layers.push(conv);
}

function addDense(builder: Builder, layer: Extract<SourceLayer, { kind: "dense" }>, index: number): void {
  // A map's mask is one more channel, i.e. one more number for each of its positions.
  const { weights, bias, source } = codeWeights(builder, layer, index, positionsBefore(builder.graph, layer));
  const dense: DenseLayer = {
    kind: "dense",
    name: layer.name,
    inputs: [source.index],
    shape: outputShapeOf(builder, layer, index),
    weights,
    bias,
    scale: ownScale(builder, layer, index),
    rectify: rectifies(builder, layer, index),
  };
  builder.layers.push(dense);
}

/** Height · width of the map that a dense layer reads, through its flatten. */
function positionsBefore(graph: SourceGraph, layer: SourceLayer): number {
  let [input] = layer.inputs;
  while (input >= 0 && graph.layers[input].kind === "flatten") [input] = graph.layers[input].inputs;
  const shape = input < 0 ? graph.input.shape : graph.layers[input].shape;
  return shape[1] * shape[2];
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
      return void builder.layers.push({ ...base, kind: "flatten" });
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
