/** Notices that a source has gone silent while somebody waits for it. */

import type { Clock } from "../../src/core/clock.ts";

/** Shortest silence that counts, and the same in periods of the source, whichever is longer. */
const STALL_MS_MIN = 2000;
const STALL_PERIODS = 5;
/** A source may take this long to its first frame: connecting, and waiting for a picture that can be decoded alone, ms. */
const FIRST_FRAME_MS_MAX = 15_000;
/** What arrived while the machine slept or the event loop was held up is read in this time, before a verdict, ms. */
const SECOND_LOOK_MS = 100;

/** Longest silence between two frames, ms; a rate that is not known counts as fast. */
export function stallLimitMs(rateFps: number | null): number {
  return rateFps === null ? STALL_MS_MIN : Math.max(STALL_MS_MIN, (STALL_PERIODS * 1000) / rateFps);
}

/**
 * Measures silence on the monotonic clock, so that a step of the date is none. A consumer that does not ask for frames
 * stops the watch: its source may be full of them.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  #waitingSinceUs: number | null = null;
  #isFirst = true;

  constructor(clock: Clock, rateFps: number | null) {
    this.#clock = clock;
    this.#limitMs = stallLimitMs(rateFps);
  }

  /** Silence after which the source counts as stalled now, ms: longer before its first frame. */
  get limitMs(): number {
    return this.#isFirst ? Math.max(FIRST_FRAME_MS_MAX, this.#limitMs) : this.#limitMs;
  }

  /** Somebody waits for a frame. */
  wait(): void {
    this.#waitingSinceUs ??= this.#clock.nowUs();
  }

  /** The frame came. */
  arrive(): void {
    this.#waitingSinceUs = null;
    this.#isFirst = false;
  }

  /** Resolves to the silence, ms, when the source has stalled; to null when `signal` is aborted first. */
  async stalled(signal: AbortSignal): Promise<number | null> {
    while (!signal.aborted) {
      const leftMs = this.limitMs - this.#silenceMs();
      if (leftMs > 0) {
        // The first frame shortens the limit, hence no sleep longer than the short one.
        await this.#clock.sleep(Math.min(leftMs, this.#limitMs), signal);
        continue;
      }
      await this.#clock.sleep(SECOND_LOOK_MS, signal);
      const silenceMs = this.#silenceMs();
      if (!signal.aborted && silenceMs >= this.limitMs) return silenceMs;
    }
    return null;
  }

  #silenceMs(): number {
    return this.#waitingSinceUs === null ? 0 : (this.#clock.nowUs() - this.#waitingSinceUs) / 1000;
  }
}
