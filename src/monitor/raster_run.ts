/** A frame's second run, for its raster: the kernel of the back end, with the levels of every layer kept. */

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

/** What a run gave. */
export interface RasterAnswer {
  readonly picture: RasterPicture;
  /** Of the output; the next run's buffer. */
  readonly levels: Int16Array;
  readonly earlySpikes: number;
  readonly runUs: number;
}

/** Runs frames of one network. */
export class RasterRun {
  readonly #network: Network;
  readonly #kernel: Kernel;
  readonly #encoder: ByteEncoder;
  readonly #input: Int16Array;
  readonly #output: InferenceOutput;

  constructor(network: Network, choice: KernelChoice) {
    this.#network = network;
    this.#kernel = choice.kind === "reference"
      ? createReferenceKernel(network)
      : createFastKernel(network, { weightBits: choice.weightBits, keepLevels: true });
    this.#encoder = createByteEncoder(createTiming(network.convention, network.tMax), network.input);
    this.#input = new Int16Array(sizeOf(network.input.shape));
    this.#output = createInferenceOutput(network);
  }

  /** Runs the frame of these bytes, `[channels, height, width]`. */
  run(bytes: Uint8Array): RasterAnswer {
    const startUs = systemClock.nowUs();
    this.#encoder.encode(bytes, this.#input);
    this.#kernel.run(this.#input, this.#output);
    const runUs = systemClock.nowUs() - startUs;
    const picture = drawRaster(this.#network, this.#input, (layer) => this.#kernel.levelsOf(layer));
    const { levels, counters } = this.#output;
    return { picture, levels, earlySpikes: counters.earlySpikes, runUs };
  }
}
