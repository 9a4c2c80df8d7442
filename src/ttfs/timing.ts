/**
 * Steps and levels of the time-to-first-spike code: the only file that knows the two conventions apart.
 *
 * A neuron's value is a *level*: value · unit, a whole number. A spike of level q reaches a consumer at step `readout − q` of
 * the consumer's window, so larger values come earlier. In its own window a neuron that spikes at step s has level
 * `rectification − s`.
 *
 * ```
 * step      0              u              2u = readout       3u = rectification      4u = end of window
 *           |              |              |                  |                       |
 * arrival   level 2u       level u (1.0)  level 0            level −u
 * spike                                   level u (1.0)      level 0 (forced: ReLU)  only un-rectified neurons
 * ```
 *
 * | convention   | unit u    | fires when            | bias                                  | window to window |
 * | ------------ | --------- | --------------------- | ------------------------------------- | ---------------- |
 * | quartz-2023  | t_max − 1 | potential >= u + 1/2  | weight +1 at level round(b · u)       | u steps          |
 * | quartz-loihi | t_max     | potential > u         | weight sign(b) at level round(\|b\| · u) | u + 1 steps, and 1 a max-pool |
 *
 * Source: arXiv 2309.16795 and its authors' simulation (2023) and Loihi (2021) implementations.
 */

import type { Convention } from "../core/network.ts";

/** A spike's level and the weight with which it acts. */
export interface BiasSpike {
  readonly level: number;
  readonly weight: -1 | 0 | 1;
}

/** Everything about time that a kernel, an encoder or a decoder needs. All steps are local to one layer's window. */
export interface Timing {
  readonly convention: Convention;
  readonly tMax: number;
  /** Levels in one unit of value. */
  readonly unit: number;
  /** Step at which the counter weight, and every spike of level 0, arrives. */
  readonly readoutStep: number;
  /** Step at which silent rectifying neurons are made to fire. */
  readonly rectificationStep: number;
  readonly windowSteps: number;
  /** Potential to reach, in spikes of weight 1.0 times steps. */
  readonly threshold: number;
  /** True: the potential must exceed the threshold; false: reaching it is enough. */
  readonly strict: boolean;
  /** Largest level that a consumer's window can take; an earlier spike saturates here. */
  readonly levelMax: number;
  /** Level of an un-rectified neuron that is still silent when its window ends. */
  readonly silentLevel: number;
  /** Levels that an input value may take. */
  readonly inputLevelMin: number;
  readonly inputLevelMax: number;
  /** Steps from a window's opening to the next layer's. */
  readonly strideSteps: number;
  /** Extra steps that a max-pool takes. */
  readonly poolSteps: number;
}

/** The timing of a convention at `tMax` time steps a unit of value. */
export function createTiming(convention: Convention, tMax: number): Timing {
  const loihi = convention === "quartz-loihi";
  const unit = loihi ? tMax : tMax - 1;
  return {
    convention,
    tMax,
    unit,
    readoutStep: 2 * unit,
    rectificationStep: 3 * unit,
    windowSteps: 4 * unit,
    threshold: loihi ? unit : unit + 0.5,
    strict: loihi,
    levelMax: 2 * unit,
    silentLevel: 1 - unit,
    inputLevelMin: loihi ? 0 : 1 - 2 * unit,
    inputLevelMax: loihi ? unit : 2 * unit,
    strideSteps: loihi ? unit + 1 : unit,
    poolSteps: loihi ? 1 : 0,
  };
}

/** The spike that carries a bias, |bias| <= 2 (quartz-loihi: a bias over 1 is sent as 1, the chip's axon delay ends there). */
export function biasSpike(timing: Timing, bias: number): BiasSpike {
  if (!timing.strict) return { level: roundHalfEven(bias * timing.unit), weight: 1 };
  const level = timing.unit - roundHalfEven((1 - Math.min(1, Math.abs(bias))) * timing.unit);
  return { level, weight: Math.sign(bias) as -1 | 0 | 1 };
}

/**
 * What must arrive at read-out so that every neuron's current ends at the same slope.
 *
 * @param weightSum Σ weights over all synapses of the neuron
 * @param one the weight that counts as 1.0: pools by average use whole numbers for weights and their count for `one`
 */
export function counterWeight(timing: Timing, weightSum: number, bias: BiasSpike, one: number): number {
  // In quartz-2023 the bias spike itself, weight +1, is the slope: a negative bias starts the ramp late.
  return timing.strict ? one - weightSum - bias.weight * one : -weightSum;
}

/** Level of a neuron that spikes at `step` of its own window. */
export function levelOfStep(timing: Timing, step: number): number {
  return timing.rectificationStep - step;
}

/** Step in its own window at which a neuron of `level` spikes. */
export function stepOfLevel(timing: Timing, level: number): number {
  return timing.rectificationStep - level;
}

/**
 * Steps from the instant at which an input of value 1 spikes to an output spike of `level`.
 *
 * @param depth windows between input and output
 * @param pools max-pools on the way
 */
export function decisionStep(timing: Timing, depth: number, pools: number, level: number): number {
  return depth * timing.strideSteps + pools * timing.poolSteps + timing.unit - level;
}

/** Steps from the same instant until every output neuron has spiked, i.e. until the frame is over. */
export function frameSteps(timing: Timing, depth: number, pools: number, rectify: boolean): number {
  return decisionStep(timing, depth, pools, rectify ? 0 : timing.silentLevel);
}

/** Nearest whole number, halves to the even one, as the encoders of both conventions round. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
