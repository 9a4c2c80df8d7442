/**
 * Finishes a network that a training script wrote: measures its accuracy on the whole test set with the reference kernel,
 * adds self-test vectors, and saves it where the runtime looks for it.
 *
 *   deno task models:finish FOLDER DATA      e.g. models/mnist-lenet idx:t10k-images-idx3-ubyte,t10k-labels-idx1-ubyte
 *
 * Reads FOLDER/build/network.raw.safetensors, writes FOLDER/network.safetensors.
 */

import { writeFile } from "node:fs/promises";
import process from "node:process";
import { imageDecoders } from "../src/app/image_decoders.ts";
import { processConsole, ProgressBar } from "../src/app/console.ts";
import { systemClock } from "../src/core/clock.ts";
import { openDataset } from "../src/data/open.ts";
import { toPlanar } from "../src/data/dataset.ts";
import { evaluate } from "../src/evaluate/evaluate.ts";
import { openNetwork } from "../src/model/load.ts";
import { saveNetwork } from "../src/model/save.ts";
import { makeSelfTest } from "../src/simulator/self_test.ts";
import { openSimulator } from "../src/simulator/simulator.ts";

/** Frames with expected output steps in the file: enough to catch a wrong kernel, small enough not to matter. */
const SELF_TEST_FRAMES = 4;

const [folder, data] = process.argv.slice(2);
if (folder === undefined || data === undefined) throw new Error("usage: deno task models:finish FOLDER DATA");

const raw = await openNetwork(`${folder}/build/network.raw.safetensors`);
const dataset = await openDataset(data, imageDecoders);
const bar = new ProgressBar(processConsole(), "eval", () => systemClock.nowUs());
const backends = [await openSimulator(raw, { kind: "reference" }), await openSimulator(raw, { kind: "reference" })];
const result = await evaluate(backends, dataset, {
  clock: systemClock,
  onProgress: (done, total) => bar.update(done, total),
});
for (const backend of backends) await backend[Symbol.asyncDispose]();

const size = dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
const frames = new Uint8Array(SELF_TEST_FRAMES * size);
const pixels = new Uint8Array(size);
for (let frame = 0; frame < SELF_TEST_FRAMES; frame++) {
  dataset.frame(frame, pixels);
  toPlanar(pixels, dataset.shape[2], frames.subarray(frame * size, (frame + 1) * size));
}
const bytes = saveNetwork({
  ...raw,
  provenance: { ...raw.provenance, snnAccuracy: result.accuracy, snnAccuracyFrames: result.total },
  selfTest: makeSelfTest(raw, frames),
});
await writeFile(`${folder}/network.safetensors`, bytes);
const percent = (100 * result.accuracy).toFixed(2);
console.log(
  `${raw.name}: ${percent} % (${result.correct} of ${result.total}), ties ${result.ties}, ${bytes.length} bytes`,
);
