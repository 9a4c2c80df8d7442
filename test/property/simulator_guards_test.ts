/**
 * Layers that leave 16 bits, or whose biases are large, and recover: the integer kernel has to notice and still equal its twin.
 * Random networks seldom get there, so these are made to.
 */

import assert from "node:assert/strict";
import type { Layer } from "../../src/core/network.ts";
import { outputShape } from "../../src/core/geometry.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { dequantise, quantise } from "../../src/model/quantise.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { makeNetwork } from "../support/networks.ts";

const UNIT = 15;

type Triple = readonly [number, number, number];

/** A dense layer over `inputs` levels; `weightOf` in units of 1/64. */
function dense(inputs: number, neurons: number, weightOf: (neuron: number, input: number) => number): Layer {
  return {
    kind: "dense",
    name: "dense",
    inputs: [-1],
    shape: [neurons, 1, 1],
    rectify: true,
    scale: 1,
    weights: Float32Array.from(
      { length: neurons * inputs },
      (_, i) => weightOf(Math.floor(i / inputs), i % inputs) / 64,
    ),
    bias: new Float32Array(neurons),
  };
}

function compare(
  layers: Layer[],
  shape: readonly [number, number, number],
  frames: Int16Array[],
  label: string,
  { tMax = UNIT + 1, relaxedSimd = true } = {},
): number {
  const network = makeNetwork({
    tMax,
    layers,
    input: { shape, color: "grey", mean: Array(shape[0]).fill(0), std: Array(shape[0]).fill(1) },
  });
  const twin = createReferenceKernel(dequantise(quantise(network, 8)));
  const comparison = createComparison(
    network,
    twin,
    createFastKernel(network, { keepLevels: true, relaxedSimd }),
    label,
  );
  let early = 0;
  for (const frame of frames) {
    comparison.run(frame);
    early += comparison.earlySpikes();
  }
  return early;
}

for (const neurons of [8, 24, 40, 56, 72, 96, 130]) {
  Deno.test(`${neurons} neurons whose potential sinks below 16 bits and comes back`, () => {
    // 200 inputs pull down by 20,000 a step, four steps later 225 others turn that to 8,125 a step upwards: the potential ends
    // at −15,000, but would at a level of 7 had it stopped at the bottom of 16 bits. A step later it ends far above.
    const layer = dense(425, neurons, (_, input) => input < 200 ? -100 : 125);
    const sinking = Int16Array.from({ length: 425 }, (_, input) => input < 200 ? 12 : 8);
    const shallow = Int16Array.from({ length: 425 }, (_, input) => input < 200 ? 9 : 8);
    assert.equal(compare([layer], [425, 1, 1], [sinking, shallow], "sinking"), neurons);
  });

  Deno.test(`${neurons} neurons whose current leaves 16 bits within a level`, () => {
    // 300 inputs bring 38,100 at once: past the threshold, but to less than nothing modulo 65,536.
    const layer = dense(
      700,
      neurons,
      (neuron, input) => input < 300 ? 127 : input < 600 ? -127 : (neuron + input) % 9 - 4,
    );
    const together = new Int16Array(700).fill(1);
    const apart = Int16Array.from({ length: 700 }, (_, input) => input < 300 ? 2 : 1);
    assert.equal(compare([layer], [700, 1, 1], [together, apart], "overflowing"), neurons);
  });

  Deno.test(`${neurons} neurons with biases of every size`, () => {
    const random = createRandom(neurons);
    const layer = dense(60, neurons, () => random.integer(65) - 36);
    const bias = Float32Array.from({ length: neurons }, (_, neuron) => (neuron * 7 % 46 - 23) / UNIT);
    const frames = Array.from(
      { length: 40 },
      () => Int16Array.from({ length: 60 }, () => Math.max(0, random.integer(40) - 20)),
    );
    frames.push(new Int16Array(60));
    assert.ok(compare([{ ...layer, bias } as Layer], [60, 1, 1], frames, "biased") > 0);
  });
}

