/** Results and counters are the same for every number of threads. */

import assert from "node:assert/strict";
import { createRandom } from "../../src/core/random.ts";
import type { Network } from "../../src/core/network.ts";
import { COUNTER_NAMES, createInferenceOutput, type InferenceOutput } from "../../src/core/results.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { openSimulator } from "../../src/simulator/simulator.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { mobilenet, randomFrame } from "../bench/simulator/networks.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { pick, randomLevels, randomWideNetwork } from "../support/random_wide_network.ts";
import { createSequentialTeam } from "../support/sequential_team.ts";

const NETWORKS = 200;
const THREADED_NETWORKS = 6;

Deno.test(`any division of ${NETWORKS} random networks gives the undivided levels and counters`, () => {
  let compared = 0;
  for (let number = 0; number < NETWORKS; number++) {
    const random = createRandom(7_000_000 + number);
    const network = randomWideNetwork(random);
    const weightBits = pick(random, [8, 8, 16] as const);
    const team = { threads: 2 + random.integer(4), create: createSequentialTeam, workMin: 0 };
    const keepLevels = true;
    const whole = createFastKernel(network, { weightBits, keepLevels });
    const divided = createFastKernel(network, { weightBits, keepLevels, team });
    const comparison = createComparison(network, whole, divided, `network ${number}, ${team.threads} parts`);
    for (const levels of framesOf(network, random)) compared += comparison.run(levels);
  }
  assert.ok(compared > 100_000, `${compared} levels compared`);
});

Deno.test(`1, 2 and 3 threads agree on ${THREADED_NETWORKS} random networks`, async () => {
  for (let number = 0; number < THREADED_NETWORKS; number++) {
    const random = createRandom(8_000_000 + number);
    const network = randomWideNetwork(random);
    await compareThreads(network, framesOf(network, random));
  }
});

Deno.test("1, 2 and 3 threads agree on a network whose layers are worth dividing", async () => {
  const network = mobilenet(0.3);
  await compareThreads(network, [1, 2].map((seed) => randomFrame(network, seed)));
});

Deno.test("a number of threads that cannot be is refused by name", async () => {
  const network = randomWideNetwork(createRandom(1));
  for (const threads of [0, -1, 1.5, NaN, 1000]) {
    await assert.rejects(openSimulator(network, undefined, { threads }), { code: "backend.threads" });
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function framesOf(network: Network, random: ReturnType<typeof createRandom>): Int16Array[] {
  const { inputLevelMax } = createTiming(network.convention, network.tMax);
  return [0.1, 0.5, 1].map((density) =>
    randomLevels(random, sizeOf(network.input.shape), { low: 0, high: inputLevelMax, density })
  );
}

async function compareThreads(network: Network, frames: readonly Int16Array[]): Promise<void> {
  const expected = await runAll(network, frames, 1);
  for (const threads of [2, 3]) {
    const found = await runAll(network, frames, threads);
    frames.forEach((_, frame) => {
      assert.deepEqual(found[frame].levels, expected[frame].levels, `${threads} threads, frame ${frame}`);
      assert.deepEqual(found[frame].earlySpikesByLayer, expected[frame].earlySpikesByLayer);
      for (const name of COUNTER_NAMES) {
        if (name !== "runUs") assert.equal(found[frame].counters[name], expected[frame].counters[name], name);
      }
    });
  }
}

async function runAll(network: Network, frames: readonly Int16Array[], threads: number): Promise<InferenceOutput[]> {
  await using backend = await openSimulator(network, { kind: "fast", weightBits: 8 }, { threads });
  const outputs: InferenceOutput[] = [];
  for (const levels of frames) {
    const output = createInferenceOutput(network);
    await backend.run(levels, output);
    outputs.push(output);
  }
  return outputs;
}
