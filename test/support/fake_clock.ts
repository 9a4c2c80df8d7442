/** A clock that stands still until a test moves it. */

import type { Clock } from "../../src/core/clock.ts";

/** A `Clock` whose time only `advance` moves. */
export interface FakeClock extends Clock {
  /**
   * Moves both clocks by `durationMs`, waking sleepers in the order in which they are due. Before the first and after
   * every step the event loop takes one turn, so what a sleeper does next (sleep again, say) happens at its own time.
   * Await it before calling it again.
   */
  advance(durationMs: number): Promise<void>;
  /** Steps the wall clock, as whoever sets the date does; the monotonic one goes on. */
  step(durationMs: number): void;
  /** How many `sleep` calls have not resolved yet. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly dueUs: number;
  readonly wake: () => void;
}

/** Time starts at 1 s on the monotonic clock and at 2026-01-01 00:00 UTC on the wall clock unless told otherwise. */
export function createFakeClock(start: { nowUs?: number; wallMs?: number } = {}): FakeClock {
  const { nowUs: startUs = 1_000_000, wallMs: startWallMs = Date.UTC(2026, 0, 1) } = start;
  let nowUs = startUs;
  let steppedMs = 0;
  /** Sorted by due time; among equals the one that slept first. */
  const sleepers: Sleeper[] = [];

  return {
    nowUs: () => nowUs,
    wallMs: () => startWallMs + steppedMs + (nowUs - startUs) / 1000,
    step: (durationMs) => void (steppedMs += durationMs),
    get sleepers() {
      return sleepers.length;
    },
    sleep(durationMs, signal) {
      if (signal?.aborted || durationMs <= 0) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = () => {
          signal?.removeEventListener("abort", wake);
          const index = sleepers.indexOf(sleeper);
          if (index >= 0) sleepers.splice(index, 1);
          resolve();
        };
        // Whole microseconds, so that sums of periods such as 100/3 ms come out where a test expects them.
        const sleeper: Sleeper = { dueUs: Math.round(nowUs + durationMs * 1000), wake };
        const later = sleepers.findIndex(({ dueUs }) => dueUs > sleeper.dueUs);
        sleepers.splice(later < 0 ? sleepers.length : later, 0, sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      });
    },
    async advance(durationMs) {
      const untilUs = Math.round(nowUs + durationMs * 1000);
      await turn();
      while (sleepers.length > 0 && sleepers[0].dueUs <= untilUs) {
        nowUs = Math.max(nowUs, sleepers[0].dueUs);
        sleepers[0].wake();
        await turn();
      }
      nowUs = untilUs;
      await turn();
    },
  };
}

/** One turn of the event loop: everything that only waits for promises gets done. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
