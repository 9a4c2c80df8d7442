/** A back end that may be away, and one that stands in for it, frame by frame. */

import { BackendError } from "../core/errors.ts";
import type { InferenceOutput } from "../core/results.ts";
import type { Backend } from "../ports/backend.ts";

/**
 * `first`, and `second` for every frame that `first` fails. Both must run the same network, or answers would depend on
 * which of them was there; `ranBy` tells which it was. Disposing it disposes both.
 *
 * @param onSwitch told when frames begin to come from the other one, with the reason when that is `second`
 */
export function createFallbackBackend(
  first: Backend,
  second: Backend,
  onSwitch: (ranBy: Backend["name"], reason: string | null) => void = () => {},
): Backend {
  let ranBy = first.name;
  let isRunning = false;

  async function run(input: Int16Array, output: InferenceOutput): Promise<void> {
    let reason: string | null = null;
    try {
      await first.run(input, output);
    } catch (error) {
      if (!isAway(error)) throw error;
      reason = error.message;
      await second.run(input, output);
    }
    const now = reason === null ? first.name : second.name;
    if (now === ranBy) return;
    ranBy = now;
    onSwitch(now, reason);
  }

  return {
    name: first.name,
    network: first.network,
    get ranBy() {
      return ranBy;
    },
    async run(input, output) {
      if (isRunning) throw new BackendError("backend.busy", "Cannot run a frame as one is still under way");
      isRunning = true;
      try {
        await run(input, output);
      } finally {
        isRunning = false;
      }
    },
    async [Symbol.asyncDispose]() {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

/** The frame failed, and not by a fault of its own or because all is over. */
function isAway(error: unknown): error is BackendError {
  return error instanceof BackendError && (error.code === "backend.failed" || error.code === "backend.lost");
}
