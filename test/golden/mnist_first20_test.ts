/**
 * The reference kernel against the golden spike times of the authors' network: every neuron of every layer for MNIST test
 * images 0 to 19, 87,080 spikes of integrating neurons, and the pools between them.
 */

import assert from "node:assert/strict";
import { createInferenceOutput } from "../../src/core/results.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createClassification, decode } from "../../src/ttfs/decode.ts";
import { createByteEncoder } from "../../src/ttfs/encode.ts";
import { biasSpike, createTiming, stepOfLevel } from "../../src/ttfs/timing.ts";
import { goldenMnistNetwork } from "../support/networks.ts";
import { readVectorContainer, shortsOf, tensorOf } from "../support/vectors.ts";

const IMAGES = 20;
const GOLDEN = "quartz-ttfs-p99-t16-first20.safetensors";
/** Golden name of each of our layers: spike steps in the layer's own window, or consumer steps after a pool. */
const LAYERS = [
  { index: 0, name: "conv1", early: "conv1_early" },
  { index: 2, name: "conv2", early: "conv2_early" },
  { index: 4, name: "conv3", early: "conv3_early" },
  { index: 6, name: "fc1", early: "fc1_early" },
];
const POOLS = [{ index: 1, name: "conv1_pooled_t" }, { index: 3, name: "conv2_pooled_t" }];

Deno.test("reference kernel equals the golden spike times in every layer of 20 MNIST frames", () => {
  const golden = readVectorContainer(GOLDEN);
  const network = goldenMnistNetwork();
  const timing = createTiming(network.convention, network.tMax);
  const encoder = createByteEncoder(timing, network.input);
  const kernel = createReferenceKernel(network);
  const output = createInferenceOutput(network);
  const images = tensorOf(golden, "images_u8").bytes;
  const inputSteps = shortsOf(golden, "input_t");
  const predictions = shortsOf(golden, "pred");
  const result = createClassification(10);
  const levels = new Int16Array(784);
  let compared = 0;
  for (let image = 0; image < IMAGES; image++) {
    assert.equal(encoder.encode(images.subarray(image * 784, (image + 1) * 784), levels), 0, "clamped input values");
    levels.forEach((level, i) => assert.equal(timing.readoutStep - level, inputSteps[image * 784 + i], `input ${i}`));
    kernel.run(levels, output);
    for (const { index, name, early } of LAYERS) {
      const got = kernel.levelsOf(index);
      const steps = shortsOf(golden, `${name}_s`).subarray(image * got.length);
      got.forEach((level, i) => {
        assert.equal(stepOfLevel(timing, level), steps[i], `image ${image}, ${name}, neuron ${i}: spike step`);
      });
      compared += got.length;
      const flags = tensorOf(golden, early).bytes.subarray(image * got.length, (image + 1) * got.length);
      assert.equal(
        output.earlySpikesByLayer[index],
        flags.reduce((sum, flag) => sum + flag, 0),
        `early spikes of ${name}`,
      );
    }
    for (const { index, name } of POOLS) {
      const got = kernel.levelsOf(index);
      const steps = shortsOf(golden, name).subarray(image * got.length);
      got.forEach((level, i) =>
        assert.equal(timing.readoutStep - level, steps[i], `image ${image}, ${name}, neuron ${i}`)
      );
    }
    decode(timing, output.levels, 1, result);
    assert.equal(result.index, predictions[image], `prediction of image ${image}`);
    assert.equal(output.counters.synopsAll, 225_840, "every source fires once, so synops equal the multiply-adds");
    assert.equal(output.counters.spikes, 5410);
  }
  assert.equal(compared, 87_080);
});

Deno.test("bias spikes arrive at the golden steps", () => {
  const golden = readVectorContainer(GOLDEN);
  const network = goldenMnistNetwork();
  const timing = createTiming(network.convention, network.tMax);
  for (const { index, name } of LAYERS) {
    const layer = network.layers[index];
    assert.ok(layer.kind === "conv2d" || layer.kind === "dense");
    const steps = shortsOf(golden, `${name}_bias_t`);
    layer.bias.forEach((bias, i) => {
      assert.equal(timing.readoutStep - biasSpike(timing, bias).level, steps[i], `${name} bias ${i}`);
    });
  }
});
