/** Frames and their answers that travel inside a network file, so that any back end can prove itself on them. */

import type { Network, SelfTest } from "../core/network.ts";
import { type InferenceOutput, zeroCounters } from "../core/results.ts";
import { type Dataset, frameValues, toPlanar } from "../data/dataset.ts";
import { createReferenceKernel } from "../simulator/kernel_reference.ts";
import { createByteEncoder } from "../ttfs/encode.ts";
import { createTiming, stepOfLevel } from "../ttfs/timing.ts";

const FRAMES = 8;
/** Bytes of frames in a file: large images get fewer. */
const BYTES_MAX = 2 ** 20;

/** A few images, evenly spread over the data set, with the reference kernel's output steps. */
export function selfTestOf(network: Network, data: Dataset): SelfTest {
  const size = frameValues(data);
  const count = Math.max(1, Math.min(FRAMES, data.count, Math.floor(BYTES_MAX / size)));
  const outputs = network.labels.length;
  const frames = new Uint8Array(count * size);
  const steps = new Int16Array(count * outputs);
  const timing = createTiming(network.convention, network.tMax);
  const encoder = createByteEncoder(timing, network.input);
  const kernel = createReferenceKernel(network);
  const output: InferenceOutput = {
    levels: new Int16Array(outputs),
    counters: zeroCounters(),
    earlySpikesByLayer: new Float64Array(network.layers.length),
  };
  const bytes = new Uint8Array(size);
  const levels = new Int16Array(size);
  for (let i = 0; i < count; i++) {
    data.frame(Math.floor(i * data.count / count), bytes);
    const planar = frames.subarray(i * size, (i + 1) * size);
    toPlanar(bytes, data.shape[2], planar);
    encoder.encode(planar, levels);
    kernel.run(levels, output);
    output.levels.forEach((level, k) => steps[i * outputs + k] = stepOfLevel(timing, level));
  }
  return { count, frames, steps };
}
