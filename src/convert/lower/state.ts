/** What is known while a graph is read: values by name, layers so far, and the few operations on them that many nodes share. */

import type { Issue } from "../../core/errors.ts";
import type { Padding, Shape } from "../../core/shape.ts";
import { sizeOf } from "../../core/shape.ts";
import { hasScale, hasWeights, type Layout, type SourceInput, type SourceLayer } from "../graph.ts";
import type { Constant } from "../onnx/constants.ts";
import type { OnnxNode } from "../onnx/model.ts";

/** A value that a layer computes. */
export interface Activation {
  readonly layer: number;
  /** As ONNX sees it, batch of 1 first. */
  readonly dims: readonly number[];
  /** Order of the elements; of a vector too, when it was flattened in that order. */
  readonly layout: Layout;
  /** Height and width before it was flattened, channels: what `layout` refers to. */
  readonly map: Shape;
  /** False when the same layer's output has another user, so that nothing may be folded into the layer. */
  readonly exclusive: boolean;
  /** Zeros put around it by `Pad` and not yet part of a window. */
  readonly pad: Padding | null;
  /** True after a softmax: only the graph's output may use it. */
  readonly closed: boolean;
}

/** Everything about a graph that is being read. */
export interface Lowering {
  readonly layers: SourceLayer[];
  /** Whether a layer is the only user of its inputs. */
  readonly soleUser: boolean[];
  readonly constants: Map<string, Constant>;
  readonly activations: Map<string, Activation>;
  /** Users of each value, the graph's outputs included. */
  readonly users: ReadonlyMap<string, number>;
  readonly input: { -readonly [K in keyof SourceInput]: SourceInput[K] };
  readonly issues: Issue[];
  readonly notes: string[];
}

/** A node that cannot be converted, and what to do about it. */
export class Unsupported extends Error {
  readonly found: string;
  readonly hint: string | undefined;
  constructor(expected: string, found: string, hint?: string) {
    super(expected);
    this.found = found;
    this.hint = hint;
  }
}

/** Fails the node: *expected …, found …*. */
export function refuse(expected: string, found: string, hint?: string): never {
  throw new Unsupported(expected, found, hint);
}

/** A node's input that must be a layer's output. */
export function activationOf(state: Lowering, node: OnnxNode, position = 0): Activation {
  const name = node.inputs[position] ?? "";
  const value = state.activations.get(name);
  if (value === undefined) refuse(`an activation as input ${position}`, name === "" ? "none" : "a constant");
  if (value.closed) refuse("softmax at the end of the model only", "a node after it", "Export the model without it");
  return { ...value, exclusive: value.exclusive && (state.users.get(name) ?? 0) <= 1 };
}

/** A node's input that must be a constant; null when it is left out. */
export function constantOf(state: Lowering, node: OnnxNode, position: number): Constant | null {
  const name = node.inputs[position] ?? "";
  if (name === "") return null;
  const value = state.constants.get(name);
  if (value === undefined) refuse(`a constant as input ${position}`, "a computed value");
  return value;
}

/** Adds a layer and makes its output the node's. */
export function addLayer(state: Lowering, node: OnnxNode, layer: SourceLayer, from: Activation): void {
  state.soleUser.push(from.exclusive);
  state.layers.push(layer);
  const [channels, height, width] = layer.shape;
  const dims = from.dims.length === 4 ? [1, channels, height, width] : [1, channels];
  setActivation(state, node, {
    layer: state.layers.length - 1,
    dims,
    layout: "chw",
    map: layer.shape,
    exclusive: true,
    pad: null,
    closed: false,
  });
}

/** Makes a value the node's output. */
export function setActivation(state: Lowering, node: OnnxNode, value: Activation): void {
  state.activations.set(node.outputs[0], value);
}

/** Shape of what an activation holds, as a layer sees it. */
export function shapeOf(state: Lowering, value: Activation): Shape {
  return value.layer < 0 ? state.input.shape : state.layers[value.layer].shape;
}

/** The fields that all layers start with. */
export function baseOf(state: Lowering, node: OnnxNode, from: readonly Activation[], shape: Shape) {
  return {
    name: uniqueName(state, node),
    inputs: from.map((value) => value.layer),
    shape,
    tensor: node.outputs[0],
    layout: "chw" as Layout,
    relu: false,
    clip: null,
  };
}

/** Applies x · scale + offset a channel: into the layer before where that is possible, else as a layer of its own. */
export function applyAffine(
  state: Lowering,
  node: OnnxNode,
  value: Activation,
  scale: Float64Array,
  offset: Float64Array,
): void {
  const output = { ...value, exclusive: true };
  if (value.pad !== null) refuse("a convolution after Pad", node.op);
  if (value.layer < 0) {
    if (!value.exclusive || scale.some((factor) => !(factor > 0))) {
      refuse("a positive factor on an input that nothing else uses", "another one");
    }
    const { input } = state;
    input.offset = input.offset.map((number, channel) => number * scale[channel] + offset[channel]);
    input.scale = input.scale.map((number, channel) => number * scale[channel]);
    return setActivation(state, node, output);
  }
  const layer = state.layers[value.layer];
  if (value.exclusive && hasWeights(layer) && !layer.relu) {
    const fanIn = layer.weights.length / layer.bias.length;
    for (let out = 0; out < layer.bias.length; out++) {
      for (let i = out * fanIn; i < (out + 1) * fanIn; i++) layer.weights[i] *= scale[out];
      layer.bias[out] = layer.bias[out] * scale[out] + offset[out];
    }
    layer.tensor = node.outputs[0];
    layer.layout = value.layout;
    return setActivation(state, node, output);
  }
  addChannelwise(state, node, value, scale, offset);
}

