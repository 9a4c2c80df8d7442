/** An ONNX graph to the layers that a Quartz network can have, or one error that lists every node that cannot be one. */

import { type Issue, ModelError } from "../../core/errors.ts";
import type { Shape } from "../../core/shape.ts";
import { hasWeights, type SourceGraph, type SourceLayer } from "../graph.ts";
import { foldConstants } from "../onnx/constants.ts";
import type { OnnxModel, OnnxNode } from "../onnx/model.ts";
import { lowerAdd, lowerConcat, lowerGlobalPool, lowerPool } from "./pool_ops.ts";
import { lowerPad, lowerReshape, lowerTranspose } from "./shape_ops.ts";
import { readInput } from "./input.ts";
import {
  type Activation,
  activationOf,
  applyRelu,
  constantOf,
  isJoined,
  type Lowering,
  refuse,
  setActivation,
  Unsupported,
  withOwnScale,
} from "./state.ts";
import { lowerBatchNorm, lowerByConstant, lowerConv, lowerGemm, lowerMatMul } from "./weighted_ops.ts";

/** Most layers in a network. */
const LAYERS_MAX = 1024;

/**
 * Reads a model's graph.
 *
 * @param frame size of the images that the network will see; decides sizes that the model leaves open
 * @param path what to call the model in errors
 * @throws {ModelError} `convert.unsupported` with every node that cannot be converted
 */
export function lowerModel(model: OnnxModel, frame: Shape, path: string): SourceGraph {
  const issues: Issue[] = [];
  if (model.outputs.length !== 1) {
    const found = model.outputs.map((output) => JSON.stringify(output.name)).join(", ");
    issues.push({ where: "graph", expected: "one output, the classes' scores", found: `${found}` });
    throw unsupported(path, issues);
  }
  const output = model.outputs[0].name;
  const needed = neededNodes(model, output);
  const state: Lowering = {
    layers: [],
    soleUser: [],
    constants: new Map([...model.initializers]),
    activations: new Map(),
    users: countUsers(needed, output),
    input: readInput(model, frame, issues),
    issues,
    notes: [],
  };
  if (issues.length > 0) throw unsupported(path, issues);
  const { name, shape, layout } = state.input;
  const dims = model.inputs[0].dims!.map((size, i) => inputDim(size, i, model.inputs[0].dims!.length, state.input));
  state.activations.set(name, { layer: -1, dims, layout, map: shape, exclusive: true, pad: null, closed: false });
  for (const node of needed) lowerNode(state, node);
  const result = state.activations.get(output);
  if (issues.length === 0 && (result === undefined || result.layer < 0)) {
    issues.push({ where: `output ${JSON.stringify(output)}`, expected: "a layer's output", found: "none" });
  }
  if (issues.length > 0) throw unsupported(path, issues);
  const layers = usedLayers(state.layers, outputLayer(state, result!, output));
  checkNumbers(layers, issues);
  if (layers.length > LAYERS_MAX) {
    issues.push({ where: "graph", expected: `at most ${LAYERS_MAX} layers`, found: `${layers.length}` });
  }
  if (issues.length > 0) throw unsupported(path, issues);
  return { input: state.input, layers, output, notes: state.notes };
}

/** Operations that can be converted, for help texts. */
export function supportedOperations(): string[] {
  return [...HANDLERS.keys()].sort();
}

// ---------------------------------------------------------------------------------------------------------------------

