/** The integer kernel equals its slow twin, the reference kernel over the de-quantised network, on anything. */

import assert from "node:assert/strict";
import process from "node:process";
import { createRandom } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { dequantise, quantise, type WeightBits } from "../../src/model/quantise.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { pick, randomLevels, randomWideNetwork } from "../support/random_wide_network.ts";

const NETWORKS = Number(process.env.QUARTZ_RANDOM_NETWORKS ?? 300);
const SEED = Number(process.env.QUARTZ_SEED ?? 1);
const FRAMES = 3;

Deno.test(`integer kernel equals its twin on ${NETWORKS} random networks of every kind of layer`, () => {
  let compared = 0;
  let early = 0;
  const kernels = new Map<string, number>();
  for (let number = 0; number < NETWORKS; number++) {
    const seed = SEED * 1_000_000 + number;
    const random = createRandom(seed);
    const network = { ...randomWideNetwork(random), convention: pick(random, CONVENTIONS) };
    const weightBits: WeightBits = random.integer(3) === 0 ? 16 : 8;
    const fast = createFastKernel(network, { weightBits, keepLevels: true });
    const twin = createReferenceKernel(dequantise(quantise(network, weightBits)));
    const label = `seed ${seed}, t_max ${network.tMax}, ${weightBits} bits`;
    const comparison = createComparison(network, twin, fast, label);
    const { inputLevelMin, inputLevelMax } = createTiming(network.convention, network.tMax);
    for (let frame = 0; frame < FRAMES; frame++) {
      const low = random.integer(4) === 0 ? inputLevelMin : 0;
      const high = random.integer(3) === 0 ? inputLevelMax : Math.ceil(inputLevelMax / 2);
      const density = pick(random, [0, 0.1, 0.4, 1]);
      compared += comparison.run(randomLevels(random, sizeOf(network.input.shape), { low, high, density }));
      early += comparison.earlySpikes();
    }
    for (const { kernel } of fast.describe().layers) {
      const kind = kernel.replace(/\d+/g, "N");
      kernels.set(kind, (kernels.get(kind) ?? 0) + 1);
    }
  }
  console.log(`${compared} levels compared, ${early} early spikes;`, Object.fromEntries(kernels));
  assert.ok(early > 1000, "early spikes were met");
});

const CONVENTIONS = [...Array(9).fill("quartz-2023"), "quartz-loihi"] as ("quartz-2023" | "quartz-loihi")[];
