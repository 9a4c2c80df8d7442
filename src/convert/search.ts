/** Tries percentiles and t_max on the calibration images and picks one of them. */

import type { Measurement } from "./measure.ts";

/** Percentiles and t_max that `auto` tries. */
export const PERCENTILES = [99, 99.5, 99.9, 99.99, 100] as const;
/** Steps a unit that `auto` tries. */
export const T_MAX_VALUES = [4, 8, 16, 32, 64] as const;

/** One row of the trade-off table. */
export interface Trial {
  readonly percentile: number;
  readonly tMax: number;
  readonly measurement: Measurement;
  /** Time steps that a frame takes at most. */
  readonly frameSteps: number;
}

/** What the choice must respect. */
export interface Budget {
  /** Accuracy that may be lost against the source network, 0.005 = half a point. */
  readonly accuracyLossMax: number;
  /** Most time steps to a decision, or null. */
  readonly stepsMax: number | null;
}

/** Accuracy where images have classes, else agreement with the source network. */
export function scoreOf(measurement: Measurement): number {
  return measurement.accuracy ?? measurement.agreement ?? 0;
}

/**
 * The trial to take: within the step budget, of those that lose no more than allowed the fastest, and of equally fast ones the
 * most accurate; when none does, the most accurate.
 *
 * @param reference accuracy of the source network on the same images, or 1 when agreement is compared
 */
export function chooseTrial(trials: readonly Trial[], reference: number, budget: Budget): Trial {
  const { accuracyLossMax, stepsMax } = budget;
  const inTime = trials.filter((trial) => stepsMax === null || trial.measurement.decisionSteps <= stepsMax);
  // When nothing is fast enough, the fastest comes nearest to what was asked.
  if (inTime.length === 0) return best(trials, (a, b) => a.measurement.decisionSteps - b.measurement.decisionSteps);
  const good = inTime.filter((trial) => scoreOf(trial.measurement) >= reference - accuracyLossMax - 1e-12);
  const byScore = (a: Trial, b: Trial) => scoreOf(b.measurement) - scoreOf(a.measurement);
  if (good.length === 0) return best(inTime, byScore);
  return best(good, (a, b) => a.tMax - b.tMax || byScore(a, b));
}

// ---------------------------------------------------------------------------------------------------------------------

/** The first of the least, so that ties go to the earlier row. */
function best(trials: readonly Trial[], compare: (a: Trial, b: Trial) => number): Trial {
  return trials.reduce((winner, trial) => (compare(trial, winner) < 0 ? trial : winner));
}
