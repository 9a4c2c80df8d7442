/**
 * Runs frames on the bundled MNIST network and prints how memory changed, as JSON; to be started with `--expose-gc`, so that
 * only what is kept counts.
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { createInferenceOutput } from "../../src/core/results.ts";
import { createRandom } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { openNetwork } from "../../src/model/load.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { randomLevels } from "./random_wide_network.ts";

/** Frames that are run before the first look: the engine compiles, buffers are made. */
const WARM_FRAMES = 5000;
const FRAMES = Number(process.argv[2]);

const path = fileURLToPath(new URL("../../models/mnist-lenet/network.safetensors", import.meta.url));
const network = await openNetwork(path);
const kernel = createFastKernel(network);
const output = createInferenceOutput(network);
const random = createRandom(1);
const { unit } = createTiming(network.convention, network.tMax);
const inputs = Array.from(
  { length: 16 },
  () => randomLevels(random, sizeOf(network.input.shape), { low: 0, high: unit, density: 0.2 }),
);
run(WARM_FRAMES);
const kept = heapBytes();
run(FRAMES);
// Before collecting: what the frames threw away, if they did.
const thrown = process.memoryUsage().heapUsed - kept;
console.log(JSON.stringify({ frames: FRAMES, keptBytes: heapBytes() - kept, thrownBytes: thrown }));

function run(frames: number): void {
  for (let frame = 0; frame < frames; frame++) kernel.run(inputs[frame % inputs.length], output);
}

function heapBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("Cannot measure as the engine must be started with --expose-gc");
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}
