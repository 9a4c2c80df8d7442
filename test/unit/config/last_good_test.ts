/** Goal: a copy comes back byte for byte or is refused in words, whatever became of it, and a crash leaves an old one or a new one. */

import assert from "node:assert/strict";
import { keepLastGood, readLastGood, stateFolder } from "../../../src/config/last_good.ts";
import { createMemoryFiles } from "../../support/memory_files.ts";

const clock = { wallMs: () => Date.UTC(2026, 5, 1) };
const COPY = "/state/last_good_config";
const bytes = new TextEncoder().encode("version: 1\n# ä\r\n\n");

const kept = async () => {
  const files = createMemoryFiles();
  await keepLastGood("/state", "/etc/q/edge.yaml", bytes, { clock, files });
  return files;
};

Deno.test("a copy comes back byte for byte, and the same file is not written twice", async () => {
  const files = await kept();
  const copy = await readLastGood("/state", "/etc/q/edge.yaml", files);
  assert.ok(copy !== null && "sha256" in copy);
  assert.deepEqual([new Uint8Array(copy.bytes), copy.savedAt], [bytes, "2026-06-01T00:00:00.000Z"]);
  const before = await files.read(COPY, { offset: 0, lengthMax: 9999 });
  await keepLastGood("/state", "/etc/q/edge.yaml", bytes, { clock: { wallMs: () => 0 }, files });
  assert.deepEqual(await files.read(COPY, { offset: 0, lengthMax: 9999 }), before);
  assert.equal(await readLastGood("/nowhere", "/etc/q/edge.yaml", files), null);
  assert.deepEqual(await readLastGood("/state", "/etc/q/other.yaml", files), {
    found: 'the copy of another file, "/etc/q/edge.yaml"',
  });
});

Deno.test("a copy that was cut, changed or overwritten at any byte is of no use", async () => {
  const whole = await (await kept()).read(COPY, { offset: 0, lengthMax: 9999 });
  const put = async (content: Uint8Array) => {
    const files = createMemoryFiles();
    await files.makeFolder("/state");
    const file = await files.create(COPY);
    await file.append(content);
    await file.close();
    return await readLastGood("/state", "/etc/q/edge.yaml", files);
  };
  for (let length = 0; length < whole.length; length++) {
    const copy = await put(whole.subarray(0, length));
    assert.ok(copy !== null && "found" in copy, `cut to ${length}`);
  }
  for (let at = 0; at < whole.length; at++) {
    const copy = await put(whole.with(at, whole[at] ^ 1));
    // The date is for people, and not checked.
    if (copy !== null && "bytes" in copy) assert.deepEqual(new Uint8Array(copy.bytes), bytes);
  }
  assert.deepEqual(await put(new Uint8Array(4096)), { found: "a file with NUL bytes" });
  assert.deepEqual(await put(new Uint8Array(0)), { found: "an empty file" });
});

Deno.test("the state folder is the flag's, else the first of systemd's", () => {
  assert.equal(stateFolder("/a", { STATE_DIRECTORY: "/b" }), "/a");
  assert.equal(stateFolder(null, { STATE_DIRECTORY: "/b:/c" }), "/b");
  assert.equal(stateFolder(null, { STATE_DIRECTORY: "" }), null);
  assert.equal(stateFolder(null, {}), null);
});
