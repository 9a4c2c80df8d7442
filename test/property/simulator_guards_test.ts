/**
 * Layers that leave 16 bits, or whose biases are large, and recover: the integer kernel has to notice and still equal its twin.
 * Random networks seldom get there, so these are made to.
 */

import assert from "node:assert/strict";
import type { Layer } from "../../src/core/network.ts";
import { createRandom } from "../../src/core/random.ts";
import { dequantise, quantise } from "../../src/model/quantise.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { makeNetwork } from "../support/networks.ts";

const UNIT = 15;

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
): number {
  const network = makeNetwork({
    layers,
    input: { shape, color: "grey", mean: Array(shape[0]).fill(0), std: Array(shape[0]).fill(1) },
  });
  const twin = createReferenceKernel(dequantise(quantise(network, 8)));
  const comparison = createComparison(network, twin, createFastKernel(network, { keepLevels: true }), label);
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

for (const [stride, side] of [[1, 9], [2, 9], [1, 3], [2, 2], [3, 8]]) {
  Deno.test(`depthwise 3x3, stride ${stride}, on ${side}x${side}, with early spikes and sums that saturate`, () => {
    const random = createRandom(stride * 100 + side);
    for (const [channels, padding] of [[8, 1], [24, 0], [16, 2], [12, 1]]) {
      const out = Math.floor((side + 2 * padding - 3) / stride) + 1;
      if (out < 1) continue;
      const layer: Layer = {
        kind: "conv2d",
        name: "depthwise",
        inputs: [-1],
        shape: [channels, out, out],
        kernel: [3, 3],
        stride: [stride, stride],
        padding: [padding, padding, padding, padding],
        dilation: [1, 1],
        groups: channels,
        rectify: true,
        scale: 1,
        weights: Float32Array.from({ length: channels * 9 }, () => (random.integer(255) - 127) / 64),
        bias: Float32Array.from({ length: channels }, () => random.between(-1, 1)),
      };
      const shape = [channels, side, side] as const;
      const frame = () => Int16Array.from({ length: channels * side * side }, () => random.integer(2 * UNIT + 1));
      assert.ok(compare([layer], shape, [frame(), frame(), frame()], "depthwise") > 0);
    }
  });
}
