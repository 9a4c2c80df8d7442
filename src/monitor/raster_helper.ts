/**
 * Rasters for those who watch: one frame now and then is run a second time, in a helper thread, with the same integer
 * weights, so that the levels of its layers can be seen. The frame's own path is not touched.
 *
 * At most one raster a second and camera, one run at a time, and never more than a quarter of the thread's time; the thread
 * starts with the first frame that is offered and ends when nobody has looked for a while.
 */

import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { Network } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import type { KernelChoice } from "../simulator/choose_kernel.ts";
import type { NoRasterEvent, RasterEvent } from "./events.ts";
import type { RasterOrder, RasterReply } from "./raster_worker.ts";

/** Least time between two rasters of a camera, µs. */
const PERIOD_US = 1e6;
/** The thread rests so many times as long as a run took. */
const REST = 3;
/** After a failure nothing is tried for this long, µs. */
const FAILURE_REST_US = 30e6;
/** Without a viewer the thread ends after this long, ms. */
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
  #worker: Worker | null = null;
  /** The network that the thread holds. */
  #held: Network | null = null;
  /** The frame under way. */
  #job: RasterJob | null = null;
  #restUntilUs = -Infinity;
  readonly #dueUs = new Map<string, number>();
  /** Ends the wait for the thread's end. */
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
    this.#worker ??= this.#start();
    if (this.#held !== job.network) {
      this.#held = job.network;
      this.#tell({ kind: "network", network: job.network, kernel: job.kernel });
    }
    this.#tell({ kind: "frame", bytes: this.#job.bytes });
  }

  /** Nobody looks any more: the thread ends soon, unless somebody comes back. */
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

  #start(): Worker {
    const worker = new Worker(new URL("./raster_worker.ts", import.meta.url));
    worker.on("message", (reply: RasterReply) => {
      if (worker === this.#worker) this.#settle(reply);
    });
    worker.on("error", (error: unknown) => {
      if (worker !== this.#worker) return;
      this.#settle({ error: error instanceof Error ? error.message : String(error) });
      void this.#end();
    });
    return worker;
  }

  #tell(order: RasterOrder): void {
    this.#worker?.postMessage(order);
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = this.#held = this.#job = null;
    this.#dueUs.clear();
    await worker?.terminate();
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
