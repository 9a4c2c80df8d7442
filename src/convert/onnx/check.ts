/** What must hold for a model before its values mean anything: limits, names, links. */

import type { Issue } from "../../core/errors.ts";
import type { Draft } from "./graph.ts";
import type { OnnxNode, OnnxTensor, OnnxValueInfo } from "./model.ts";

/** Most nodes. */
const NODES_MAX = 16384;
const OPSET_MIN = 7;
const OPSET_MAX = 21;

/** Pushes what is wrong with the parts of a draft as a whole. */
export function checkFrame(model: { opset: number }, draft: Draft): void {
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

/** Every name must be made once, and before it is used: the format demands that order, so a cycle breaks it too. */
export function checkLinks(
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
