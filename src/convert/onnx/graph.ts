/** Protobuf messages of an ONNX graph to a draft of it: nothing is checked yet, and tensors keep their bytes. */

import type { Issue } from "../../core/errors.ts";
import type { OnnxAttribute, OnnxNode, OnnxValueInfo } from "./model.ts";
import { type RawTensor, readTensor } from "./tensor.ts";
import { type Budget, onBytes, onFloat, onInt, onText, readMessage } from "./wire.ts";

/** A node whose constants are still bytes. */
export interface DraftNode extends Omit<OnnxNode, "attributes"> {
  readonly attributes: (OnnxAttribute & { raw?: RawTensor })[];
}

/** A model as far as it was read. */
export interface Draft {
  readonly budget: Budget;
  readonly issues: Issue[];
  readonly nodes: DraftNode[];
  readonly raw: RawTensor[];
  readonly inputs: OnnxValueInfo[];
  readonly outputs: OnnxValueInfo[];
  graphs: number;
}

/** Version of one operator set. */
export function readOpset(bytes: Uint8Array, budget: Budget): { domain: string; version: number } {
  const set = { domain: "", version: 0 };
  readMessage(bytes, budget, {
    1: onText((text) => set.domain = text),
    2: onInt(budget, (value) => set.version = value),
  });
  return set;
}

/** Adds a graph's parts to the draft. Throws what `readMessage` throws. */
export function readGraph(bytes: Uint8Array, draft: Draft): void {
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

// ---------------------------------------------------------------------------------------------------------------------

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
