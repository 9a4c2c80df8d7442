/** A slot for one frame between a camera and whatever runs it: the newest frame wins, the others are counted. */

import { assert } from "../core/assert.ts";
import { CameraError } from "../core/errors.ts";
import type { Frame } from "../core/frame.ts";
import { FRAME_PIXELS_MAX } from "../preprocess/pipeline.ts";

/** Most bytes of a frame. */
export const FRAME_BYTES_MAX = FRAME_PIXELS_MAX * 3;

/**
 * One camera puts, one consumer takes.
 *
 * It owns two buffers. `put` copies into the one that the consumer does not hold, so the camera may reuse its own at
 * once; a taken frame is the consumer's until it takes the next. Buffers grow to the largest frame seen, and stay.
 */
export class LatestFrame {
  #waiting = new Slot();
  #taken = new Slot();
  #isFull = false;
  #hasEnded = false;
  #droppedBusy = 0;
  #wake: (() => void) | null = null;

  /** Frames that were overwritten before they were taken. */
  get droppedBusy(): number {
    return this.#droppedBusy;
  }

  /** 1 while a frame waits to be taken, else 0. */
  get waiting(): 0 | 1 {
    return this.#isFull ? 1 : 0;
  }

  /**
   * Copies a frame in, over one that was not taken.
   *
   * @throws {CameraError} `camera.frame` for a frame over `FRAME_BYTES_MAX`; what waits is left as it is
   */
  put(frame: Frame): void {
    assert(!this.#hasEnded, "a frame was put after end()");
    if (frame.pixels.length > FRAME_BYTES_MAX) {
      const found = frame.pixels.length;
      const message = `Cannot use frame ${frame.id} as it must be at most ${FRAME_BYTES_MAX} bytes: found ${found}`;
      throw new CameraError("camera.frame", message, { facts: { frame: frame.id, expected: FRAME_BYTES_MAX, found } });
    }
    if (this.#isFull) this.#droppedBusy += 1;
    this.#waiting.copy(frame);
    this.#isFull = true;
    this.#wake?.();
  }

  /** The waiting frame, or null. It stays as it is until the next call that returns a frame. */
  take(): Frame | null {
    if (!this.#isFull) return null;
    [this.#waiting, this.#taken] = [this.#taken, this.#waiting];
    this.#isFull = false;
    return this.#taken;
  }

  /** No more frames will come: a frame that waits may still be taken, and after it waiting ends with false. */
  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** True when a frame waits, as soon as one does; false when `signal` is aborted or after `end`. One caller at a time. */
  async waitForFrame(signal: AbortSignal): Promise<boolean> {
    assert(this.#wake === null, "two callers wait for one frame");
    if (!this.#isFull && !this.#hasEnded && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      await promise;
      // The signal lives as long as the run, and this happens once a frame.
      signal.removeEventListener("abort", wake);
      this.#wake = null;
    }
    return this.#isFull && !signal.aborted;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A frame with a buffer of its own. */
class Slot implements Frame {
  id = 0;
  capturedAtUs = 0;
  capturedAtWallMs = 0;
  width = 0;
  height = 0;
  channels: 1 | 3 = 1;
  pixels = new Uint8Array(0);
  truth = -1;
  decodeUs: number | undefined = undefined;
  #buffer = new Uint8Array(0);

  copy(frame: Frame): void {
    const { length } = frame.pixels;
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    // A new view only when the size changes, so a steady camera costs no allocation.
    if (this.pixels.length !== length || this.pixels.buffer !== this.#buffer.buffer) {
      this.pixels = this.#buffer.subarray(0, length);
    }
    this.pixels.set(frame.pixels);
    this.id = frame.id;
    this.capturedAtUs = frame.capturedAtUs;
    this.capturedAtWallMs = frame.capturedAtWallMs;
    this.width = frame.width;
    this.height = frame.height;
    this.channels = frame.channels;
    this.truth = frame.truth;
    this.decodeUs = frame.decodeUs;
  }
}
