/** Latency of each stage of the frame path as percentiles; the only user of hdr-histogram-js. */

import { Int32Histogram } from "hdr-histogram-js";
import type { StageLatency } from "../core/messages.ts";

/** The stages of a frame, in order; `endToEnd` is from capture to decision. */
export const STAGES = ["preprocess", "encode", "infer", "decide", "endToEnd"] as const;
/** One stage's name. */
export type Stage = (typeof STAGES)[number];

/** Longest latency told apart, µs (one hour): what takes longer is recorded as this. */
export const LATENCY_US_MAX = 3_600_000_000;
/** Percentiles are exact to 1 part in 1,000. */
const DIGITS = 3;

/** How many times of a stage were at most as long as each bound. */
export interface CumulativeLatency {
  /** One a bound; a bound reaches to the end of the histogram's cell that it lies in, 1 part in 1,000 at most. */
  readonly counts: readonly number[];
  /** Of all times, those beyond the last bound too. */
  readonly count: number;
  /** Σ of all times, exact. */
  readonly sumUs: number;
}

/** Histograms of one camera. Recording allocates nothing. */
export class StageLatencies {
  readonly #histograms = {} as Record<Stage, Int32Histogram>;
  readonly #sumsUs = {} as Record<Stage, number>;

  constructor() {
    for (const stage of STAGES) {
      this.#histograms[stage] = new Int32Histogram(1, LATENCY_US_MAX, DIGITS);
      this.#sumsUs[stage] = 0;
    }
  }

  /** Adds one frame's time in a stage, µs; times below 0 (never from a monotonic clock) count as 0. */
  record(stage: Stage, durationUs: number): void {
    const bounded = durationUs > 0 ? Math.min(durationUs, LATENCY_US_MAX) : 0;
    const wholeUs = Math.round(bounded);
    this.#histograms[stage].recordValue(wholeUs);
    this.#sumsUs[stage] += wholeUs;
  }

  /** Percentiles of a stage since the last `reset`; all 0 when nothing was recorded. */
  read(stage: Stage): StageLatency {
    const histogram = this.#histograms[stage];
    const ms = (us: number) => us / 1000;
    return {
      count: histogram.totalCount,
      p50Ms: ms(histogram.getValueAtPercentile(50)),
      p90Ms: ms(histogram.getValueAtPercentile(90)),
      p99Ms: ms(histogram.getValueAtPercentile(99)),
      p999Ms: ms(histogram.getValueAtPercentile(99.9)),
      maxMs: ms(histogram.maxValue),
    };
  }

  /** All stages. */
  readAll(): Record<Stage, StageLatency> {
    const all = {} as Record<Stage, StageLatency>;
    for (const stage of STAGES) all[stage] = this.read(stage);
    return all;
  }

  /** Counts up to each of `boundsUs`, which ascend, since the last `reset`. */
  readCumulative(stage: Stage, boundsUs: readonly number[]): CumulativeLatency {
    const histogram = this.#histograms[stage];
    const lastCell = histogram.countsArrayIndex(histogram.maxValue);
    let cell = 0;
    let seen = 0;
    const counts = boundsUs.map((boundUs) => {
      const end = Math.min(lastCell, histogram.countsArrayIndex(boundUs));
      for (; cell <= end; cell++) seen += histogram.getCountAtIndex(cell);
      return seen;
    });
    return { counts, count: histogram.totalCount, sumUs: this.#sumsUs[stage] };
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    for (const stage of STAGES) {
      this.#histograms[stage].reset();
      this.#sumsUs[stage] = 0;
    }
  }
}
