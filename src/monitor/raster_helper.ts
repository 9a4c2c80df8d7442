/**
 * Rasters for those who watch: one frame now and then is run a second time with the same integer weights, so that the
 * levels of its layers can be seen. The frame's own path is not touched.
 *
 * At most one raster a second and camera, one run at a time, and never more than a quarter of a thread's time. A network
 * that takes long has a thread for it (`raster_place.ts`), which starts with the first frame that is offered and ends when
 * nobody has looked for a while.
 */

import type { Clock } from "../core/clock.ts";
import type { Network } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelChoice } from "../simulator/choose_kernel.ts";
import type { NoRasterEvent, RasterEvent } from "./events.ts";
import { needsThread, openHere, openThread, type RasterPlace, type RasterReply } from "./raster_place.ts";

/** Least time between two rasters of a camera, µs. */
const PERIOD_US = 1e6;
/** A rest so many times as long as a run took. */
const REST = 3;
/** After a failure nothing is tried for this long, µs. */
const FAILURE_REST_US = 30e6;
/** Without a viewer the place of the second runs is given up after this long, ms. */
const IDLE_MS = 10_000;
/** Most bytes of weights and levels of a network that is held a second time. */
export const NETWORK_BYTES_MAX = 64 * 1024 * 1024;

/** A frame to be run again. `bytes` and `levels` are copied when it is taken. */
export interface RasterJob {
  readonly camera: string;
  readonly network: Network;
  readonly kernel: KernelChoice;
  readonly frameId: number;
  readonly classId: string;
  readonly decisionStep: number;
  readonly bytes: Uint8Array;
  /** What the frame's own run gave, which the second one must give too. */
  readonly levels: Int16Array;
  /** NaN where the back end does not count them. */
  readonly earlySpikes: number;
}

/** Draws rasters until it is disposed. */
export class RasterHelper implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #onRaster: (event: RasterEvent | NoRasterEvent) => void;
  #place: RasterPlace | null = null;
  /** The network that it holds. */
  #held: Network | null = null;
  /** The frame under way. */
  #job: RasterJob | null = null;
  #restUntilUs = -Infinity;
  readonly #dueUs = new Map<string, number>();
  /** Ends the wait to let go. */
  #idle: AbortController | null = null;
  #isClosed = false;

  constructor(clock: Clock, onRaster: (event: RasterEvent | NoRasterEvent) => void) {
    this.#clock = clock;
    this.#onRaster = onRaster;
  }

  /** True when a frame of this camera would be taken now. */
  isDue(camera: string): boolean {
    const nowUs = this.#clock.nowUs();
    return !this.#isClosed && this.#job === null && nowUs >= this.#restUntilUs &&
      nowUs >= (this.#dueUs.get(camera) ?? -Infinity);
  }

  /** Takes a frame whose time has come. */
  take(job: RasterJob): void {
    this.#idle?.abort();
    this.#dueUs.set(job.camera, this.#clock.nowUs() + PERIOD_US);
    const bytes = heldBytes(job.network);
    if (bytes > NETWORK_BYTES_MAX) {
      this.#restUntilUs = this.#clock.nowUs() + PERIOD_US;
      return this.#fail(
        job,
        `The network's ${mb(bytes)} MB are more than the ${mb(NETWORK_BYTES_MAX)} MB that may be held a second time`,
      );
    }
    // A back end's buffers are filled anew by the next frame.
    this.#job = { ...job, bytes: job.bytes.slice(), levels: job.levels.slice() };
    if (this.#held !== job.network) {
      void this.#place?.end();
      this.#place = this.#open(job);
      this.#held = job.network;
      this.#place.tell({ kind: "network", network: job.network, kernel: job.kernel });
    }
    this.#place?.tell({ kind: "frame", bytes: this.#job.bytes });
  }

  /** Nobody looks any more: what is held is let go soon, unless somebody comes back. */
  release(): void {
    this.#idle?.abort();
    const idle = new AbortController();
    this.#idle = idle;
    void this.#clock.sleep(IDLE_MS, idle.signal).then(() => {
      if (!idle.signal.aborted) void this.#end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#idle?.abort();
    await this.#end();
  }

  #open({ network, kernel }: RasterJob): RasterPlace {
    const open = needsThread(network, kernel) ? openThread : openHere;
    const place = open({
      onReply: (reply) => {
        if (place === this.#place) this.#settle(reply);
      },
      onEnded: () => {
        if (place === this.#place) void this.#end();
      },
    });
    return place;
  }

  async #end(): Promise<void> {
    const place = this.#place;
    this.#place = this.#held = this.#job = null;
    this.#dueUs.clear();
    await place?.end();
  }

  #settle(reply: RasterReply): void {
    const job = this.#job;
    this.#job = null;
    if (job === null) return;
    if ("error" in reply) {
      this.#restUntilUs = this.#clock.nowUs() + FAILURE_REST_US;
      return this.#fail(job, `The second run failed: ${reply.error}`);
    }
    const { picture, levels, earlySpikes, runUs } = reply;
    this.#restUntilUs = this.#clock.nowUs() + REST * runUs;
    const sameEarly = Number.isNaN(job.earlySpikes) || job.earlySpikes === earlySpikes;
    this.#onRaster({
      schema: "quartz.page.raster.v1",
      camera: job.camera,
      frame: { id: job.frameId },
      class: job.classId,
      equal: sameEarly && levels.length === job.levels.length && levels.every((level, i) => level === job.levels[i]),
      run_ms: runUs / 1000,
      decision_step: job.decisionStep,
      ...picture,
    });
  }

  #fail({ camera }: RasterJob, text: string): void {
    this.#onRaster({ schema: "quartz.page.no_raster.v1", camera, text });
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function heldBytes(network: Network): number {
  return network.layers.reduce((sum, layer) => {
    return sum + 2 * sizeOf(layer.shape) + ("weights" in layer ? layer.weights.byteLength : 0);
  }, 0);
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
