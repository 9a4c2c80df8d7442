/** Bytes of an ONNX file to plain data. Any bytes give a model or a `ModelError` that lists what is wrong. */

import { readFile, stat } from "node:fs/promises";
import { type Issue, ModelError } from "../../core/errors.ts";
import { readExternalFiles } from "./external.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from "./model.ts";
import { decodeTensor, type RawTensor, readTensor } from "./tensor.ts";
import { type Budget, onBytes, onFloat, onInt, onText, readMessage } from "./wire.ts";

/** Largest model file, bytes. */
export const MODEL_BYTES_MAX = 2 ** 30;
/** Most nodes. */
export const NODES_MAX = 16384;
/** Most protobuf fields and listed numbers in a model: what bounds memory. Weights do not count. */
export const PARTS_MAX = 2 ** 22;
/** Most bytes of numbers in all constants together, as stored. */
const CONSTANT_BYTES_MAX = 2 ** 30;
const OPSET_MIN = 7;
const OPSET_MAX = 21;

/**
 * Reads a model and the weights that it keeps beside it.
 *
 * @throws {ModelError} `onnx.open` when the path cannot be read, else as `parseOnnx`
 */
export async function openOnnx(path: string): Promise<OnnxModel> {
  let bytes: Uint8Array;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new Error("it is not a regular file");
    if (info.size > MODEL_BYTES_MAX) throw new Error(`it has ${info.size} bytes and the limit is ${MODEL_BYTES_MAX}`);
    bytes = await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError("onnx.open", `Cannot open model ${JSON.stringify(path)}: ${why}`, { facts: { path }, cause });
  }
  return await parseOnnx(bytes, path);
}

/**
 * Reads a model's bytes.
 *
 * @param path what to call it in errors; external data are looked for beside it
 * @throws {ModelError} `onnx.invalid`, listing every problem found
 */
export async function parseOnnx(file: Uint8Array, path: string): Promise<OnnxModel> {
  // node:fs gives a Buffer, whose slice() is a view where a plain array's is a copy.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const issues: Issue[] = [];
  const draft: Draft = { budget: { left: PARTS_MAX }, issues, nodes: [], raw: [], inputs: [], outputs: [], graphs: 0 };
  const model = { producer: "", irVersion: 0, opset: 0 };
  try {
    readMessage(bytes, draft.budget, {
      1: onInt(draft.budget, (value) => model.irVersion = value),
      2: onText((text) => model.producer = text),
      7: onBytes((value) => readGraph(value, draft)),
      8: onBytes((value) => {
        const set = readOpset(value, draft.budget);
        if (set.domain === "" || set.domain === "ai.onnx") model.opset = set.version;
      }),
    });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    issues.push({ where: "file", expected: "an ONNX model", found, hint: "The file is cut off, or is not ONNX" });
    throw invalid(path, issues, cause);
  }
  checkFrame(model, draft);
  const constants = issues.length > 0 ? null : await loadConstants(path, draft);
  if (issues.length > 0 || constants === null) throw invalid(path, issues);
  const { initializers, attached } = constants;
  const inputs = draft.inputs.filter((input) => !initializers.has(input.name));
  const nodes = draft.nodes.map((node) => attach(node, attached));
  checkLinks(nodes, initializers, inputs, draft.outputs, issues);
  if (issues.length > 0) throw invalid(path, issues);
  return { ...model, nodes, initializers, inputs, outputs: draft.outputs, bytes, externalFiles: constants.files };
}

// ---------------------------------------------------------------------------------------------------------------------

interface DraftNode extends Omit<OnnxNode, "attributes"> {
  readonly attributes: (OnnxAttribute & { raw?: RawTensor })[];
}

interface Draft {
  readonly budget: Budget;
  readonly issues: Issue[];
  readonly nodes: DraftNode[];
  readonly raw: RawTensor[];
  readonly inputs: OnnxValueInfo[];
  readonly outputs: OnnxValueInfo[];
  graphs: number;
}