const HANDLERS: ReadonlyMap<string, (state: Lowering, node: OnnxNode) => void> = new Map([
  ["Conv", lowerConv],
  ["Gemm", lowerGemm],
  ["MatMul", lowerMatMul],
  ["BatchNormalization", lowerBatchNorm],
  ["Add", lowerArithmetic],
  ["Sub", lowerArithmetic],
  ["Mul", lowerArithmetic],
  ["Div", lowerArithmetic],
  ["Sum", lowerAdd],
  ["Relu", (state, node) => applyRelu(state, node, activationOf(state, node), null)],
  ["Clip", lowerClip],
  ["MaxPool", lowerPool],
  ["AveragePool", lowerPool],
  ["GlobalAveragePool", lowerGlobalPool],
  ["GlobalMaxPool", lowerGlobalPool],
  ["ReduceMean", lowerGlobalPool],
  ["Flatten", lowerReshape],
  ["Reshape", lowerReshape],
  ["Squeeze", lowerReshape],
  ["Unsqueeze", lowerReshape],
  ["Transpose", lowerTranspose],
  ["Pad", lowerPad],
  ["Identity", lowerAlias],
  ["Dropout", lowerAlias],
  ["Cast", lowerAlias],
  ["Concat", lowerConcat],
  ["Softmax", lowerSoftmax],
  ["LogSoftmax", lowerSoftmax],
  ["Shape", lowerShape],
  ["Constant", () => refuse("a number or a tensor of numbers", "another kind of constant")],
]);

const HINTS: Readonly<Record<string, string>> = {
  Sigmoid: "Use ReLU; at the end of the model leave it out",
  HardSigmoid: "Use ReLU",
  HardSwish: "Use ReLU or ReLU6",
  LeakyRelu: "Use ReLU",
  Elu: "Use ReLU",
  Gelu: "Use ReLU",
  Split: "Let a convolution with groups do what the split branches do",
  Slice: "Let a convolution with groups do what the sliced branches do",
  MatMul: "Only products with constant weights can be converted: no attention",
  ArgMax: "End the model with the classes' scores",
  QuantizeLinear: "Export the model before it is quantised",
  DequantizeLinear: "Export the model before it is quantised",
  LayerNormalization: "Use BatchNorm, which folds into weights",
  InstanceNormalization: "Use BatchNorm, which folds into weights",
  ConvTranspose: "Only classifiers without up-sampling can be converted",
};

function lowerNode(state: Lowering, node: OnnxNode): void {
  const known = (name: string) => name === "" || state.constants.has(name) || state.activations.has(name);
  // What depends on a refused node cannot be judged: one report for the cause is enough.
  if (!node.inputs.every(known)) return;
  try {
    if (node.domain !== "") refuse("an operation of ONNX itself", `${node.domain}.${node.op}`);
    if (node.inputs.every((name) => name === "" || state.constants.has(name))) {
      const folded = foldConstants(node, node.inputs.map((name) => state.constants.get(name) ?? null));
      if (folded !== null) return void state.constants.set(node.outputs[0], folded);
    }
    const handler = HANDLERS.get(node.op);
    if (handler === undefined) refuse("an operation that a Quartz network has", node.op, HINTS[node.op]);
    handler(state, node);
  } catch (error) {
    if (!(error instanceof Unsupported || error instanceof RangeError)) throw error;
    const where = `node ${JSON.stringify(node.name)} (${node.op})`;
    const { message, found = "", hint = HINTS[node.op] } = error as Partial<Unsupported> & Error;
    state.issues.push({ where, expected: found === "" ? "sizes that fit" : message, found: found || message, hint });
  }
}

function lowerArithmetic(state: Lowering, node: OnnxNode): void {
  const [a, b] = node.inputs;
  const constant = state.constants.get(a) ?? state.constants.get(b);
  if (constant !== undefined) {
    const position = state.constants.has(a) ? 1 : 0;
    return lowerByConstant(state, node, constant, activationOf(state, node, position));
  }
  if (node.op !== "Add") refuse("an activation and a constant", "two activations", "Only Add joins two branches");
  lowerAdd(state, node);
}

/** ReLU, or ReLU with an upper bound. */
function lowerClip(state: Lowering, node: OnnxNode): void {
  const low = node.attributes.get("min")?.float ?? constantOf(state, node, 1)?.values[0] ?? -Infinity;
  const high = node.attributes.get("max")?.float ?? constantOf(state, node, 2)?.values[0] ?? Infinity;
  if (low !== 0 || !(high > 0)) refuse("min 0 and max above it, as in ReLU6", `min ${low} and max ${high}`);
  // Exporters write "no bound" as the largest float.
  applyRelu(state, node, activationOf(state, node), high > 1e30 ? null : high);
}

function lowerAlias(state: Lowering, node: OnnxNode): void {
  setActivation(state, node, activationOf(state, node));
}

