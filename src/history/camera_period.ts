/** A period's cameras: where frames went, how long they took, what they showed. */

import type { StageLatency } from "../core/messages.ts";
import { latencyFromKept } from "../telemetry/kept_latency.ts";
import { LatencyHistogram } from "../telemetry/latency_histogram.ts";
import { binsOf, type Reader, rowsOf } from "./reader.ts";

/** One camera. */
export interface CameraPeriod {
  readonly camera: string;
  /** Time that its rows stand for. */
  recordedMs: number;
  readonly frames: Frames;
  readonly latency: StageLatency;
  /** Answers by class, most frequent first. */
  readonly classes: readonly { readonly classId: string; readonly count: number }[];
  /** Null: nothing was recorded, or no frame classified. */
  readonly bins: readonly (CameraBin | null)[];
}

/** Where frames went. */
export type Frames = {
  -readonly [Key in "captured" | "classified" | "droppedBusy" | "droppedStale" | "droppedMalformed" | "droppedFailed"]:
    number;
};

/** One camera in one bin. */
export interface CameraBin {
  readonly classifiedPerS: number;
  readonly latency: StageLatency;
}

const FRAMES: Frames = {
  captured: 0,
  classified: 0,
  droppedBusy: 0,
  droppedStale: 0,
  droppedMalformed: 0,
  droppedFailed: 0,
};

/** Every camera of the period, by id. */
export function readCameras(reader: Reader): CameraPeriod[] {
  interface Sum {
    readonly frames: Frames;
    recordedMs: number;
    readonly latency: LatencyHistogram;
    readonly classes: Map<string, number>;
    readonly bins: { classified: number; recordedMs: number; readonly latency: LatencyHistogram }[];
  }
  const sums = new Map<string, Sum>();
  for (const row of rowsOf(reader, "camera")) {
    const id = row.camera!;
    let sum = sums.get(id);
    if (sum === undefined) {
      sum = { frames: { ...FRAMES }, recordedMs: 0, latency: new LatencyHistogram(), classes: new Map(), bins: [] };
      sums.set(id, sum);
    }
    for (const key of Object.keys(sum.frames) as (keyof Frames)[]) sum.frames[key] += row[key] ?? 0;
    sum.recordedMs += row.intervalMs ?? 0;
    for (const [classId, times] of Object.entries(JSON.parse(row.classes ?? "{}") as Record<string, number>)) {
      sum.classes.set(classId, (sum.classes.get(classId) ?? 0) + times);
    }
    const latency = row.latency === null ? null : latencyFromKept(row.latency);
    if (latency !== null) sum.latency.merge(latency);
    for (const i of binsOf(reader, row)) {
      const bin = sum.bins[i] ??= { classified: 0, recordedMs: 0, latency: new LatencyHistogram() };
      bin.classified += row.classified ?? 0;
      bin.recordedMs += row.intervalMs ?? 0;
      if (latency !== null) bin.latency.merge(latency);
    }
  }
  return [...sums].sort(([a], [b]) => a < b ? -1 : 1).map((
    [camera, { frames, recordedMs, latency, classes, bins }],
  ) => ({
    camera,
    recordedMs,
    frames,
    latency: latency.read(),
    classes: [...classes].map(([classId, count]) => ({ classId, count })).sort((a, b) => b.count - a.count),
    bins: Array.from({ length: reader.binCount }, (_, i) => {
      const bin = bins[i];
      if (bin === undefined || bin.recordedMs === 0) return null;
      return { classifiedPerS: 1000 * bin.classified / bin.recordedMs, latency: bin.latency.read() };
    }),
  }));
}
