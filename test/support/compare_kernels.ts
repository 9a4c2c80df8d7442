/** Holds two kernels against each other: every level of every layer, and every counter that both have. */

import assert from "node:assert/strict";
import type { Network } from "../../src/core/network.ts";
import { COUNTER_NAMES, createInferenceOutput } from "../../src/core/results.ts";
import type { Kernel } from "../../src/simulator/kernel.ts";

/** Counters that only a kernel that forms every current can know. */
const PER_STEP = ["synopsReference", "operations", "memoryReads", "memoryWrites", "runUs"];

/** Compares frame after frame; throws at the first difference. */
export function createComparison(network: Network, slow: Kernel, fast: Kernel, label: string): {
  /** @returns levels compared */
  run(levels: Int16Array): number;
  /** Early spikes of the last frame. */
  earlySpikes(): number;
} {
  const expected = createInferenceOutput(network);
  const found = createInferenceOutput(network);
  return {
    earlySpikes: () => expected.counters.earlySpikes,
    run(levels) {
      slow.run(levels, expected);
      fast.run(levels, found);
      let compared = 0;
      network.layers.forEach((layer, index) => {
        const want = slow.levelsOf(index);
        const got = fast.levelsOf(index);
        assert.equal(got.length, want.length);
        for (let i = 0; i < want.length; i++) {
          if (got[i] !== want[i]) assert.fail(`${label}: ${layer.name} neuron ${i} is ${got[i]}, wanted ${want[i]}`);
        }
        compared += want.length;
      });
      assert.deepEqual(found.levels, expected.levels, `${label}: output`);
      for (const name of COUNTER_NAMES) {
        if (!PER_STEP.includes(name)) assert.equal(found.counters[name], expected.counters[name], `${label}: ${name}`);
      }
      assert.deepEqual(found.earlySpikesByLayer, expected.earlySpikesByLayer, `${label}: early spikes by layer`);
      return compared;
    },
  };
}
