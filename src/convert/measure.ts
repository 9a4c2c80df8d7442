/** Runs a network over images and counts: accuracy, agreement with the source network, spikes, steps, energy. */

import type { Network } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import { createInferenceOutput, zeroCounters } from "../core/results.ts";
import { frameValues, toPlanar } from "../data/dataset.ts";
import type { Kernel } from "../simulator/kernel.ts";
import { createClassification, decode } from "../ttfs/decode.ts";
import { createByteEncoder } from "../ttfs/encode.ts";
import { createTiming } from "../ttfs/timing.ts";
import { estimateFrameEnergyUj } from "../telemetry/energy_model.ts";
import type { Images, Tick } from "./calibrate.ts";

/** Makes the kernel that measurements run on. */
export type KernelFactory = (network: Network) => Kernel;

/** What a run over images found. Means are a frame. */
export interface Measurement {
  readonly frames: number;
  /** Of the images with a class; null when none has. */
  readonly accuracy: number | null;
  /** Share of images that got the source network's class; null when that was not given. */
  readonly agreement: number | null;
  readonly ties: number;
  /** Mean time steps from an input of value 1 to the first output spike. */
  readonly decisionSteps: number;
  readonly synopsEvents: number;
  readonly synopsAll: number;
  /** Null when the kernel does not count it. */
  readonly synopsReference: number | null;
  readonly spikes: number;
  readonly saturatedSpikes: number;
  /** Share of each layer's neurons that spike before read-out, 0 to 1. */
  readonly earlyShareByLayer: readonly number[];
  /** Estimated dynamic energy of a board's cores, µJ; see `telemetry/energy_model.ts`. */
  readonly coreEnergyUj: number;
}

/** What to run on; all but the images have defaults that leave them out. */
export interface MeasureOptions {
  readonly createKernel: KernelFactory;
  /** Class that the source network gave each image. */
  readonly predictions?: Int32Array;
  readonly tick?: Tick;
  /** First image to run; 0 by default. */
  readonly first?: number;
  /** Called with the class that each image got. */
  readonly onAnswer?: (index: number, answer: number) => void;
  /** Looks at the kernel after each frame. */
  readonly inspect?: (kernel: Kernel, index: number) => void;
  /** Lets others run between frames; measuring is synchronous otherwise. */
  readonly pause?: () => Promise<void>;
}

/** Runs a network over images. Images have the network's own size. */
export async function measureNetwork(network: Network, images: Images, options: MeasureOptions): Promise<Measurement> {
  const { data, count } = images;
  const timing = createTiming(network.convention, network.tMax);
  const encoder = createByteEncoder(timing, network.input);
  const kernel = options.createKernel(network);
  const output = createInferenceOutput(network);
  const bytes = new Uint8Array(frameValues(data));
  const planar = new Uint8Array(bytes.length);
  const levels = new Int16Array(bytes.length);
  const result = createClassification(network.labels.length);
  const total = zeroCounters();
  const early = new Float64Array(network.layers.length);
  let known = 0;
  let correct = 0;
  let agreed = 0;
  let ties = 0;
  const first = options.first ?? 0;
  for (let index = first; index < count; index++) {
    const label = data.frame(index, bytes);
    toPlanar(bytes, data.shape[2], planar);
    encoder.encode(planar, levels);
    kernel.run(levels, output);
    decode(timing, output.levels, network.outputScale, result);
    if (label >= 0) known++;
    if (label === result.index) correct++;
    if (result.tie) ties++;
    if (options.predictions?.[index] === result.index) agreed++;
    let name: keyof typeof total;
    for (name in total) total[name] += output.counters[name];
    for (let i = 0; i < early.length; i++) early[i] += output.earlySpikesByLayer[i];
    options.onAnswer?.(index, result.index);
    options.inspect?.(kernel, index);
    options.tick?.(index + 1, count);
    await options.pause?.();
  }
  const frames = count - first;
  const mean = (value: number) => value / frames;
  return {
    frames,
    accuracy: known === 0 ? null : correct / known,
    agreement: options.predictions === undefined ? null : agreed / frames,
    ties,
    decisionSteps: mean(total.decisionStep),
    synopsEvents: mean(total.synopsEvents),
    synopsAll: mean(total.synopsAll),
    synopsReference: Number.isNaN(total.synopsReference) ? null : mean(total.synopsReference),
    spikes: mean(total.spikes),
    saturatedSpikes: mean(total.saturatedSpikes),
    earlyShareByLayer: network.layers.map((layer, i) => mean(early[i]) / sizeOf(layer.shape)),
    coreEnergyUj: estimateFrameEnergyUj(network),
  };
}
