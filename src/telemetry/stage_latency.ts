/** Latency of each stage of the frame path as percentiles; the only user of hdr-histogram-js. */

import { build, type Histogram } from "hdr-histogram-js";
import type { StageLatency } from "../core/messages.ts";

/** The stages of a frame, in order; `endToEnd` is from capture to decision. */
export const STAGES = ["preprocess", "encode", "infer", "decide", "endToEnd"] as const;
/** One stage's name. */
export type Stage = (typeof STAGES)[number];

/** Longest latency told apart, µs (one hour): what takes longer is recorded as this. */
export const LATENCY_US_MAX = 3_600_000_000;
/** Percentiles are exact to 1 part in 1,000. */
const DIGITS = 3;

/** Histograms of one camera. Recording allocates nothing. */
export class StageLatencies {
  readonly #histograms = {} as Record<Stage, Histogram>;

  constructor() {
    for (const stage of STAGES) {
      this.#histograms[stage] = build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: LATENCY_US_MAX,
        numberOfSignificantValueDigits: DIGITS,
        useWebAssembly: false,
      });
    }
  }

  /** Adds one frame's time in a stage, µs; times below 0 (never from a monotonic clock) count as 0. */
  record(stage: Stage, durationUs: number): void {
    const bounded = durationUs > 0 ? Math.min(durationUs, LATENCY_US_MAX) : 0;
    this.#histograms[stage].recordValue(Math.round(bounded));
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

  /** Forgets everything, for the next window. */
  reset(): void {
    for (const stage of STAGES) this.#histograms[stage].reset();
  }
}
