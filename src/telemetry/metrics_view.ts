/** What the exporters of metrics are shown: the whole gateway at one moment. Types only. */

import type {
  CameraStatus,
  FrameCounts,
  InfoMessage,
  LatencyMessage,
  PowerMessage,
  Problem,
  StateMessage,
} from "../core/messages.ts";
import type { PublisherCounts, PublisherState } from "../ports/publisher.ts";
import type { StageLatencies } from "./stage_latency.ts";

/** A gateway as its exporters see it. */
export interface MetricsView {
  readonly gatewayId: string;
  readonly info: InfoMessage;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly problems: readonly Problem[];
  readonly cameras: readonly CameraMetrics[];
  readonly publishers: readonly PublisherMetrics[];
  /** Null without a spool, and until it could be opened. */
  readonly spool: SpoolMetrics | null;
  /** The newest; null before the first. */
  readonly power: PowerMessage | null;
}

/** One camera. */
export interface CameraMetrics {
  readonly id: string;
  readonly network: { readonly name: string; readonly digest: string };
  readonly backend: string;
  readonly status: CameraStatus;
  /** Since the start, like `latencies` and `shadow`. */
  readonly counts: FrameCounts;
  readonly latencies: StageLatencies;
  readonly shadow: ShadowTotals | null;
  /** The newest; null before the first, like `window`. */
  readonly state: StateMessage | null;
  readonly window: LatencyMessage | null;
}

/** Sums of `LatencyMessage.shadow`. */
export interface ShadowTotals {
  readonly frames: number;
  readonly agreed: number;
  readonly failed: number;
}

/** One way out for messages. */
export interface PublisherMetrics {
  readonly name: string;
  readonly state: PublisherState;
  readonly counts: PublisherCounts;
}

/** Messages on disk. */
export interface SpoolMetrics {
  readonly bytes: number;
  readonly written: number;
  readonly evicted: number;
  readonly expired: number;
  readonly damaged: number;
}
