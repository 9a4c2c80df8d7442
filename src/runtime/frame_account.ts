/** Where every frame of one camera went: captured = classified + in flight + Σ dropped, checked whenever it is read. */

import { assert } from "../core/assert.ts";
import type { FrameCounts } from "../core/messages.ts";

/** Ways in which a frame can end; the names are those of `FrameCounts`. */
export type FrameOutcome = "classified" | "droppedBusy" | "droppedStale" | "droppedMalformed" | "droppedFailed";

/** Counts frames from capture to their one outcome. */
export class FrameAccount {
  #captured = 0;
  #inFlight = 0;
  readonly #outcomes: Record<FrameOutcome, number> = {
    classified: 0,
    droppedBusy: 0,
    droppedStale: 0,
    droppedMalformed: 0,
    droppedFailed: 0,
  };

  /** A frame came from the camera. */
  capture(): void {
    this.#captured++;
    this.#inFlight++;
  }

  /** A captured frame ended. */
  settle(outcome: FrameOutcome): void {
    assert(this.#inFlight > 0, `a frame was ${outcome} that was never captured`);
    this.#inFlight--;
    this.#outcomes[outcome]++;
  }

  /** All counts since the start. */
  read(): FrameCounts {
    const { classified, droppedBusy, droppedStale, droppedMalformed, droppedFailed } = this.#outcomes;
    const ended = classified + droppedBusy + droppedStale + droppedMalformed + droppedFailed;
    assert(
      this.#captured === ended + this.#inFlight,
      `${this.#captured} captured, ${ended} ended, ${this.#inFlight} in flight`,
    );
    return { captured: this.#captured, inFlight: this.#inFlight, ...this.#outcomes };
  }
}

/** What happened between two readings; `inFlight` is a level and stays the later one's. */
export function countsBetween(before: FrameCounts, after: FrameCounts): FrameCounts {
  return {
    captured: after.captured - before.captured,
    classified: after.classified - before.classified,
    inFlight: after.inFlight,
    droppedBusy: after.droppedBusy - before.droppedBusy,
    droppedStale: after.droppedStale - before.droppedStale,
    droppedMalformed: after.droppedMalformed - before.droppedMalformed,
    droppedFailed: after.droppedFailed - before.droppedFailed,
  };
}

/** Σ over all reasons. */
export function droppedTotal(counts: FrameCounts): number {
  return counts.droppedBusy + counts.droppedStale + counts.droppedMalformed + counts.droppedFailed;
}
