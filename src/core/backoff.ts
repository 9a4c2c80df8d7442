/** How long to wait before trying again: doubling from a minimum to a maximum, with jitter so that a fleet does not stampede. */

import type { Random } from "./random.ts";

/** Waits of one thing that is retried. */
export interface Backoff {
  /** The next wait, ms: between half of the current limit and all of it; the limit then doubles up to the maximum. */
  nextMs(): number;
  /** It worked: start from the minimum again. */
  reset(): void;
}

/** A back-off from `minMs` to `maxMs`. */
export function createBackoff(
  options: { readonly minMs: number; readonly maxMs: number; readonly random: Random },
): Backoff {
  const { minMs, maxMs, random } = options;
  let limitMs = minMs;
  return {
    nextMs() {
      const waitMs = limitMs * (0.5 + random.next() / 2);
      limitMs = Math.min(maxMs, limitMs * 2);
      return waitMs;
    },
    reset() {
      limitMs = minMs;
    },
  };
}