/** Softmax keeps the order of the classes, which is all that spikes can tell. */
function lowerSoftmax(state: Lowering, node: OnnxNode): void {
  const value = activationOf(state, node);
  const axis = node.attributes.get("axis")?.int ?? -1;
  if (value.dims.length !== 2 || (axis !== 1 && axis !== -1)) {
    refuse("a vector of scores", `[${value.dims.join(", ")}], axis ${axis}`);
  }
  state.notes.push(`${node.name} (${node.op}) left out: the order of the classes does not need it`);
  setActivation(state, node, { ...value, closed: true });
}

function lowerShape(state: Lowering, node: OnnxNode): void {
  const { dims } = activationOf(state, node);
  const start = node.attributes.get("start")?.int ?? 0;
  const list = dims.slice(start, node.attributes.get("end")?.int ?? dims.length);
  state.constants.set(node.outputs[0], { dims: [list.length], values: Float64Array.from(list) });
}

function unsupported(path: string, issues: Issue[]): ModelError {
  const message = `Cannot convert ${JSON.stringify(path)}: ${issues.length} part(s) of it have no Quartz counterpart`;
  const hint = `Change these parts of the model and export it again; what converts: ${
    supportedOperations().join(", ")
  }`;
  return new ModelError("convert.unsupported", message, { issues, hint });
}

function inputDim(size: number, axis: number, rank: number, input: Lowering["input"]): number {
  if (axis === 0) return 1;
  if (size > 0) return size;
  const [channels, height, width] = input.shape;
  if (rank === 2) return channels * height * width;
  if (rank === 3) return [1, height, width][axis];
  return (input.layout === "chw" ? [1, channels, height, width] : [1, height, width, channels])[axis];
}

/** Nodes that the output depends on, in the file's order. */
function neededNodes(model: OnnxModel, output: string): OnnxNode[] {
  const wanted = new Set([output]);
  const needed: OnnxNode[] = [];
  for (let i = model.nodes.length - 1; i >= 0; i--) {
    const node = model.nodes[i];
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const input of node.inputs) wanted.add(input);
    needed.unshift(node);
  }
  return needed;
}

function countUsers(nodes: readonly OnnxNode[], output: string): Map<string, number> {
  const users = new Map([[output, 1]]);
  for (const node of nodes) {
    // Shape only looks at sizes, so it does not keep a layer from being changed.
    if (node.op === "Shape") continue;
    for (const input of node.inputs) users.set(input, (users.get(input) ?? 0) + 1);
  }
  return users;
}

/** The layer with the classes' scores; scores that branches have in common need one scale to be compared. */
function outputLayer(state: Lowering, result: Activation, output: string): number {
  if (!isJoined(state, result.layer)) return result.layer;
  const node = {
    name: `${output}.scores`,
    op: "Concat",
    domain: "",
    inputs: [],
    outputs: [output],
    attributes: new Map(),
  };
  return withOwnScale(state, node, result, output).layer;
}

/** Layers that lead to the output, renumbered; the output's comes last. */
function usedLayers(layers: SourceLayer[], output: number): SourceLayer[] {
  const used = new Set([output]);
  for (let i = output; i >= 0; i--) if (used.has(i)) { for (const input of layers[i].inputs) used.add(input); }
  const place = new Map([[-1, -1]]);
  return layers.slice(0, output + 1).filter((_, i) => used.has(i)).map((layer, i) => {
    place.set(layers.indexOf(layer), i);
    layer.inputs = layer.inputs.map((input) => place.get(input)!);
    return layer;
  });
}

function checkNumbers(layers: readonly SourceLayer[], issues: Issue[]): void {
  for (const layer of layers) {
    if (!hasWeights(layer)) continue;
    for (const part of ["weights", "bias"] as const) {
      const bad = layer[part].findIndex((value) => !Number.isFinite(value));
      if (bad < 0) continue;
      const where = `layer ${JSON.stringify(layer.name)} ${part}`;
      issues.push({ where, expected: "finite numbers", found: `${layer[part][bad]} at element ${bad}` });
    }
  }
}
