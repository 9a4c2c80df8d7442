/** The gateway's counts once a second, while somebody looks. */

import type { Clock } from "../core/clock.ts";
import type { FrameCounts } from "../core/messages.ts";
import type { CameraCounts, CountsEvent, FrameCountsJson } from "./events.ts";
import type { Watched } from "./monitor.ts";

const PERIOD_MS = 1000;

/** Reads the counts and hands them on. */
export class CountsTicker {
  readonly #watched: Watched;
  readonly #clock: Clock;
  readonly #onCounts: (event: Omit<CountsEvent, "viewers">) => void;
  readonly #startUs: number;
  #running: AbortController | null = null;
  /** Classified frames of each camera at the last tick, and its time. */
  #before = new Map<string, number>();
  #beforeUs = 0;

  constructor(watched: Watched, clock: Clock, onCounts: (event: Omit<CountsEvent, "viewers">) => void) {
    this.#watched = watched;
    this.#clock = clock;
    this.#onCounts = onCounts;
    this.#startUs = clock.nowUs();
  }

  /** Ticks from now on; fine when it does. */
  start(): void {
    if (this.#running !== null) return;
    this.#running = new AbortController();
    this.#remember();
    void this.#run(this.#running.signal);
  }

  /** Ticks no more. */
  stop(): void {
    this.#running?.abort();
    this.#running = null;
  }

  /** The counts as they are now. */
  read(): Omit<CountsEvent, "viewers"> {
    const { cameras, problems, publisher, rssBytes } = this.#watched;
    const nowUs = this.#clock.nowUs();
    const { queued, dropped, published } = publisher.counts;
    const seconds = (nowUs - this.#beforeUs) / 1e6;
    return {
      schema: "quartz.page.counts.v1",
      ts: new Date(this.#clock.wallMs()).toISOString(),
      uptime_s: (nowUs - this.#startUs) / 1e6,
      rss_bytes: rssBytes(),
      problems: problems.map(({ what, sinceWallMs, text }) => {
        return { what, since: new Date(sinceWallMs).toISOString(), text };
      }),
      broker: { state: publisher.state, queued, dropped, published },
      cameras: cameras.map(({ id, status, backend, counts }): CameraCounts => {
        const before = this.#before.get(id);
        // Right after a tick the quotient would be of next to nothing.
        const rate = before === undefined || seconds < 0.5 ? null : (counts.classified - before) / seconds;
        return { camera: id, status, backend, rate_fps: rate, frames: framesJson(counts) };
      }),
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (true) {
      await this.#clock.sleep(PERIOD_MS, signal);
      if (signal.aborted) return;
      this.#onCounts(this.read());
      this.#remember();
    }
  }

  #remember(): void {
    this.#beforeUs = this.#clock.nowUs();
    this.#before = new Map(this.#watched.cameras.map(({ id, counts }) => [id, counts.classified]));
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function framesJson(counts: FrameCounts): FrameCountsJson {
  return {
    captured: counts.captured,
    classified: counts.classified,
    in_flight: counts.inFlight,
    dropped_busy: counts.droppedBusy,
    dropped_stale: counts.droppedStale,
    dropped_malformed: counts.droppedMalformed,
    dropped_failed: counts.droppedFailed,
  };
}