function invalid(path: string, issues: Issue[], cause?: unknown): ModelError {
  const message = `Cannot read ${JSON.stringify(path)} as an ONNX model: ${issues.length} problem(s)`;
  return new ModelError("onnx.invalid", message, { issues, cause });
}

function readOpset(bytes: Uint8Array, budget: Budget): { domain: string; version: number } {
  const set = { domain: "", version: 0 };
  readMessage(bytes, budget, {
    1: onText((text) => set.domain = text),
    2: onInt(budget, (value) => set.version = value),
  });
  return set;
}

function readGraph(bytes: Uint8Array, draft: Draft): void {
  draft.graphs++;
  const { budget, issues } = draft;
  readMessage(bytes, budget, {
    1: onBytes((value) => draft.nodes.push(readNode(value, draft))),
    5: onBytes((value) => {
      const tensor = readTensor(value, budget, "(initializer without a name)", issues);
      if (tensor !== null) draft.raw.push(tensor);
    }),
    11: onBytes((value) => draft.inputs.push(readValueInfo(value, budget))),
    12: onBytes((value) => draft.outputs.push(readValueInfo(value, budget))),
    15: onBytes(() => {
      issues.push({ where: "graph", expected: "dense initializers", found: "a sparse one" });
    }),
  });
}

function readNode(bytes: Uint8Array, draft: Draft): DraftNode {
  const { budget } = draft;
  let name = "";
  let op = "";
  let domain = "";
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: DraftNode["attributes"] = [];
  readMessage(bytes, budget, {
    1: onText((text) => inputs.push(text)),
    2: onText((text) => outputs.push(text)),
    3: onText((text) => name = text),
    4: onText((text) => op = text),
    5: onBytes((value) => attributes.push(readAttribute(value, draft, name || op))),
    7: onText((text) => domain = text),
  });
  name ||= `${op}_${draft.nodes.length}`;
  return { name, op, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, attributes };
}

function readAttribute(bytes: Uint8Array, draft: Draft, owner: string): OnnxAttribute & { raw?: RawTensor } {
  const { budget, issues } = draft;
  const found: { -readonly [K in keyof OnnxAttribute]: OnnxAttribute[K] } & { raw?: RawTensor } = { name: "" };
  const floats: number[] = [];
  const ints: number[] = [];
  readMessage(bytes, budget, {
    1: onText((text) => found.name = text),
    2: onFloat(budget, (value) => found.float = value),
    3: onInt(budget, (value) => found.int = value),
    4: onBytes((value) => found.text = new TextDecoder().decode(value.subarray(0, 1024))),
    5: onBytes((value) => found.raw = readTensor(value, budget, `constant of ${owner}`, issues) ?? undefined),
    6: onBytes(() => found.hasGraph = true),
    7: onFloat(budget, (value) => floats.push(value)),
    8: onInt(budget, (value) => ints.push(value)),
    11: onBytes(() => found.hasGraph = true),
  });
  return { ...found, floats, ints };
}

function readValueInfo(bytes: Uint8Array, budget: Budget): OnnxValueInfo {
  let name = "";
  let dims: number[] | null = null;
  const dimension = onBytes((value) => {
    let size = 0;
    readMessage(value, budget, { 1: onInt(budget, (v) => size = v) });
    dims!.push(size > 0 ? size : 0);
  });
  const shape = onBytes((value) => {
    dims = [];
    readMessage(value, budget, { 1: dimension });
  });
  const tensor = onBytes((value) => readMessage(value, budget, { 2: shape }));
  const type = onBytes((value) => readMessage(value, budget, { 1: tensor }));
  readMessage(bytes, budget, { 1: onText((text) => name = text), 2: type });
  return { name, dims };
}

