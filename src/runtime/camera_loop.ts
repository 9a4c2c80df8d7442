/**
 * One camera's frames through its classifier, for as long as the runtime runs.
 *
 * Live cameras go through a slot that keeps the newest frame; on-demand sources are asked for the next frame when the last
 * one is done. A camera that fails is opened again with growing waits: it never ends the runtime.
 */

import { setImmediate } from "node:timers";
import { type Backoff, createBackoff } from "../core/backoff.ts";
import { Busy } from "../core/busy.ts";
import type { Clock } from "../core/clock.ts";
import { BackendError, CameraError } from "../core/errors.ts";
import type { Frame } from "../core/frame.ts";
import type { CameraStatus } from "../core/messages.ts";
import type { Random } from "../core/random.ts";
import type { CameraSource, MalformedFrame } from "../ports/camera_source.ts";
import type { Classifier, FrameResult } from "./classifier.ts";
import { FrameAccount } from "./frame_account.ts";
import { LatestFrame } from "./latest_frame.ts";

/** First and longest wait before a failed camera is opened again, ms. */
const REOPEN_MIN_MS = 1000;
const REOPEN_MAX_MS = 60_000;
/** Wait after the back end refused a frame because it is gone, so that an on-demand source is not burnt through, ms. */
const BACKEND_LOST_WAIT_MS = 1000;
/** A pause is looked at again this often, ms; `resume` ends it at once. */
const PAUSE_MS_MAX = 3_600_000;

/** What a loop needs and whom it tells. */
export interface CameraLoopParts {
  readonly id: string;
  /** Opens the camera; called again after it failed. */
  open(): Promise<CameraSource>;
  /** Asked for at each frame; changes only in `CameraLoop.between`. */
  readonly classifier: Classifier;
  readonly clock: Clock;
  readonly random: Random;
  /** Frames older than this when their turn comes are dropped as stale, ms. Asked for at each frame. */
  readonly maxAgeMs: number;
  onResult(result: FrameResult): void;
  /** A change of the camera's state; `problem` says why when it is not online. */
  onStatus(status: CameraStatus, problem: string | null): void;
  /** A frame that was dropped because of an error, or null when frames pass again. */
  onFrameError(error: Error | null): void;
}

/** Runs one camera. */
export class CameraLoop {
  readonly account = new FrameAccount();
  /** Opening, classifying and closing; not waiting for a frame, in a pause or before another attempt. */
  readonly busy: Busy;
  readonly #parts: CameraLoopParts;
  /** Ends what the loop does now: the open camera, or a wait. */
  #interruption = new AbortController();
  #changes: (() => void)[] = [];
  #isPaused = false;
  #hasEnded = false;
  /** The camera could not be opened, or broke, and was not opened since. */
  #hasFailed = false;
  /** Classified, and not told yet. */
  #untold: FrameResult | null = null;

  constructor(parts: CameraLoopParts) {
    this.#parts = parts;
    this.busy = new Busy(parts.clock);
  }

  /** True from `pause` to `resume`. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Closes the camera until `resume`; a frame that is under way is finished. */
  pause(): void {
    this.#isPaused = true;
    this.#interruption.abort();
  }

