/** What a run of a network yields: counters, and a classification. */

import type { Network } from "./network.ts";

/** What a kernel counts over one frame. Definitions: `reference/quartz.md` 1.5 of the method; see each field. */
export interface RunCounters {
  /** Spikes of all neurons, pools included, input excluded: exactly one a neuron. */
  spikes: number;
  /** Neurons that fired before read-out, on part of their input. */
  earlySpikes: number;
  /** Neurons that were made to fire at rectification (they code 0). */
  rectifiedSpikes: number;
  /** Spikes whose level lay outside what the next layer's window can take, and was brought to its edge. */
  saturatedSpikes: number;
  /** Σ over source spikes that do not code 0 of their fan-out. */
  synopsEvents: number;
  /** Σ over all source spikes of their fan-out: what the method costs as described. Equals the multiply-adds of the source network. */
  synopsAll: number;
  /**
   * The published metric: distinct (neuron, step) pairs whose summed current is not 0. NaN, as are the three after it, from
   * the integer kernel, which never forms currents step by step.
   */
  synopsReference: number;
  /** Published formula: synopsReference + 2 · neurons · t_max. */
  operations: number;
  /** Published formula: 4 · neurons · t_max + synopsReference. */
  memoryReads: number;
  /** Published formula: neurons · t_max + synopsReference. */
  memoryWrites: number;
  /** Time steps from the step at which an input of value 1 spikes to the first output spike. */
  decisionStep: number;
  /** Wall time in the kernel, µs. */
  runUs: number;
}

/** Names of the counters, in the order in which they cross threads. */
export const COUNTER_NAMES = [
  "spikes",
  "earlySpikes",
  "rectifiedSpikes",
  "saturatedSpikes",
  "synopsEvents",
  "synopsAll",
  "synopsReference",
  "operations",
  "memoryReads",
  "memoryWrites",
  "decisionStep",
  "runUs",
] as const satisfies readonly (keyof RunCounters)[];

/** All counters at 0. */
export function zeroCounters(): RunCounters {
  return {
    spikes: 0,
    earlySpikes: 0,
    rectifiedSpikes: 0,
    saturatedSpikes: 0,
    synopsEvents: 0,
    synopsAll: 0,
    synopsReference: 0,
    operations: 0,
    memoryReads: 0,
    memoryWrites: 0,
    decisionStep: 0,
    runUs: 0,
  };
}

/** Where a back end puts its answer; allocated once by the caller and reused. */
export interface InferenceOutput {
  /** Level of every output neuron, `[classes]`; the step of its spike follows from `ttfs/timing.ts`. */
  readonly levels: Int16Array;
  readonly counters: RunCounters;
  /** Early spikes of each layer, in layer order; 0 for layers without a window. */
  readonly earlySpikesByLayer: Float64Array;
}

/** Room for the answers of one network. */
export function createInferenceOutput(network: Network): InferenceOutput {
  return {
    levels: new Int16Array(network.labels.length),
    counters: zeroCounters(),
    earlySpikesByLayer: new Float64Array(network.layers.length),
  };
}

/** What a frame was taken for. */
export interface Classification {
  /** Class with the highest level; the lowest index of those that tie. */
  index: number;
  /** True when another class had the same level. */
  tie: boolean;
  /** Softmax of the de-normalised outputs at `index`, 0 to 1. Not calibrated against observed accuracy. */
  confidence: number;
  /** Softmax of every class, `[classes]`. */
  readonly probabilities: Float64Array;
}
