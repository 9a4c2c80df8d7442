/** The self-test vectors inside a network file: made by the reference kernel, checked by any kernel. */

import type { Network, SelfTest } from "../core/network.ts";
import { createInferenceOutput } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import type { Backend } from "../ports/backend.ts";
import { createByteEncoder } from "../ttfs/encode.ts";
import { createTiming, stepOfLevel } from "../ttfs/timing.ts";
import type { Kernel } from "./kernel.ts";
import { createReferenceKernel } from "./kernel_reference.ts";

/** One output neuron that spiked at another step than the file says. */
export interface SelfTestMismatch {
  readonly frame: number;
  readonly neuron: number;
  readonly expectedStep: number;
  readonly foundStep: number;
}

/** Makes self-test vectors from frames at the network's input size, `[count, channels, height, width]` bytes. */
export function makeSelfTest(network: Network, frames: Uint8Array): SelfTest {
  const count = frames.length / sizeOf(network.input.shape);
  return { count, frames, steps: outputSteps(network, frames, count, createReferenceKernel(network)) };
}

/** Runs the vectors that `network` carries through `kernel`; an empty list means that all steps are right. */
export function runSelfTest(network: Network, kernel: Kernel): SelfTestMismatch[] {
  if (network.selfTest === null) return [];
  const { count, frames, steps } = network.selfTest;
  const found = outputSteps(network, frames, count, kernel);
  const outputs = network.labels.length;
  const mismatches: SelfTestMismatch[] = [];
  for (let i = 0; i < steps.length; i++) {
    if (steps[i] === found[i]) continue;
    const place = { frame: Math.floor(i / outputs), neuron: i % outputs };
    mismatches.push({ ...place, expectedStep: steps[i], foundStep: found[i] });
  }
  return mismatches;
}

/** Steps of every output spike of the network's own vectors, `[count, classes]`, as a back end gives them. */
export async function selfTestSteps(network: Network, backend: Backend): Promise<Int16Array> {
  const { count, frames } = network.selfTest ?? { count: 0, frames: new Uint8Array(0) };
  const steps = new Int16Array(count * network.labels.length);
  const run = prepare(network, steps);
  for (let frame = 0; frame < count; frame++) {
    await backend.run(run.encode(frames, frame), run.output);
    run.store(frame);
  }
  return steps;
}

// ---------------------------------------------------------------------------------------------------------------------

function outputSteps(network: Network, frames: Uint8Array, count: number, kernel: Kernel): Int16Array {
  const steps = new Int16Array(count * network.labels.length);
  const run = prepare(network, steps);
  for (let frame = 0; frame < count; frame++) {
    kernel.run(run.encode(frames, frame), run.output);
    run.store(frame);
  }
  return steps;
}

/** What a run of vectors needs before and after each frame. */
function prepare(network: Network, steps: Int16Array) {
  const timing = createTiming(network.convention, network.tMax);
  const encoder = createByteEncoder(timing, network.input);
  const size = sizeOf(network.input.shape);
  const input = new Int16Array(size);
  const output = createInferenceOutput(network);
  return {
    output,
    encode(frames: Uint8Array, frame: number): Int16Array {
      encoder.encode(frames.subarray(frame * size, (frame + 1) * size), input);
      return input;
    },
    store(frame: number): void {
      output.levels.forEach((level, i) => steps[frame * network.labels.length + i] = stepOfLevel(timing, level));
    },
  };
}
