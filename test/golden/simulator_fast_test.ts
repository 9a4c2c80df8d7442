/**
 * The integer kernel on the bundled networks: bit-equal to its twin on 2,000 MNIST and 2,000 Fashion-MNIST test images, and
 * close to float64 on more. What quantising costs is printed.
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { Network } from "../../src/core/network.ts";
import { createInferenceOutput } from "../../src/core/results.ts";
import { openNetwork } from "../../src/model/load.ts";
import { dequantise, quantise, type WeightBits } from "../../src/model/quantise.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createClassification, decode } from "../../src/ttfs/decode.ts";
import { createByteEncoder } from "../../src/ttfs/encode.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { createComparison } from "../support/compare_kernels.ts";
import { mnistFolder } from "../support/mnist_model.ts";

const FASHION = "/usr/share/datasets/fashion-mnist/t10k";
const IMAGE = 784;
/** The slow kernels take about 7 ms a frame; the whole test sets are for the patient. */
const EQUAL_FRAMES = Number(process.env.QUARTZ_FRAMES ?? 2000);
const FLOAT_FRAMES = Number(process.env.QUARTZ_FRAMES ?? 1000);

/**
 * What quantising may cost: predictions that 16-bit weights change, of 10,000; share of spike times that they move; points of
 * accuracy that 8-bit weights lose over a whole test set, as fewer images decide more coarsely.
 *
 * MNIST's weights are on no grid: 16 bits change 2 of 10,000 answers and 8 bits lose 0.02 points.
 * Fashion-MNIST's were trained on the grid of 8 bits, so nothing of them is rounded: every kernel must give the same spikes.
 *
 * What happens without that: a neuron whose potential is within the weights' error of half a step rounds the other way (0.02
 * to 0.05 % do with 16 bits), its step is passed on, and one output in a hundred ends a whole step off. Where the two best
 * classes are equal or a step apart, that decides; the test holds every changed prediction to this.
 */
const ALLOWED = {
  "mnist-lenet": { changed: 2, movedShare: 0.001, lostPoints: 0.1 },
  "fashion-lenet": { changed: 0, movedShare: 0, lostPoints: 0 },
};
/** A sample may hold a few more than its share. */
const CHANGED_MORE = 2;

