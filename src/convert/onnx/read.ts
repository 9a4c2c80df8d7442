/** Bytes of an ONNX file to plain data. Any bytes give a model or a `ModelError` that lists what is wrong. */

import { readFile, stat } from "node:fs/promises";
import { type Issue, ModelError } from "../../core/errors.ts";
import { checkFrame, checkLinks } from "./check.ts";
import { readExternalFiles } from "./external.ts";
import { type Draft, type DraftNode, readGraph, readOpset } from "./graph.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from "./model.ts";
import { decodeTensor, type RawTensor } from "./tensor.ts";
import { onBytes, onInt, onText, readMessage } from "./wire.ts";

/** Largest model file, bytes. */
export const MODEL_BYTES_MAX = 2 ** 30;
/** Most protobuf fields and listed numbers in a model: what bounds memory. Weights do not count. */
export const PARTS_MAX = 2 ** 22;
/** Most bytes of numbers in all constants together, as stored. */
const CONSTANT_BYTES_MAX = 2 ** 30;

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

function invalid(path: string, issues: Issue[], cause?: unknown): ModelError {
  const message = `Cannot read ${JSON.stringify(path)} as an ONNX model: ${issues.length} problem(s)`;
  return new ModelError("onnx.invalid", message, { issues, cause });
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
