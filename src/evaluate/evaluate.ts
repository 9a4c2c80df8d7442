/** A network over a labelled data set: accuracy, confusion, and what it costs by every counter. */

import type { Clock } from "../core/clock.ts";
import { BackendError, ConfigError } from "../core/errors.ts";
import { isSpiking, type Network } from "../core/network.ts";
import { COUNTER_NAMES, createInferenceOutput, type RunCounters, zeroCounters } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Backend } from "../ports/backend.ts";
import { createClassification, decode } from "../ttfs/decode.ts";
import { createByteEncoder } from "../ttfs/encode.ts";
import { createTiming } from "../ttfs/timing.ts";
import { createImageReader } from "./image_reader.ts";

/** How to evaluate. */
export interface EvaluateOptions {
  /** First this many images; all by default. */
  readonly limit?: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called after each frame. */
  onProgress?(done: number, total: number): void;
}

/** What came of it. Means are over frames. */
export interface Evaluation {
  readonly network: string;
  readonly sha256: string;
  readonly data: string;
  readonly total: number;
  readonly correct: number;
  /** correct / total. */
  readonly accuracy: number;
  /** Frames whose best level two classes shared; the lower class won. */
  readonly ties: number;
  /** Input values outside the code's range that were clamped, all frames. */
  readonly clampedValues: number;
  /** `[truth][answer]`, frames. */
  readonly confusion: readonly (readonly number[])[];
  /** Classes answered, `[frames]`, for comparing with another run. */
  readonly answers: Uint16Array;
  /** Mean steps from an input of value 1 to the first output spike. */
  readonly stepsToDecision: number;
  readonly spikesPerFrame: number;
  /** Share of each integrating layer's neurons that fired before read-out, percent, by layer name. */
  readonly earlySpikesPercentPerLayer: Readonly<Record<string, number>>;
  /** Unweighted mean over those layers, as published. */
  readonly earlySpikesPercentMean: number;
  readonly saturatedPerFrame: number;
  readonly synopsEvents: number;
  readonly synopsAll: number;
  /** Null when the kernel does not count it. */
  readonly synopsReference: number | null;
  readonly opsPerFrame: number | null;
  readonly memoryReadsPerFrame: number | null;
  readonly memoryWritesPerFrame: number | null;
  /** Mean time in the kernel, µs. */
  readonly kernelUsPerFrame: number;
  /** Frames over wall time, all back ends together. */
  readonly framesPerSecond: number;
}

/**
 * Runs `dataset` through `backends`, which all hold the same network; each takes the next frame when it is done.
 *
 * @throws {ConfigError} `eval.labels` when an image has no class, or one that is no output of the network
 */
export async function evaluate(
  backends: readonly Backend[],
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { network } = backends[0];
  const total = Math.min(options.limit ?? dataset.count, dataset.count);
  const totals: Totals = {
    answers: new Uint16Array(total),
    confusion: network.labels.map(() => new Array<number>(network.labels.length).fill(0)),
    counters: zeroCounters(),
    early: new Float64Array(network.layers.length),
    correct: 0,
    ties: 0,
    clampedValues: 0,
  };
  const classOf = matchLabels(network, dataset);
  let next = 0;
  let done = 0;
  const startUs = options.clock.nowUs();
  await Promise.all(backends.map(async (backend) => {
    const run = createRunner(backend, dataset, totals, classOf);
    while (next < total && !options.signal?.aborted) {
      await run(next++);
      options.onProgress?.(++done, total);
    }
  }));
  if (options.signal?.aborted) {
    throw new BackendError("backend.aborted", `Cannot finish the evaluation: stopped after ${done} frames`);
  }
  return sumUp(network, dataset, total, totals, (options.clock.nowUs() - startUs) / 1e6);
}

// ---------------------------------------------------------------------------------------------------------------------

interface Totals {
  readonly answers: Uint16Array;
  readonly confusion: number[][];
  readonly counters: RunCounters;
  readonly early: Float64Array;
  correct: number;
  ties: number;
  clampedValues: number;
}

/** Data set class to network class: by name when both have names for it, else by index. */
function matchLabels(network: Network, dataset: Dataset): (label: number, index: number) => number {
  const byName = dataset.labels?.map((name) => network.labels.indexOf(name)) ?? null;
  const useNames = byName !== null && byName.every((index) => index >= 0);
  return (label, index) => {
    const truth = useNames && label >= 0 ? byName[label] : label;
    if (truth >= 0 && truth < network.labels.length) return truth;
    const message = `Cannot evaluate on ${JSON.stringify(dataset.name)} as every image must have a class from 0 to ` +
      `${network.labels.length - 1}: image ${index} has ${label}`;
    throw new ConfigError("eval.labels", message, {
      hint: "Give labels, and a network that was trained on these classes",
    });
  };
}

/** A function that classifies image `index` and adds it to the totals; buffers of its own. */
function createRunner(
  backend: Backend,
  dataset: Dataset,
  totals: Totals,
  classOf: (label: number, index: number) => number,
): (index: number) => Promise<void> {
  const { network } = backend;
  const timing = createTiming(network.convention, network.tMax);
  const encoder = createByteEncoder(timing, network.input);
  const read = createImageReader(dataset, network);
  const levels = new Int16Array(sizeOf(network.input.shape));
  const output = createInferenceOutput(network);
  const result = createClassification(network.labels.length);
  return async (index) => {
    const { bytes, label } = read(index);
    const truth = classOf(label, index);
    totals.clampedValues += encoder.encode(bytes, levels);
    await backend.run(levels, output);
    decode(timing, output.levels, network.outputScale, result);
    totals.answers[index] = result.index;
    totals.confusion[truth][result.index]++;
    if (result.index === truth) totals.correct++;
    if (result.tie) totals.ties++;
    for (const name of COUNTER_NAMES) totals.counters[name] += output.counters[name];
    for (let i = 0; i < totals.early.length; i++) totals.early[i] += output.earlySpikesByLayer[i];
  };
}

function sumUp(network: Network, dataset: Dataset, total: number, totals: Totals, seconds: number): Evaluation {
  const { counters } = totals;
  const mean = (sum: number) => sum / total;
  /** NaN says that the kernel does not count it. */
  const meanOrNull = (sum: number) => (Number.isNaN(sum) ? null : sum / total);
  const early: Record<string, number> = {};
  network.layers.forEach((layer, i) => {
    if (isSpiking(layer)) early[layer.name] = 100 * totals.early[i] / (total * sizeOf(layer.shape));
  });
  const shares = Object.values(early);
  return {
    network: network.name,
    sha256: network.digest,
    data: dataset.name,
    total,
    correct: totals.correct,
    accuracy: mean(totals.correct),
    ties: totals.ties,
    clampedValues: totals.clampedValues,
    confusion: totals.confusion,
    answers: totals.answers,
    stepsToDecision: mean(counters.decisionStep),
    spikesPerFrame: mean(counters.spikes),
    earlySpikesPercentPerLayer: early,
    earlySpikesPercentMean: shares.reduce((sum, share) => sum + share, 0) / shares.length,
    saturatedPerFrame: mean(counters.saturatedSpikes),
    synopsEvents: mean(counters.synopsEvents),
    synopsAll: mean(counters.synopsAll),
    synopsReference: meanOrNull(counters.synopsReference),
    opsPerFrame: meanOrNull(counters.operations),
    memoryReadsPerFrame: meanOrNull(counters.memoryReads),
    memoryWritesPerFrame: meanOrNull(counters.memoryWrites),
    kernelUsPerFrame: mean(counters.runUs),
    framesPerSecond: total / seconds,
  };
}
