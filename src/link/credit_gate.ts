/** Lets frames out as the board's credit allows, first come, first served, and numbers them. */

import type { Clock } from "../core/clock.ts";
import { LinkError } from "../core/errors.ts";
import type { Credit } from "./messages/credit.ts";

/**
 * How far the newest frame may be ahead of the oldest without an answer. A board remembers its answers to the last so
 * many frames, so that a frame that comes again is never run again.
 */
export const FRAME_SPAN = 64;
/** Most frames that wait for credit. */
export const FRAMES_WAITING_MAX = 64;

interface Waiter {
  readonly bytes: number;
  readonly timer: AbortController;
  number: number | null;
}

/** Frames in flight, and those that wait to be. */
export class CreditGate {
  readonly #clock: Clock;
  readonly #waiting: Waiter[] = [];
  /** Bytes of each frame in flight by its number; the oldest comes first. */
  readonly #inFlight = new Map<number, number>();
  #credit: Credit;
  #bytesInFlight = 0;
  #next = 0;
  #end: LinkError | null = null;

  constructor(clock: Clock, credit: Credit) {
    this.#clock = clock;
    this.#credit = credit;
  }

  get framesInFlight(): number {
    return this.#inFlight.size;
  }
  get framesWaiting(): number {
    return this.#waiting.length;
  }

  /** New credit; may let frames out. */
  set(credit: Credit): void {
    this.#credit = credit;
    this.#letOut();
  }

  /**
   * Waits for the turn of a frame of `bytes` bytes and gives it its number; `leave` must follow.
   *
   * @throws {LinkError} `link.busy` when too many wait; `link.timeout` without credit for `timeoutMs`; the reason of
   *   the end once the link has ended
   */
  async enter(bytes: number, timeoutMs: number): Promise<number> {
    if (this.#end !== null) throw this.#end;
    if (this.#waiting.length >= FRAMES_WAITING_MAX) {
      throw new LinkError("link.busy", `Cannot take a frame as at most ${FRAMES_WAITING_MAX} may wait for credit`);
    }
    const waiter: Waiter = { bytes, timer: new AbortController(), number: null };
    this.#waiting.push(waiter);
    this.#letOut();
    if (waiter.number === null) await this.#clock.sleep(timeoutMs, waiter.timer.signal);
    // Set by `#letOut` meanwhile, which the compiler cannot see.
    const number = waiter.number as number | null;
    if (number !== null) return number;
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    if (this.#end !== null) throw this.#end;
    const found = `${this.#inFlight.size} of ${this.#credit.frames} in flight`;
    throw new LinkError(
      "link.timeout",
      `Cannot send a frame as credit must come within ${timeoutMs} ms: found ${found}`,
    );
  }

  /** The frame was answered or given up. */
  leave(number: number): void {
    this.#bytesInFlight -= this.#inFlight.get(number) ?? 0;
    this.#inFlight.delete(number);
    this.#letOut();
  }

  /** The link is over: every waiting frame fails with `reason`. */
  end(reason: LinkError): void {
    this.#end ??= reason;
    for (const { timer } of this.#waiting) timer.abort();
  }

  #letOut(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift();
      first.number = this.#next;
      this.#next = (this.#next + 1) >>> 0;
      this.#inFlight.set(first.number, first.bytes);
      this.#bytesInFlight += first.bytes;
      first.timer.abort();
    }
  }

  #fits(bytes: number): boolean {
    if (this.#end !== null || this.#inFlight.size >= this.#credit.frames) return false;
    const [oldest] = this.#inFlight.keys();
    // One frame alone may always go: bytes only limit how many.
    if (oldest === undefined) return true;
    return this.#bytesInFlight + bytes <= this.#credit.bytes && ((this.#next - oldest) >>> 0) < FRAME_SPAN;
  }
}
