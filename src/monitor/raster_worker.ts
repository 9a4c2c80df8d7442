/** Hosts a second run of sampled frames in a thread of its own, off the frame's path. Started by `raster_helper.ts`. */

import { parentPort } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { systemClock } from "../core/clock.ts";
import type { Network } from "../core/network.ts";
import { createInferenceOutput, type InferenceOutput } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelChoice } from "../simulator/choose_kernel.ts";
import type { Kernel } from "../simulator/kernel.ts";
import { createFastKernel } from "../simulator/kernel_fast.ts";
import { createReferenceKernel } from "../simulator/kernel_reference.ts";
import { type ByteEncoder, createByteEncoder } from "../ttfs/encode.ts";
import { createTiming } from "../ttfs/timing.ts";
import { drawRaster, type RasterPicture } from "./raster.ts";

/** What the thread is told: a network to keep in place of the one before, or a frame of it. */
export type RasterOrder =
  | { readonly kind: "network"; readonly network: Network; readonly kernel: KernelChoice }
  | { readonly kind: "frame"; readonly bytes: Uint8Array };

/** What it says to a frame, or that it failed. */
export type RasterReply =
  | {
    readonly picture: RasterPicture;
    readonly levels: Int16Array;
    readonly earlySpikes: number;
    readonly runUs: number;
  }
  | { readonly error: string };

interface Held {
  readonly network: Network;
  readonly kernel: Kernel;
  readonly encoder: ByteEncoder;
  readonly input: Int16Array;
  readonly output: InferenceOutput;
}

assert(parentPort !== null, "raster_worker.ts runs as a worker only");
const port = parentPort;
let held: Held | null = null;

port.on("message", (order: RasterOrder) => {
  try {
    if (order.kind === "network") held = hold(order.network, order.kernel);
    else port.postMessage(run(held!, order.bytes) satisfies RasterReply);
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies RasterReply);
  }
});

function hold(network: Network, choice: KernelChoice): Held {
  return {
    network,
    kernel: choice.kind === "reference"
      ? createReferenceKernel(network)
      : createFastKernel(network, { weightBits: choice.weightBits, keepLevels: true }),
    encoder: createByteEncoder(createTiming(network.convention, network.tMax), network.input),
    input: new Int16Array(sizeOf(network.input.shape)),
    output: createInferenceOutput(network),
  };
}

function run({ network, kernel, encoder, input, output }: Held, bytes: Uint8Array): RasterReply {
  const startUs = systemClock.nowUs();
  encoder.encode(bytes, input);
  kernel.run(input, output);
  const runUs = systemClock.nowUs() - startUs;
  const picture = drawRaster(network, input, (layer) => kernel.levelsOf(layer));
  return { picture, levels: output.levels, earlySpikes: output.counters.earlySpikes, runUs };
}
