/** Time as a parameter: everything that waits or measures takes a `Clock`, so that tests can bring their own. */

/** Two clocks that must not be mixed: a monotonic one for durations and a wall clock for dates. */
export interface Clock {
  /** Monotonic time, µs, from an arbitrary start. Never steps back. */
  nowUs(): number;
  /** Wall-clock time, ms since 1970 UTC. May step. */
  wallMs(): number;
  /** Resolves after `durationMs`, or at once when `signal` is aborted (it never rejects). */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** 2026-01-01: a gateway without a battery-backed clock starts in 1970, or when its image was made. No earlier date is believed. */
export const WALL_MS_PLAUSIBLE = Date.UTC(2026, 0, 1);

/** The machine's own clocks. */
export const systemClock: Clock = {
  nowUs: () => performance.now() * 1000,
  wallMs: () => Date.now(),
  sleep(durationMs, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, durationMs);
      signal?.addEventListener("abort", end, { once: true });
    });
  },
};