for (const stride of [1, 2, 3]) {
  for (const tMax of [16, 64, 128]) {
    Deno.test(`depthwise 3x3, stride ${stride}, t_max ${tMax}, with early spikes and sums that saturate`, () => {
      const random = createRandom(stride * 1000 + tMax);
      let total = 0;
      for (let round = 0; round < 12; round++) {
        const layer = drawDepthwise(random, stride, [8, 24, 16, 12][round % 4]);
        const frame = () =>
          Int16Array.from({ length: sizeOf(layer.input) }, () => Math.max(0, random.integer(3 * tMax) - tMax - 1));
        const frames = [frame(), frame(), frame()];
        const early = [true, false].map((relaxedSimd) =>
          compare([layer.layer], layer.input, frames, `round ${round}`, { tMax, relaxedSimd })
        );
        assert.equal(early[0], early[1]);
        total += early[0];
      }
      assert.ok(total > 0);
    });
  }
}

Deno.test("depthwise 3x3 over rows so long that their events are counted in several goes", () => {
  const random = createRandom(4);
  const { layer, input } = drawDepthwise(random, 1, 64, [3, 80]);
  const frame = Int16Array.from({ length: sizeOf(input) }, () => Math.max(0, random.integer(40) - 20));
  compare([layer], input, [frame, new Int16Array(frame.length).fill(1)], "long rows");
});

for (const tMax of [16, 64, 128]) {
  Deno.test(`adds of two maps, t_max ${tMax}, with early spikes`, () => {
    const random = createRandom(tMax);
    let early = 0;
    for (let round = 0; round < 16; round++) {
      const shape = [1 + random.integer(20), 1 + random.integer(5), 1 + random.integer(5)] as const;
      const frame = () =>
        Int16Array.from({ length: sizeOf(shape) }, () => Math.max(0, random.integer(3 * tMax) - tMax - 1));
      const common = { shape, scale: 1, rectify: true };
      const other: Layer = {
        ...common,
        kind: "conv2d",
        name: "other",
        inputs: [-1],
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0, 0, 0],
        dilation: [1, 1],
        groups: shape[0],
        weights: Float32Array.from({ length: shape[0] }, () => random.between(-0.5, 1)),
        bias: new Float32Array(shape[0]),
      };
      const weights = Float32Array.from({ length: 2 }, () => random.between(round % 4 === 0 ? -1 : 0.1, 1));
      const add: Layer = { ...common, kind: "add", name: "add", inputs: [-1, 0], rectify: round % 2 === 0, weights };
      early += compare([other, add], shape, [frame(), frame()], `round ${round}`, { tMax });
    }
    assert.ok(early > 0);
  });
}

/** Few to many early spikes; paddings and sides at which rows have every number of positions inside the map and beside it. */
function drawDepthwise(
  random: Random,
  stride: number,
  channels: number,
  [height, width] = [1 + random.integer(9), 1 + random.integer(9)],
): { layer: Layer; input: Triple } {
  const padding = Array.from({ length: 4 }, () => random.integer(3)) as [number, number, number, number];
  const window = {
    kernel: [3, 3],
    stride: [stride, stride],
    padding: [
      padding[0],
      padding[1],
      Math.max(padding[2], 3 - height - padding[0]),
      Math.max(padding[3], 3 - width - padding[1]),
    ],
    dilation: [1, 1],
  } as const;
  const input = [channels, height, width] as const;
  const large = 1 + random.integer(127);
  const layer: Layer = {
    kind: "conv2d",
    name: "depthwise",
    inputs: [-1],
    shape: outputShape({ kind: "conv2d", ...window }, input, channels),
    ...window,
    groups: channels,
    rectify: true,
    scale: 1,
    weights: Float32Array.from(
      { length: channels * 9 },
      () => (random.integer(2 * large + 1) - large) / 64 * (large < 20 ? 6 : 1),
    ),
    bias: Float32Array.from({ length: channels }, () => random.next() < 0.5 ? 0 : random.between(-1, 1)),
  };
  return { layer, input };
}
