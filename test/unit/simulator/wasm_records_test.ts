/** Records of the WebAssembly kernels are the same on both sides, and hold nothing that no kernel reads. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { BLOCK_FIELDS, LAYER_FIELDS, WORK_FIELDS } from "../../../src/simulator/fast/records.ts";

const FOLDER = new URL("../../../src/simulator/wasm/", import.meta.url);
/** Where a work record's pointers begin: `COUNTERS_BYTES` of `fast/records.ts`. */
const COUNTERS_BYTES = 32;

const source = readFileSync(new URL("records.ts", FOLDER), "utf8");
const kernels = readdirSync(FOLDER).filter((name) => name.endsWith(".ts") && name !== "records.ts")
  .map((name) => readFileSync(new URL(name, FOLDER), "utf8")).join("\n");

/** Names and types of a class's fields, in order. */
function fieldsOf(name: string): { name: string; type: string }[] {
  const body = source.match(new RegExp(`export class ${name} \\{\\n(.*?)\\n\\}`, "s"))?.[1];
  assert.ok(body !== undefined, `wasm/records.ts has a class ${name}`);
  return [...body.matchAll(/^ {2}(\w+): (\w+);$/gm)].map(([, name, type]) => ({ name, type }));
}

Deno.test("fields of blocks and layers are the same in the same order, of 32 bits", () => {
  for (const [name, fields] of [["Block", BLOCK_FIELDS], ["Layer", LAYER_FIELDS]] as const) {
    const found = fieldsOf(name);
    assert.deepEqual(found.map((field) => field.name), [...fields]);
    assert.ok(found.every(({ type }) => type === "i32" || type === "usize"), `${name} has words only`);
  }
});

Deno.test("a work record's pointers are the same in the same order, behind its counters", () => {
  const fields = fieldsOf("Work");
  const pointers = fields.filter(({ type }) => type === "usize");
  assert.deepEqual(pointers.map(({ name }) => name), [...WORK_FIELDS]);
  const counters = fields.slice(0, fields.length - pointers.length);
  assert.ok(counters.every(({ type }) => type !== "usize"), "counters come first");
  const bytes = counters.reduce((sum, { type }) => sum + (type === "f64" ? 8 : 4), 0);
  assert.equal(bytes, COUNTERS_BYTES);
});

Deno.test("every field of a record is read by a kernel", () => {
  for (const [name, variable] of [["Block", "block"], ["Layer", "layer"], ["Work", "work"]] as const) {
    for (const field of fieldsOf(name)) {
      assert.match(kernels, new RegExp(`\\b${variable}\\.${field.name}\\b`), `${name}.${field.name}`);
    }
  }
});
