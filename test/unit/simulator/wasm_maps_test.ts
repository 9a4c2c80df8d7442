/** Level maps on their way into the kernels: every number of channels and pixels, and every place of a negative level. */

import assert from "node:assert/strict";
import { createRandom } from "../../../src/core/random.ts";
import { instantiateKernels } from "../../../src/simulator/wasm_module.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const kernels = instantiateKernels(memory);
const SOURCE = 1024;
const TARGET = 4096;

for (const channels of [1, 2, 3, 4]) {
  Deno.test(`levels of ${channels} channels are packed pixel by pixel, and a negative one is seen`, () => {
    const random = createRandom(channels);
    for (const area of [1, 2, 5, 15, 16, 17, 31, 32, 33, 49, 100]) {
      new Uint8Array(memory.buffer).fill(0);
      const levels = new Int16Array(memory.buffer, SOURCE, channels * area);
      for (let i = 0; i < levels.length; i++) levels[i] = random.integer(256);
      assert.equal(kernels.packLevels(SOURCE, TARGET, channels, area), 0);
      const expected = Uint8Array.from(levels, (_, i) => levels[i % channels * area + Math.floor(i / channels)]);
      assert.deepEqual(new Uint8Array(memory.buffer, TARGET, levels.length).slice(), expected);
      for (let i = 0; i < levels.length; i++) {
        levels[i] -= 300;
        assert.notEqual(kernels.packLevels(SOURCE, TARGET, channels, area), 0, `level ${i} of ${area} pixels`);
        levels[i] += 300;
      }
    }
  });
}
