/** The safetensors reader on hostile and broken files. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readContainer, writeContainer } from "../../../src/model/container.ts";

/** A file from a header text (or a claimed length) and a number of data bytes. */
function file(header: string, dataBytes: number, claimed = header.length): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed), true);
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
}

const entry = (extra: object) => JSON.stringify({ a: { dtype: "U8", shape: [4], data_offsets: [0, 4], ...extra } });

const BROKEN: [string, Uint8Array, RegExp][] = [
  ["nothing", new Uint8Array(0), /at least 10 bytes, found 0/],
  ["a header longer than the file", file("{}", 0, 500), /header of 500 bytes/],
  ["a header of 2^63 bytes", file("{}", 0, 2 ** 62), /at most 16777216/],
  ["a header that is not JSON", file("{nope", 0), /JSON object in UTF-8/],
  ["a header that is a list", file("[]", 0), /JSON object/],
  ["an entry that is a number", file(`{"a":1}`, 0), /object with dtype/],
  ["an unknown type", file(entry({ dtype: "F7" }), 4), /one of F64/],
  ["a negative size", file(entry({ shape: [-4] }), 4), /whole numbers/],
  ["a fractional size", file(entry({ shape: [1.5] }), 4), /whole numbers/],
  ["too many dimensions", file(entry({ shape: Array(9).fill(1) }), 4), /at most 8/],
  ["more elements than any tensor may have", file(entry({ shape: [2 ** 31, 2 ** 31] }), 4), /elements/],
  ["offsets beyond the file", file(entry({ data_offsets: [0, 9] }), 4), /end <= 4/],
  ["offsets that do not fit the shape", file(entry({ data_offsets: [0, 3] }), 4), /4 bytes for U8/],
  ["a hole before the data", file(entry({ data_offsets: [1, 5] }), 5), /begin 0/],
  ["bytes after the last tensor", file(entry({}), 6), /4 bytes of tensors, found 6|found 6/],
  ["metadata that is not text", file(`{"__metadata__":{"quartz":5}}`, 0), /a string/],
  [
    "overlapping tensors",
    file(
      `{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`,
      4,
    ),
    /begin 4/,
  ],
];

for (const [name, bytes, pattern] of BROKEN) {
  Deno.test(`the container reader refuses ${name}`, () => {
    assert.throws(() => readContainer(bytes, "broken"), (error: unknown) => {
      const { code, issues } = error as { code: string; issues: { expected: string; found: string }[] };
      assert.equal(code, "model.container");
      const text = issues.map((issue) => `${issue.expected}, found ${issue.found}`).join("\n");
      assert.match(text, pattern);
      return true;
    });
  });
}

Deno.test("a container survives writing and reading, from a Buffer as well", () => {
  const tensors = new Map([
    ["a", { dtype: "U8" as const, shape: [3], bytes: Uint8Array.of(1, 2, 3) }],
    ["empty", { dtype: "F32" as const, shape: [0, 5], bytes: new Uint8Array(0) }],
    ["__proto__", { dtype: "I16" as const, shape: [1], bytes: Uint8Array.of(4, 5) }],
  ]);
  const bytes = writeContainer({ metadata: { hello: "there" }, tensors: new Map([...tensors].slice(0, 2)) });
  for (const view of [bytes, Buffer.from(bytes)]) {
    const read = readContainer(view, "test");
    assert.equal(read.metadata.hello, "there");
    assert.deepEqual([...read.tensors.keys()], ["a", "empty"]);
    const copy = read.tensors.get("a")!.bytes.slice();
    assert.equal(copy.buffer.byteLength, 3, "slice() of a tensor must copy, whatever array the file came in");
  }
});
