/** What a layer's whole numbers look like, and which lane width holds them: the static bounds behind the fast kernels. */

import type { Timing } from "../../ttfs/timing.ts";

/** Largest value of a 16-bit lane. */
export const LANE_MAX = 32767;
/**
 * How far above the limit a potential can be told: a few steps of any usual current. Where potentials may fall out of 16 bits all
 * the same, there is less of it, in levels, as each neuron that falls has to be walked by itself.
 */
const HEADROOM = 8192;
const HEADROOM_GUARDED = 4;

/** Integer weights of the neurons of one group, `[neuron][synapse]`, and what goes with them. */
export interface IntegerLayer {
  readonly weights: Int16Array;
  readonly neurons: number;
  /** Synapses of one neuron; those on padding count. */
  readonly fanIn: number;
  /** Level of each neuron's bias spike. */
  readonly biasLevels: Int32Array;
  /** Weight 1.0 is 2^shift. */
  readonly shift: number;
  /** False: may become negative. */
  readonly rectify: boolean;
}

/** Bounds that hold for every input. */
export interface Bounds {
  readonly threshold: number;
  /** Largest |current| at any step, with a bias spike. */
  readonly currentMax: number;
  /** Largest |weight|. */
  readonly weightMax: number;
  /** Lowest potential is −potentialMin. */
  readonly potentialMin: number;
  /** 32-bit integers hold everything. */
  readonly fits32: boolean;
  /** 16-bit lanes can be used, with guards where `potentialMin` asks for them. */
  readonly fits16: boolean;
  /** Potentials can leave 16 bits at the bottom, or currents anywhere. */
  readonly guarded: boolean;
  /** Where in 16 bits the threshold is put. */
  readonly limit: number;
}

/** Bounds of a layer whose sources have levels 0 to 2 units. */
export function boundsOf(timing: Timing, layer: IntegerLayer): Bounds {
  const { weights, neurons, fanIn, shift, biasLevels, rectify } = layer;
  let synapsesMax = 0;
  let negativeMax = 0;
  let weightMax = 0;
  for (let neuron = 0; neuron < neurons; neuron++) {
    let up = 0;
    let down = 0;
    for (let i = neuron * fanIn; i < (neuron + 1) * fanIn; i++) {
      if (weights[i] > 0) up += weights[i];
      else down -= weights[i];
      weightMax = Math.max(weightMax, Math.abs(weights[i]));
    }
    synapsesMax = Math.max(synapsesMax, up, down);
    negativeMax = Math.max(negativeMax, down);
  }
  const one = 2 ** shift;
  const currentMax = synapsesMax + one;
  const threshold = timing.threshold * one;
  const potentialMin = negativeMax * timing.levelMax;
  const biasMin = biasLevels.reduce((least, level) => Math.min(least, level), 0) * one + one / 2;
  const free = 2 * LANE_MAX + 1 - threshold - potentialMin;
  return {
    threshold,
    currentMax,
    weightMax,
    potentialMin,
    // The bias spike adds up to two units of value to the potential.
    fits32: shift >= 1 && shift <= 24 && currentMax * (timing.levelMax + 1) * 2 < 2 ** 31,
    // Room above for the threshold and the rounding half; a signed level below −32768 steps must still be silent.
    fits16: shift >= 1 && timing.tMax * one <= 2 ** 15 && (rectify || biasMin >= -(2 ** 15)),
    guarded: free < 0 || currentMax > LANE_MAX,
    limit: LANE_MAX - Math.min(HEADROOM, free < 0 ? HEADROOM_GUARDED * one : free),
  };
}

/** Constants of a run of lanes: see `Block` in `wasm/records.ts`. Lanes beyond `biases` stay silent at level 0. */
export function laneConstants(
  biases: ArrayLike<number>,
  lanes: number,
  options: { readonly shift: number; readonly room: number },
): { start: Int16Array; finish: Int16Array; start32: Int32Array; finish32: Int32Array; biasLevels: Int32Array } {
  const one = 2 ** options.shift;
  const biasLevels = Int32Array.from({ length: lanes }, (_, lane) => biases[lane] ?? 0);
  const start32 = biasLevels.map((level) => Math.max(0, level) * one);
  const finish32 = biasLevels.map((level) => Math.min(0, level) * one + one / 2);
  return {
    start: Int16Array.from(start32, (value) => Math.min(32767, value + options.room)),
    finish: Int16Array.from(finish32, (value) => Math.max(-32768, value)),
    start32,
    finish32,
    biasLevels,
  };
}
