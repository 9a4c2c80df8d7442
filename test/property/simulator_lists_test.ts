/** Convolutions over merged lists equal their slow twin for kernels, strides, dilations and paddings of every size, with early sources. */

import assert from "node:assert/strict";
import { outputShape } from "../../src/core/geometry.ts";
import type { Layer } from "../../src/core/network.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { type Padding, type Pair, type Shape, sizeOf } from "../../src/core/shape.ts";
import { dequantise, quantise } from "../../src/model/quantise.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { makeNetwork } from "../support/networks.ts";
import { randomLevels } from "../support/random_wide_network.ts";

const NETWORKS = 75;
const POINTWISE = 60;
const MERGED = "merged lists";

Deno.test(`merged lists of ${NETWORKS} random convolutions give their twin's levels and counters`, () => {
  let early = 0;
  const kernels = new Set<string>();
  for (let seed = 1; seed <= NETWORKS; seed++) {
    const random = createRandom(seed);
    const tMax = [4, 16, 33, 64][seed % 4];
    const shape: Shape = [3, 4 + random.integer(6), 4 + random.integer(6)];
    // Of the first layer's neurons some spike early: the second one's sources.
    const first = convolution(random, shape, { channels: 33 + random.integer(100), kernel: [1, 1], weightMax: 80 });
    const kernel: Pair = [1 + seed % 5, 1 + Math.floor(seed / 5) % 5];
    const second = convolution(random, first.shape, { channels: 33 + random.integer(20), kernel, weightMax: 8 });
    if (second.shape[1] < 1 || second.shape[2] < 1) continue;
    const layers = [{ ...first, name: "first", inputs: [-1] }, { ...second, name: "second", inputs: [0] }] as Layer[];
    const input = { shape, color: "rgb" as const, mean: [0, 0, 0], std: [1, 1, 1] };
    const network = makeNetwork({ layers, input, tMax });
    const fast = createFastKernel(network, { keepLevels: true });
    if (fast.describe().layers[1].kernel.startsWith(MERGED)) kernels.add(kernel.join("x"));
    const twin = createReferenceKernel(dequantise(quantise(network, 8)));
    const comparison = createComparison(network, twin, fast, `seed ${seed}, kernel ${kernel.join("x")}, t_max ${tMax}`);
    const { inputLevelMax: high } = createTiming(network.convention, tMax);
    for (const density of [0.05, 0.4, 1]) {
      comparison.run(randomLevels(random, sizeOf(shape), { low: 0, high, density }));
      early += comparison.earlySpikes();
    }
  }
  assert.ok(early > 1000, "early spikes were met");
  assert.ok(kernels.size >= 20, "kernels of nearly every size were met");
});

Deno.test(`lists of ${POINTWISE} random pointwise convolutions give their twin's levels and counters`, () => {
  let early = 0;
  let met = 0;
  for (let seed = 1; seed <= POINTWISE; seed++) {
    const random = createRandom(seed);
    const tMax = [4, 16, 33, 64][seed % 4];
    // Eight pixels that are sorted together, several times or never in a row, and some that are left over.
    const shape: Shape = [3, 2 + random.integer(3), 5 + random.integer(16)];
    const plain = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] } as const;
    const channels = 8 * (1 + Math.floor(seed / 4) % 13) + (seed % 5 === 0 ? 1 : 0);
    const first = convolution(random, shape, { channels, kernel: [1, 1], weightMax: 80, window: plain });
    const window = { ...plain, stride: [1 + random.integer(2), 1 + random.integer(2)] as Pair };
    const second = convolution(random, first.shape, { channels: 40, kernel: [1, 1], weightMax: 16, window });
    const layers = [{ ...first, name: "first", inputs: [-1] }, { ...second, name: "second", inputs: [0] }] as Layer[];
    const input = { shape, color: "rgb" as const, mean: [0, 0, 0], std: [1, 1, 1] };
    const network = makeNetwork({ layers, input, tMax });
    const fast = createFastKernel(network, { keepLevels: true });
    if (fast.describe().layers[1].kernel.startsWith(MERGED)) met++;
    const twin = createReferenceKernel(dequantise(quantise(network, 8)));
    const comparison = createComparison(network, twin, fast, `seed ${seed}, ${channels} channels, t_max ${tMax}`);
    const { inputLevelMax: high } = createTiming(network.convention, tMax);
    for (const density of [0, 0.05, 0.4, 1]) {
      comparison.run(randomLevels(random, sizeOf(shape), { low: 0, high, density }));
      early += comparison.earlySpikes();
    }
  }
  assert.ok(early > 1000, "early spikes were met");
  assert.ok(met > POINTWISE / 2, "most layers had lists");
});

/** Where a kernel is put. */
interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}

/** Weights in units of 1/64, up to `weightMax` of them. */
function convolution(
  random: Random,
  source: Shape,
  options: { channels: number; kernel: Pair; weightMax: number; window?: Window },
): Omit<Extract<Layer, { kind: "conv2d" }>, "name" | "inputs"> {
  const { channels, kernel, weightMax } = options;
  const window: Window = options.window ?? {
    kernel,
    stride: [1 + random.integer(2), 1 + random.integer(2)] as Pair,
    dilation: [1 + random.integer(2), 1 + random.integer(2)] as Pair,
    padding: [0, 1, 0, 1].map((axis) => random.integer(kernel[axis])) as unknown as Padding,
  };
  const draw = (most: number) => (random.integer(2 * most + 1) - most) / 64;
  return {
    kind: "conv2d",
    ...window,
    groups: 1,
    rectify: true,
    scale: 1,
    weights: Float32Array.from({ length: channels * source[0] * kernel[0] * kernel[1] }, () => draw(weightMax)),
    bias: Float32Array.from({ length: channels }, () => draw(8)),
    shape: outputShape({ kind: "conv2d", ...window }, source, channels),
  };
}
