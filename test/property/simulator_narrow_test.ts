/**
 * Convolutions of few channels, which the integer kernel scatters over the map, walks event by event or runs eight positions at
 * once: random ones, with pools
 * and without, biases of either sign, and spikes at every step. General random networks seldom have them.
 */

import assert from "node:assert/strict";
import { outputShape } from "../../src/core/geometry.ts";
import type { Layer } from "../../src/core/network.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { createInferenceOutput } from "../../src/core/results.ts";
import { type Shape, sizeOf } from "../../src/core/shape.ts";
import { dequantise, quantise } from "../../src/model/quantise.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { makeNetwork } from "../support/networks.ts";
import { pick, randomLevels } from "../support/random_wide_network.ts";

type Convolution = Extract<Layer, { kind: "conv2d" }>;

const NETWORKS = 200;
const FRAMES = 4;

const KINDS = [
  { kernel: "scattered", inputs: [2, 4, 6, 9], channels: [1, 3, 6, 8, 12], strides: [1] },
  { kernel: "event by event", inputs: [1], channels: [1, 3, 6, 8, 12], strides: [1] },
  { kernel: "eight positions at once", inputs: [2, 3, 4], channels: [8, 12, 24, 40, 70], strides: [1, 1, 2, 3] },
] as const;

for (const { kernel, inputs, channels, strides } of KINDS) {
  Deno.test(`${NETWORKS} random convolutions, many of them ${kernel}, equal their twin`, () => {
    let met = 0;
    let early = 0;
    for (let seed = 0; seed < NETWORKS; seed++) {
      const random = createRandom(seed);
      const tMax = pick(random, [2, 4, 16, 16, 32, 64]);
      const shape: Shape = [pick(random, inputs), 5 + random.integer(9), 5 + random.integer(9)];
      const layers = randomLayers(random, shape, { channels, strides });
      const input = { shape, color: "grey" as const, mean: Array(shape[0]).fill(0), std: Array(shape[0]).fill(1) };
      const network = makeNetwork({ layers, tMax, input });
      const twin = createReferenceKernel(dequantise(quantise(network, 8)));
      const kept = createFastKernel(network, { keepLevels: true });
      const lean = createFastKernel(network);
      if (kept.describe().layers[0].kernel.includes(kernel)) met++;
      const comparison = createComparison(network, twin, kept, `${kernel}, seed ${seed}, t_max ${tMax}`);
      const output = createInferenceOutput(network);
      for (let frame = 0; frame < FRAMES; frame++) {
        const density = pick(random, [0, 0.1, 0.4, 1]);
        const levels = randomLevels(random, sizeOf(shape), {
          low: 0,
          high: pick(random, [1, 1, 2]) * (tMax - 1),
          density,
        });
        comparison.run(levels);
        early += comparison.earlySpikes();
        lean.run(levels, output);
        assert.deepEqual(output.levels, kept.levelsOf(layers.length - 1), `seed ${seed}: without what is in between`);
        assert.equal(output.counters.earlySpikes, comparison.earlySpikes());
      }
    }
    console.log(`${met} ${kernel}, ${early} early spikes`);
    assert.ok(met > NETWORKS / 5, `${met} ${kernel}`);
    assert.ok(early > 10_000, `${early} early spikes`);
  });
}

Deno.test("100 random convolutions whose kernel is the whole map, or nearly, equal their twin", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = createRandom(seed);
    const shape: Shape = [pick(random, [1, 2, 7, 20]), 1 + random.integer(5), 1 + random.integer(5)];
    const [, height, width] = shape;
    const edge = pick(random, [0, 0, 1]);
    const window = {
      kernel: [Math.max(1, height - pick(random, [0, 0, 1])), width],
      stride: [1 + random.integer(2), 1],
      padding: [edge, 0, 0, edge],
      dilation: [1, 1],
    } as const;
    const convolution = randomConvolution(random, shape, { window, channels: pick(random, [1, 10, 70]) });
    const input = { shape, color: "grey" as const, mean: Array(shape[0]).fill(0), std: Array(shape[0]).fill(1) };
    const network = makeNetwork({ layers: [convolution], tMax: 16, input });
    const twin = createReferenceKernel(dequantise(quantise(network, 8)));
    const comparison = createComparison(network, twin, createFastKernel(network, { keepLevels: true }), `seed ${seed}`);
    for (const density of [0.3, 1]) comparison.run(randomLevels(random, sizeOf(shape), { low: 0, high: 30, density }));
  }
});

/** A convolution, and sometimes its pool. */
function randomLayers(
  random: Random,
  shape: Shape,
  { channels, strides }: { channels: readonly number[]; strides: readonly number[] },
): Layer[] {
  const kernel = [pick(random, [2, 3, 5]), pick(random, [2, 3, 5])] as const;
  const window = {
    kernel,
    stride: [pick(random, strides), pick(random, strides)],
    padding: [random.integer(2), random.integer(3), random.integer(3), random.integer(2)],
    dilation: [1, 1],
  } as const;
  const convolution = randomConvolution(random, shape, { window, channels: pick(random, channels) });
  const pool = { kind: "max_pool", kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
  if (random.integer(2) === 0) return [convolution];
  return [convolution, {
    ...pool,
    name: "pool",
    inputs: [0],
    shape: outputShape(pool, convolution.shape, convolution.shape[0]),
  }];
}

function randomConvolution(
  random: Random,
  shape: Shape,
  { window, channels }: { window: Pick<Convolution, "kernel" | "stride" | "padding" | "dilation">; channels: number },
): Convolution {
  const fanIn = shape[0] * window.kernel[0] * window.kernel[1];
  // Small enough for 16 bits to need no guard, large enough for some to spike early.
  const spread = pick(random, [0.2, 0.5, 1]) / Math.sqrt(fanIn);
  return {
    kind: "conv2d",
    name: "conv",
    inputs: [-1],
    shape: outputShape({ kind: "conv2d", ...window }, shape, channels),
    ...window,
    groups: 1,
    rectify: true,
    scale: 1,
    weights: Float32Array.from({ length: channels * fanIn }, () => random.between(-spread, spread * 1.3)),
    bias: Float32Array.from({ length: channels }, () => random.between(-1, 1) * pick(random, [0, 0.3, 0.5, 2])),
  };
}