  /** Opens the camera again; an on-demand source then starts from its beginning. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#interruption.abort();
  }

  /** Runs `change` while the camera is closed and no frame is under way. Resolves with false when the loop has ended. */
  between(change: () => void): Promise<boolean> {
    if (this.#hasEnded) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#changes.push(() => {
        if (!this.#hasEnded) change();
        resolve(!this.#hasEnded);
      });
      this.#interruption.abort();
    });
  }

  /** Runs until the source ends by itself or `signal` is aborted. Never rejects for what a camera or back end does. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, onStatus } = this.#parts;
    const backoff = createBackoff({ minMs: REOPEN_MIN_MS, maxMs: REOPEN_MAX_MS, random });
    try {
      while (!signal.aborted) {
        for (const change of this.#changes.splice(0)) change();
        this.#interruption = new AbortController();
        const isOver = await this.#runUntil(AbortSignal.any([signal, this.#interruption.signal]), backoff);
        if (isOver && !this.#interruption.signal.aborted) break;
      }
      if (!this.#hasFailed) onStatus("offline", null);
    } finally {
      this.#hasEnded = true;
      for (const change of this.#changes.splice(0)) change();
    }
  }

  /** A pause, or one camera from opening to its end; true when the source ended. */
  async #runUntil(signal: AbortSignal, backoff: Backoff): Promise<boolean> {
    const { clock, open, onStatus } = this.#parts;
    if (this.#isPaused) {
      this.#hasFailed = false;
      onStatus("paused", null);
      await clock.sleep(PAUSE_MS_MAX, signal);
      return false;
    }
    this.#hasFailed = false;
    try {
      this.busy.begin();
      const camera = await open();
      this.busy.end();
      await this.#runCamera(camera, signal, backoff.reset);
      return true;
    } catch (error) {
      this.busy.end();
      if (!(error instanceof CameraError)) throw error;
      this.#hasFailed = true;
      onStatus("error", error.message);
      await clock.sleep(backoff.nextMs(), signal);
      return false;
    }
  }

  async #runCamera(camera: CameraSource, signal: AbortSignal, onFrame: () => void): Promise<void> {
    let isOnline = false;
    // A camera that was opened may still turn out to be unplugged: only a frame shows that it is there.
    const onEveryFrame = () => {
      if (!isOnline) this.#parts.onStatus("online", null);
      isOnline = true;
      onFrame();
    };
    try {
      if (camera.pacing === "live") await this.#runLive(camera, signal, onEveryFrame);
      else await this.#runOnDemand(camera, signal, onEveryFrame);
    } finally {
      this.#tell();
      this.busy.begin();
      await camera[Symbol.asyncDispose]();
      this.busy.end();
    }
  }

  async #runOnDemand(camera: CameraSource, signal: AbortSignal, onFrame: () => void): Promise<void> {
    for await (const frame of camera.frames(signal)) {
      onFrame();
      if (this.#accept(frame)) await this.#process(frame, signal);
      if (signal.aborted) return;
    }
  }

  async #runLive(camera: CameraSource, signal: AbortSignal, onFrame: () => void): Promise<void> {
    const slot = new LatestFrame();
    const pump = async () => {
      try {
        for await (const frame of camera.frames(signal)) {
          onFrame();
          if (!this.#accept(frame)) continue;
          this.#put(slot, frame);
        }
      } finally {
        slot.end();
      }
    };
    const consume = async () => {
      while (await slot.waitForFrame(signal)) await this.#process(slot.take()!, signal);
      // What still waits when the runtime stops was never looked at.
      if (slot.take() !== null) this.account.settle("droppedBusy");
    };
    const [pumped] = await Promise.allSettled([pump(), consume()]);
    if (pumped.status === "rejected") throw pumped.reason;
  }

  #put(slot: LatestFrame, frame: Frame): void {
    const overwrites = slot.waiting === 1;
    try {
      slot.put(frame);
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      this.account.settle("droppedMalformed");
      this.#parts.onFrameError(error);
      return;
    }
    if (overwrites) this.account.settle("droppedBusy");
  }

  /** Counts a frame in; false when it is none. */
  #accept(frame: Frame | MalformedFrame): frame is Frame {
    this.account.capture();
    if (!("malformed" in frame)) return true;
    this.account.settle("droppedMalformed");
    this.#parts.onFrameError(new CameraError("camera.frame", frame.reason));
    return false;
  }

  async #process(frame: Frame, signal: AbortSignal): Promise<void> {
    const { classifier, clock, maxAgeMs, onFrameError } = this.#parts;
    if (clock.nowUs() - frame.capturedAtUs > maxAgeMs * 1000) return this.account.settle("droppedStale");
    this.busy.begin();
    try {
      const result = await classifier.classify(frame);
      this.busy.end();
      onFrameError(null);
      this.#tellSoon(result);
    } catch (error) {
      this.busy.end();
      if (error instanceof CameraError) this.account.settle("droppedMalformed");
      else if (error instanceof BackendError) this.account.settle("droppedFailed");
      else throw error;
      onFrameError(error);
      if (error.code === "backend.lost") await clock.sleep(BACKEND_LOST_WAIT_MS, signal);
    }
  }

  /**
   * Tells the result once the next frame, if there is one already, is on its way to the back end: what publishing takes
   * is then done while the back end works. Results are told in their order, and before their buffers are filled again. A
   * frame counts as classified once it is told, so that nobody sees a count without its result.
   */
  #tellSoon(result: FrameResult): void {
    this.#tell();
    this.#untold = result;
    setImmediate(this.#tell);
  }

  readonly #tell = (): void => {
    const result = this.#untold;
    this.#untold = null;
    if (result === null) return;
    this.account.settle("classified");
    this.#parts.onResult(result);
  };
}
