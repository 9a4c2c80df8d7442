/** How a network is turned into compartments: the choices that change spikes. Simulator and board agree only under `EXACT`. */

import type { Rounding, SynapseWeight } from "./mantissas.ts";

/** What a compiled network does at the points where implementations differ. */
export interface Recipe {
  readonly name: "exact" | "authors";
  /** Grid weight that counts as 1.0; threshold = t_max · weightUnit · 64. */
  readonly weightUnit: number;
  readonly rounding: Rounding;
  /**
   * When a bias spike arrives: `aligned` with data of the same level; `authors` one step early from the second layer on,
   * as in the published network (a bias of 1.0 excepted).
   */
  readonly bias: "aligned" | "authors";
  /** What keeps a neuron silent after its spike: a synapse onto itself, or the refractory time of 63 steps (may re-fire late). */
  readonly silence: "self_inhibition" | "refractory";
  /**
   * How silent neurons are made to fire. `floor`: the potential's lower limit is set so that one pulse lifts every neuron over
   * the threshold in its step, however negative its sum. `pulse`: the published pulse, which deeply negative neurons answer late.
   */
  readonly rectifier: "floor" | "pulse";
}

/** The default: spike for spike what `quartz-loihi` means (see `ttfs/timing.ts`). Weights lie on a power-of-two grid. */
export const EXACT: Recipe = {
  name: "exact",
  weightUnit: 256,
  rounding: "nearest",
  bias: "aligned",
  silence: "self_inhibition",
  rectifier: "floor",
};

/** The published network of the method's authors, step for step. */
export const AUTHORS: Recipe = {
  name: "authors",
  weightUnit: 254,
  rounding: "authors",
  bias: "authors",
  silence: "self_inhibition",
  rectifier: "pulse",
};

/** A synapse that acts some steps after the others of its spike. */
export interface DelayedSynapse extends SynapseWeight {
  readonly delay: number;
}

/** How neurons of a recipe are silenced and rectified. */
export interface Silencing {
  /** Exponent e of the lower limit −(2^e) + 1 of every potential. */
  readonly vMinExponent: number;
  /** From a neuron onto itself; empty for the refractory variant. */
  readonly self: readonly DelayedSynapse[];
  /** From the rectifier onto every neuron of its layer. */
  readonly pulse: readonly DelayedSynapse[];
  readonly refractorySteps: number;
}

/** Longest refractory time that all public descriptions of the chip allow. */
const REFRACTORY_STEPS_MAX = 63;

/**
 * Self-inhibition, rectifier pulse and lower limit that belong together, for neurons whose 1.0 is the grid weight `unit`.
 *
 * `floor`: no potential falls below −2^20 + 1; it gains unit · 64 a step from read-out to rectification (t_max + 1 times), and
 * the pulse adds 254 · 2^12 = 2^20 − 2^13. For units from 128 the sum exceeds t_max · unit · 64, so every silent neuron fires
 * in that very step. (Of a layer that reads neurons without rectification: unless it was clipped, and negative levels pull it
 * down after read-out.) The self-inhibition outweighs pulse and slope together, so a neuron that has spiked stays silent, while
 * 62 units of 1.0 (of 256) may still arrive as negative input in the step after a spike before the sum of a step wraps.
 */
export function silencing(recipe: Recipe, unit: number): Silencing {
  const refractory = recipe.silence === "refractory";
  const refractorySteps = refractory ? REFRACTORY_STEPS_MAX : 1;
  const strong = { mantissa: -254, exponent: 6, delay: 0 };
  if (recipe.rectifier === "pulse") {
    const pulse = [{ mantissa: 250, exponent: 6, delay: 0 }];
    return { vMinExponent: 23, self: refractory ? [] : [strong], pulse, refractorySteps };
  }
  let exponent = 0;
  while (254 * 2 ** exponent <= unit + 32) exponent++;
  const self = refractory ? [] : [strong, { mantissa: -254, exponent, delay: 0 }];
  return { vMinExponent: 20, self, pulse: [{ mantissa: 254, exponent: 6, delay: 0 }], refractorySteps };
}