/** A copy of a value in a layer of its own, which gives all of its channels one scale: the value as the node may use it. */
export function withOwnScale(state: Lowering, node: OnnxNode, value: Activation, name: string): Activation {
  const channels = shapeOf(state, value)[0];
  addChannelwise(state, node, value, new Float64Array(channels).fill(1), new Float64Array(channels));
  const layer = state.layers[state.layers.length - 1];
  Object.assign(layer, { tensor: name, layout: value.layout });
  // Not grouped: grouped layers cannot have or read the masks that values below zero bring, and an addition may need them.
  const weights = Float64Array.from({ length: channels ** 2 }, (_, i) => (i % (channels + 1) === 0 ? 1 : 0));
  Object.assign(layer, { groups: 1, weights });
  return state.activations.get(node.outputs[0])!;
}

/** True when a value's channels come from several layers, each with a scale of its own. */
export function isJoined(state: Lowering, index: number): boolean {
  if (index < 0) return false;
  const layer = state.layers[index];
  if (layer.kind === "concat") return true;
  return !hasScale(layer) && isJoined(state, layer.inputs[0]);
}

/** Makes negative values 0, and values above `clip` too when it is given: in the layer before or as a layer of its own. */
export function applyRelu(state: Lowering, node: OnnxNode, value: Activation, clip: number | null): void {
  if (value.exclusive && value.layer >= 0 && value.pad === null && rectify(state, value.layer, clip)) {
    return setActivation(state, node, value);
  }
  const channels = shapeOf(state, value)[0];
  addChannelwise(state, node, value, new Float64Array(channels).fill(1), new Float64Array(channels));
  const layer = state.layers[state.layers.length - 1];
  // What is measured is the value before the ReLU, which has the input's name.
  Object.assign(layer, { relu: true, clip, tensor: node.inputs[0], layout: value.layout });
}

// ---------------------------------------------------------------------------------------------------------------------

/** A 1x1 depthwise convolution: one neuron for each, with its channel's factor and offset. */
function addChannelwise(
  state: Lowering,
  node: OnnxNode,
  value: Activation,
  scale: Float64Array,
  offset: Float64Array,
): void {
  const shape = shapeOf(state, value);
  const base = baseOf(state, node, [value], shape);
  state.notes.push(
    `${base.name} (${node.op}) became a layer of its own, as what it reads has another user, a ReLU or no weights`,
  );
  addLayer(state, node, {
    ...base,
    kind: "conv2d",
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    groups: shape[0],
    weights: Float64Array.from(scale),
    bias: Float64Array.from(offset),
    layout: value.layout,
  }, value);
  // The value keeps the view that its user has of it.
  const made = state.activations.get(node.outputs[0])!;
  setActivation(state, node, { ...made, dims: value.dims, layout: value.layout, map: value.map });
}

/** Makes a layer's output a ReLU's, in it or before it; false where another user would see it. */
function rectify(state: Lowering, index: number, clip: number | null): boolean {
  const layers = rectifiable(state, index);
  for (const layer of layers ?? []) {
    layer.relu = true;
    if (clip !== null) layer.clip = Math.min(clip, layer.clip ?? Infinity);
  }
  return layers !== null;
}

/** The layers that a ReLU moves into: it passes through pools by maximum, flatten and concat. Null where it cannot. */
function rectifiable(state: Lowering, index: number): SourceLayer[] | null {
  if (index < 0) return null;
  const layer = state.layers[index];
  const passes = layer.kind === "max_pool" || layer.kind === "flatten" || layer.kind === "concat";
  if (!passes || layer.relu) return [layer];
  if (!state.soleUser[index]) return null;
  const found: SourceLayer[] = [];
  for (const input of layer.inputs) {
    const before = rectifiable(state, input);
    if (before === null) return null;
    found.push(...before);
  }
  return found;
}

const NAME_LENGTH_MAX = 120;

/** A node's name without its operation, `conv1` for `/conv1/Conv`, unless little would be left of it. */
function uniqueName(state: Lowering, node: OnnxNode): string {
  const whole = node.name.replace(/^\/+/, "").replaceAll("/", ".").slice(0, NAME_LENGTH_MAX) || "layer";
  const head = whole.endsWith(`.${node.op}`) ? whole.slice(0, -node.op.length - 1) : whole;
  const plain = /^[\d.]*$/.test(head) ? whole : head;
  const taken = (name: string) => name === "input" || state.layers.some((layer) => layer.name === name);
  let name = plain;
  for (let i = 2; taken(name); i++) name = `${plain}_${i}`;
  return name;
}

/** Where an activation's element number `i` stands in its layer's own channel-row-column order. */
export function elementOrder(value: Activation, i: number): number {
  const [channels, height, width] = value.map;
  if (value.layout === "chw") return i;
  const channel = i % channels;
  return channel * height * width + Math.floor(i / channels);
}

/** Elements of an activation. */
export function elementsOf(state: Lowering, value: Activation): number {
  return sizeOf(shapeOf(state, value));
}
