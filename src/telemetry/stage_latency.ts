/** Latency of each stage of the frame path. */

import type { StageLatency } from "../core/messages.ts";
import { type CumulativeLatency, LatencyHistogram } from "./latency_histogram.ts";

/** The stages of a frame, in order; `endToEnd` is from capture to decision. */
export const STAGES = ["preprocess", "encode", "infer", "decide", "endToEnd"] as const;
/** One stage's name. */
export type Stage = (typeof STAGES)[number];

/** Histograms of one camera. Recording allocates nothing. */
export class StageLatencies {
  readonly #histograms = {} as Record<Stage, LatencyHistogram>;

  constructor() {
    for (const stage of STAGES) this.#histograms[stage] = new LatencyHistogram();
  }

  /** Adds one frame's time in a stage, µs. */
  record(stage: Stage, durationUs: number): void {
    this.#histograms[stage].record(durationUs);
  }

  /** Percentiles of a stage since the last `reset`; all 0 when nothing was recorded. */
  read(stage: Stage): StageLatency {
    return this.#histograms[stage].read();
  }

  /** All stages. */
  readAll(): Record<Stage, StageLatency> {
    const all = {} as Record<Stage, StageLatency>;
    for (const stage of STAGES) all[stage] = this.read(stage);
    return all;
  }

  /** Counts of a stage up to each of `boundsUs`, which ascend, since the last `reset`. */
  readCumulative(stage: Stage, boundsUs: readonly number[]): CumulativeLatency {
    return this.#histograms[stage].readCumulative(boundsUs);
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    for (const stage of STAGES) this.#histograms[stage].reset();
  }
}