/** Images and labels of a test set. */
interface Images {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

const SETS = [
  { name: "mnist-lenet", needs: "", ready: true, load: loadMnist },
  {
    name: "fashion-lenet",
    needs: " (needs Debian package dataset-fashion-mnist)",
    ready: existsSync(`${FASHION}-images-idx3-ubyte.gz`),
    load: loadFashion,
  },
] as const;

for (const { name, needs, ready, load } of SETS) {
  Deno.test({
    name: `${name}: integer kernel equals its twin on ${EQUAL_FRAMES} images${needs}`,
    ignore: !ready,
    async fn() {
      const network = await bundled(name);
      const images = load();
      const twin = createReferenceKernel(dequantise(quantise(network, 8)));
      const comparison = createComparison(network, twin, createFastKernel(network, { keepLevels: true }), name);
      const fused = createFastKernel(network);
      const kept = createInferenceOutput(network);
      const encode = encoderOf(network, images);
      let compared = 0;
      let early = 0;
      for (let image = 0; image < EQUAL_FRAMES; image++) {
        const levels = encode(image);
        compared += comparison.run(levels);
        early += comparison.earlySpikes();
        fused.run(levels, kept);
        assert.equal(kept.counters.earlySpikes, comparison.earlySpikes(), "pools on the way change nothing");
      }
      console.log(`${name}: ${compared} levels equal, ${early} of them early`);
      assert.ok(early > 0);
    },
  });

  Deno.test({
    name: `${name}: integer kernels stay close to float64 on ${FLOAT_FRAMES} images${needs}`,
    ignore: !ready,
    async fn() {
      const network = await bundled(name);
      const images = load();
      const exact = runAll(network, images, createReferenceKernel(network));
      for (const weightBits of [16, 8] as WeightBits[]) {
        const ours = runAll(network, images, createFastKernel(network, { weightBits, keepLevels: true }));
        const changed = [...exact.classes.keys()].filter((image) => exact.classes[image] !== ours.classes[image]);
        const moved = exact.levels.reduce((sum, level, i) => sum + (level === ours.levels[i] ? 0 : 1), 0);
        const lost = accuracy(exact, images) - accuracy(ours, images);
        console.log(
          `${name}, ${weightBits} bits, ${FLOAT_FRAMES} images: ${changed.length} predictions differ, ` +
            `${(100 * moved / exact.levels.length).toFixed(3)} % of spike times, ` +
            `accuracy ${accuracy(ours, images).toFixed(2)} % (float64 ${accuracy(exact, images).toFixed(2)} %)`,
        );
        const allowed = ALLOWED[name];
        const share = Math.min(1, FLOAT_FRAMES / 10_000);
        const more = share < 1 && allowed.changed > 0 ? CHANGED_MORE : 0;
        if (weightBits === 16) {
          assert.ok(changed.length <= share * allowed.changed + more, `${changed.length} predictions differ`);
          for (const image of changed) assert.ok(exact.margins[image] <= 1, `image ${image} is no near tie`);
          assert.ok(moved / exact.levels.length <= allowed.movedShare, "spike times");
        } else assert.ok(lost <= allowed.lostPoints + 100 * (more / FLOAT_FRAMES), `accuracy lost: ${lost} points`);
      }
    },
  });
}

// ---------------------------------------------------------------------------------------------------------------------

function bundled(name: string): Promise<Network> {
  return openNetwork(fileURLToPath(new URL(`../../models/${name}/network.safetensors`, import.meta.url)));
}

function loadMnist(): Images {
  const read = (file: string) => readFileSync(join(mnistFolder(), file));
  return { pixels: read("t10k-images-idx3-ubyte").subarray(16), labels: read("t10k-labels-idx1-ubyte").subarray(8) };
}

function loadFashion(): Images {
  const read = (file: string) => gunzipSync(readFileSync(`${FASHION}-${file}-ubyte.gz`));
  return { pixels: read("images-idx3").subarray(16), labels: read("labels-idx1").subarray(8) };
}

function encoderOf(network: Network, { pixels }: Images): (image: number) => Int16Array {
  const encoder = createByteEncoder(createTiming(network.convention, network.tMax), network.input);
  const levels = new Int16Array(IMAGE);
  return (image) => {
    encoder.encode(pixels.subarray(image * IMAGE, (image + 1) * IMAGE), levels);
    return levels;
  };
}

interface Answers {
  readonly classes: number[];
  /** Steps between the two best classes. */
  readonly margins: number[];
  /** Of every neuron of every layer but pools and flattenings, whose spikes are others' spikes. */
  readonly levels: Int16Array;
}

function runAll(network: Network, images: Images, kernel: ReturnType<typeof createReferenceKernel>): Answers {
  const encode = encoderOf(network, images);
  const output = createInferenceOutput(network);
  const timing = createTiming(network.convention, network.tMax);
  const result = createClassification(network.labels.length);
  const layers = network.layers.flatMap((
    { kind },
    index,
  ) => (kind === "max_pool" || kind === "flatten" ? [] : [index]));
  const classes: number[] = [];
  const margins: number[] = [];
  const levels: number[] = [];
  for (let image = 0; image < FLOAT_FRAMES; image++) {
    kernel.run(encode(image), output);
    decode(timing, output.levels, network.outputScale, result);
    classes.push(result.index);
    const [best, second] = output.levels.slice().sort((a, b) => b - a);
    margins.push(best - second);
    for (const layer of layers) for (const level of kernel.levelsOf(layer)) levels.push(level);
  }
  return { classes, margins, levels: Int16Array.from(levels) };
}

/** Percent. */
function accuracy({ classes }: Answers, { labels }: Images): number {
  return 100 * classes.filter((index, image) => index === labels[image]).length / classes.length;
}
