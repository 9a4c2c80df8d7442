/** What every kernel is: a synchronous, pure-looking function over one network, with its buffers inside. Types only. */

import type { InferenceOutput } from "../core/results.ts";

/** Runs frames through one network. Allocates when created, never in `run`. */
export interface Kernel {
  /**
   * Runs one frame.
   *
   * @param input levels `[channels, height, width]`
   * @param output filled in place; `counters.runUs` is the caller's to fill
   */
  run(input: Int16Array, output: InferenceOutput): void;
  /** Levels `[channels, height, width]` of a layer after the last run; valid until the next one. For tests and reports. */
  levelsOf(layer: number): Int16Array;
}
