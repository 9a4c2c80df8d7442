/** Latency of each stage of the frame path. */

import type { LatencyMessage, StageLatency } from "../core/messages.ts";
import { type CumulativeLatency, LatencyHistogram } from "./latency_histogram.ts";

/** The stages of a frame up to its decision, in order. `wait` is from capture to its turn, `endToEnd` from capture to decision. */
export const FRAME_STAGES = ["wait", "decode", "preprocess", "encode", "infer", "decide", "endToEnd"] as const;
/** All of them; `publish` comes after the decision and is not in `endToEnd`. */
export const STAGES = [...FRAME_STAGES, "publish"] as const;
/** One stage's name. */
export type Stage = (typeof STAGES)[number];
/** One of those up to the decision. */
export type FrameStage = (typeof FRAME_STAGES)[number];
/** Stages that not every camera has: their histograms are made when they are first recorded. */
const OPTIONAL_STAGES: readonly Stage[] = ["decode", "publish"];

/** Histograms of one camera. Recording allocates nothing, but for the first time of a stage that not every camera has. */
export class StageLatencies {
  readonly #histograms = {} as Record<Stage, LatencyHistogram | null>;

  constructor() {
    for (const stage of STAGES) {
      this.#histograms[stage] = OPTIONAL_STAGES.includes(stage) ? null : new LatencyHistogram();
    }
  }

  /** Adds one frame's time in a stage, µs. */
  record(stage: Stage, durationUs: number): void {
    (this.#histograms[stage] ??= new LatencyHistogram()).record(durationUs);
  }

  /** False for a stage that this camera does not have, or not yet. */
  has(stage: Stage): boolean {
    return this.#histograms[stage] !== null;
  }

  /** Percentiles of a stage since the last `reset`; all 0 when nothing was recorded. */
  read(stage: Stage): StageLatency {
    return (this.#histograms[stage] ?? EMPTY).read();
  }

  /** All stages that the camera has. */
  readAll(): LatencyMessage["stages"] {
    const all = {} as Record<Stage, StageLatency>;
    for (const stage of STAGES) if (this.has(stage)) all[stage] = this.read(stage);
    return all;
  }

  /** Counts up to each of `boundsUs`, which ascend, since the last `reset`. */
  readCumulative(stage: Stage, boundsUs: readonly number[]): CumulativeLatency {
    return (this.#histograms[stage] ?? EMPTY).readCumulative(boundsUs);
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    for (const stage of STAGES) this.#histograms[stage]?.reset();
  }
}

/** Stands for a stage that was never recorded. */
const EMPTY = new LatencyHistogram();
