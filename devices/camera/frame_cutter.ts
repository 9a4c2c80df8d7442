/** A stream of bytes to frames of one size. */

import { assert } from "../../src/core/assert.ts";

/** Cuts frames out of chunks, however these are divided. One buffer for all frames. */
export class FrameCutter {
  /** The frame that `cut` completed; overwritten by the next call. */
  readonly frame: Uint8Array;
  #filled = 0;
  #chunk: Uint8Array | null = null;
  #offset = 0;

  constructor(frameBytes: number) {
    assert(frameBytes >= 1, "a frame has no bytes");
    this.frame = new Uint8Array(frameBytes);
  }

  /** Bytes of a frame that is not complete yet. */
  get partialBytes(): number {
    return this.#filled;
  }

  /** Hands over the next chunk; the one before must have been cut up. */
  add(chunk: Uint8Array): void {
    assert(this.#chunk === null, "a chunk was added before the last one was cut up");
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /** True: `frame` holds the next frame, and the chunk may hold more. False: the chunk is used up, add another. */
  cut(): boolean {
    const chunk = this.#chunk;
    if (chunk === null) return false;
    const count = Math.min(this.frame.length - this.#filled, chunk.length - this.#offset);
    this.frame.set(chunk.subarray(this.#offset, this.#offset + count), this.#filled);
    this.#offset += count;
    this.#filled += count;
    if (this.#offset === chunk.length) this.#chunk = null;
    if (this.#filled < this.frame.length) return false;
    this.#filled = 0;
    return true;
  }
}
