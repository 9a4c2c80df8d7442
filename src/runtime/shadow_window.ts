/** How often the source network, run beside the spiking one on some frames, gives the same answer. */

import type { LatencyMessage } from "../core/messages.ts";
import type { FrameResult } from "./classifier.ts";

/** The source network of a camera. */
export interface Shadow {
  /** One frame in this many is compared. */
  readonly every: number;
  /** @param bytes the frame as the network sees it, `[channels, height, width]` */
  classify(bytes: Uint8Array): Promise<number>;
}

/** Counts a window of comparisons. A frame whose turn comes while another is compared is passed over. */
export class ShadowWindow {
  readonly #shadow: Shadow;
  #bytes = new Uint8Array(0);
  #results = 0;
  #isBusy = false;
  #frames = 0;
  #agreed = 0;
  #failed = 0;

  constructor(shadow: Shadow) {
    this.#shadow = shadow;
  }

  /** Compares a result when its turn has come. Does not wait, and never fails: what goes wrong is counted. */
  offer(result: FrameResult): void {
    if (this.#results++ % this.#shadow.every !== 0 || this.#isBusy) return;
    if (this.#bytes.length !== result.bytes.length) this.#bytes = new Uint8Array(result.bytes.length);
    this.#bytes.set(result.bytes);
    void this.#compare(result.classification.index);
  }

  /** The window's figures; undefined when nothing was compared. */
  read(): LatencyMessage["shadow"] {
    const compared = { frames: this.#frames, agreed: this.#agreed, failed: this.#failed };
    return this.#frames + this.#failed === 0 ? undefined : compared;
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    this.#frames = this.#agreed = this.#failed = 0;
  }

  async #compare(answer: number): Promise<void> {
    this.#isBusy = true;
    try {
      const same = await this.#shadow.classify(this.#bytes) === answer;
      this.#frames++;
      if (same) this.#agreed++;
    } catch {
      this.#failed++;
    } finally {
      this.#isBusy = false;
    }
  }
}