function checkFrame(model: { opset: number }, draft: Draft): void {
  const push = (where: string, expected: string, found: string, hint?: string) => {
    draft.issues.push({ where, expected, found, hint });
  };
  if (draft.graphs !== 1) return push("file", "an ONNX model with one graph", `${draft.graphs}`, "Is it an ONNX file?");
  if (model.opset < OPSET_MIN || model.opset > OPSET_MAX) {
    const hint = "Export again with opset_version between them, 17 for example";
    push("opset", `${OPSET_MIN} to ${OPSET_MAX}`, `${model.opset}`, hint);
  }
  const count = draft.nodes.length;
  if (count < 1 || count > NODES_MAX) push("graph", `1 to ${NODES_MAX} nodes`, `${count}`);
  if (draft.outputs.length === 0) push("graph", "an output", "none");
  const names = new Set<string>();
  for (const { name } of draft.raw) {
    if (names.has(name)) push(`tensor ${JSON.stringify(name)}`, "a name of its own", "a second one");
    names.add(name);
  }
}

interface Constants {
  readonly initializers: Map<string, OnnxTensor>;
  readonly attached: Map<RawTensor, OnnxTensor>;
  readonly files: OnnxModel["externalFiles"];
}

async function loadConstants(path: string, draft: Draft): Promise<Constants> {
  const { issues } = draft;
  const ofNodes = draft.nodes.flatMap((node) => node.attributes.flatMap((item) => (item.raw ? [item.raw] : [])));
  const all = [...draft.raw, ...ofNodes];
  const bytes = all.reduce((sum, tensor) => sum + tensor.elements * 4, 0);
  const constants: Constants = { initializers: new Map(), attached: new Map(), files: [] };
  if (bytes > CONSTANT_BYTES_MAX) {
    issues.push({ where: "constants", expected: `at most ${CONSTANT_BYTES_MAX} bytes in all`, found: `${bytes}` });
    return constants;
  }
  const external = await readExternalFiles(path, all, issues);
  for (const tensor of all) {
    const raw = tensor.external === null ? tensor.raw : external.bytesOf(tensor, issues);
    if (tensor.external !== null && raw === null) continue;
    const decoded = decodeTensor({ ...tensor, raw }, issues);
    if (decoded !== null) constants.attached.set(tensor, decoded);
  }
  for (const tensor of draft.raw) {
    const decoded = constants.attached.get(tensor);
    if (decoded !== undefined) constants.initializers.set(tensor.name, decoded);
  }
  return { ...constants, files: external.files };
}

function attach(node: DraftNode, tensors: Map<RawTensor, OnnxTensor>): OnnxNode {
  const attributes = new Map<string, OnnxAttribute>();
  for (const { raw, ...item } of node.attributes) {
    attributes.set(item.name, raw === undefined ? item : { ...item, tensor: tensors.get(raw) });
  }
  return { ...node, attributes };
}

/** Every name must be made once, and before it is used: the format demands that order, so a cycle breaks it too. */
function checkLinks(
  nodes: readonly OnnxNode[],
  initializers: ReadonlyMap<string, OnnxTensor>,
  inputs: readonly OnnxValueInfo[],
  outputs: readonly OnnxValueInfo[],
  issues: Issue[],
): void {
  const known = new Set<string>([...initializers.keys(), ...inputs.map((input) => input.name)]);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  for (const node of nodes) {
    const where = `node ${JSON.stringify(node.name)} (${node.op})`;
    for (const input of node.inputs) {
      if (input === "" || known.has(input)) continue;
      const found = made.has(input) ? "a later node's (a cycle, or a file out of order)" : "no such value";
      issues.push({ where: `${where} input ${JSON.stringify(input)}`, expected: "an earlier node's output", found });
    }
    for (const output of node.outputs) {
      if (output !== "" && known.has(output)) {
        issues.push({
          where: `${where} output ${JSON.stringify(output)}`,
          expected: "a new name",
          found: "a used one",
        });
      }
      known.add(output);
    }
  }
  for (const { name } of outputs) {
    if (!known.has(name)) issues.push({ where: `output ${JSON.stringify(name)}`, expected: "a value", found: "none" });
  }
}
