/** The source network beside the spiking one: what is compared, and what a slow or broken one costs. */

import assert from "node:assert/strict";
import { createResult, type FrameResult } from "../../../src/runtime/classifier.ts";
import { ShadowWindow } from "../../../src/runtime/shadow_window.ts";
import { createClassification } from "../../../src/ttfs/decode.ts";
import { darkOrBright } from "../../support/runtime_parts.ts";

const network = darkOrBright();

function result(index: number, byte: number): FrameResult {
  const classification = createClassification(2);
  classification.index = index;
  return { ...createResult({ name: "simulator", network }), classification, bytes: Uint8Array.of(byte) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("one frame in `every` is compared, and agreement is counted", async () => {
  const window = new ShadowWindow({ every: 2, classify: (bytes) => Promise.resolve(bytes[0] > 127 ? 1 : 0) });
  for (const [index, byte] of [[0, 0], [1, 0], [1, 255], [0, 0], [1, 0]]) {
    window.offer(result(index, byte));
    await turn();
  }
  assert.deepEqual(window.read(), { frames: 3, agreed: 2, failed: 0 });
  window.reset();
  assert.equal(window.read(), undefined);
});

Deno.test("a frame whose turn comes while another is compared is passed over, and its bytes are the first one's", async () => {
  const seen: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const window = new ShadowWindow({
    every: 1,
    async classify(bytes) {
      await promise;
      seen.push(bytes[0]);
      return 0;
    },
  });
  const first = result(0, 7);
  window.offer(first);
  first.bytes[0] = 9;
  window.offer(first);
  resolve();
  await turn();
  assert.deepEqual(seen, [7]);
  assert.deepEqual(window.read(), { frames: 1, agreed: 1, failed: 0 });
});

Deno.test("a source network that fails is counted and asked again", async () => {
  const window = new ShadowWindow({ every: 1, classify: () => Promise.reject(new Error("out of memory")) });
  for (let i = 0; i < 2; i++) {
    window.offer(result(0, 0));
    await turn();
  }
  assert.deepEqual(window.read(), { frames: 0, agreed: 0, failed: 2 });
});
