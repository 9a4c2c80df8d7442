/** The whole of a running gateway: cameras that come and go, what is wrong, health, and an orderly stop. */

import type { Clock } from "../core/clock.ts";
import { EdgeError } from "../core/errors.ts";
import type { InfoMessage, Problem } from "../core/messages.ts";
import type { Random } from "../core/random.ts";
import type { Backend } from "../ports/backend.ts";
import type { Snapshot } from "../ports/controls.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { FrameResult } from "./classifier.ts";
import { Problems } from "./problems.ts";
import { type CameraPart, type CameraTuning, type CameraView, RunningCamera } from "./running_camera.ts";
import { type TelemetryCadence, TelemetryLoop } from "./telemetry_loop.ts";

export type { CameraPart, CameraTuning, CameraView } from "./running_camera.ts";
export type { TelemetryCadence } from "./telemetry_loop.ts";

/** What a runtime is made of. It uses these; whoever made them disposes of them. */
export interface RuntimeParts extends TelemetryCadence {
  readonly cameras: readonly CameraPart[];
  readonly publisher: Publisher;
  readonly info: InfoMessage;
  readonly clock: Clock;
  readonly random: Random;
  /** Memory in use, bytes; a parameter because only the platform knows. */
  rssBytes(): number;
  /** Awaited before the cameras open; ends early with `signal`. */
  readonly beforeCameras?: (signal: AbortSignal) => Promise<void>;
  /** For those who watch beside the publisher: called after each result and with each problem that begins or ends. */
  readonly observers?: readonly RuntimeObserver[];
}

/** Watches a runtime. Must not keep the result: it is filled anew for the next frame. */
export interface RuntimeObserver {
  onResult?(camera: string, result: FrameResult): void;
  onProblem?(problem: Problem, isOver: boolean): void;
}

/** Runs cameras until it is stopped or all of them have ended. */
export class Runtime {
  readonly #parts: RuntimeParts;
  readonly #problems: Problems;
  readonly #telemetry: TelemetryLoop;
  readonly #stop = new AbortController();
  readonly #startUs: number;
  #cameras: RunningCamera[];
  /** What keeps `run` running: cameras, and changes under way, each with its end. Null before `run`. */
  #active: Map<object, Promise<void>> | null = null;
  #failure: unknown = null;
  #hasHealthChanged = false;

  constructor(parts: RuntimeParts) {
    const { clock, observers = [] } = parts;
    this.#parts = parts;
    this.#startUs = clock.nowUs();
    this.#problems = new Problems(clock, (problem, isOver) => {
      this.#hasHealthChanged = true;
      for (const observer of observers) observer.onProblem?.(problem, isOver);
    });
    this.#telemetry = new TelemetryLoop(clock, parts, {
      publishLatency: () => this.#cameras.forEach((camera) => camera.publishLatency()),
      publishHealth: () => this.#publishHealth(),
      hasHealthChanged: () => {
        this.#problems.adopt("publisher", parts.publisher.problem);
        return this.#hasHealthChanged;
      },
    });
    this.#cameras = parts.cameras.map((part) => this.#create(part));
  }

  /** Runs until every camera's source has ended or `signal` is aborted; a last window and health are published then. */
  async run(signal: AbortSignal): Promise<void> {
    const { publisher, info } = this.#parts;
    const abort = () => this.#stop.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    publisher.publish(info);
    await this.#parts.beforeCameras?.(this.#stop.signal);
    this.#active = new Map();
    for (const camera of this.#cameras) this.#start(camera);
    this.#publishHealth();
    // The last window and health come after the last frame, which may still be under way when the stop is asked for.
    const ended = new AbortController();
    const telemetry = this.#telemetry.run(ended.signal);
    try {
      while (this.#active.size > 0) await Promise.all(this.#active.values());
    } finally {
      this.#stop.abort();
      signal.removeEventListener("abort", abort);
      ended.abort();
      await telemetry;
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** Every camera as it stands, in the order of the configuration. */
  get cameras(): CameraView[] {
    return this.#cameras.map(({ view }) => view);
  }

  /** What is wrong now, the publisher's own problem included. */
  get problems(): Problem[] {
    this.#problems.adopt("publisher", this.#parts.publisher.problem);
    return this.#problems.list;
  }

  /** What has been at one piece of work for longer than `limitMs`, in words; null when everything advances, or rightly waits. */
  whatHangs(limitMs: number): string | null {
    const camera = this.#cameras.find(({ busyForMs }) => busyForMs > limitMs);
    if (camera !== undefined) return `camera ${camera.id} at one frame for ${Math.round(camera.busyForMs / 1000)} s`;
    const { silentForMs } = this.#telemetry;
    return silentForMs > limitMs ? `telemetry for ${Math.round(silentForMs / 1000)} s` : null;
  }

  /** Begins a problem that health then shows, changes its text, or ends it with null. */
  setProblem(what: string, text: string | null): void {
    this.#problems.set(what, text);
  }

  /** A result of a camera took so long from the decision to the broker's acknowledgement. */
  recordPublish(camera: string, tookUs: number): void {
    this.#cameras.find(({ id }) => id === camera)?.recordPublish(tookUs);
  }

  /** Between two messages; changes within a second. */
  set cadence(cadence: TelemetryCadence) {
    this.#telemetry.cadence = cadence;
  }

  /** Closes a camera until `resume`; fine when it is paused. */
  pause(camera: string): void {
    this.#camera(camera).pause();
  }

  resume(camera: string): void {
    this.#camera(camera).resume();
  }

  /** Takes a threshold, 0 to 1, from the next frame on, which health then shows; gives the one before. */
  setThreshold(camera: string, threshold: number): number {
    this.#hasHealthChanged = true;
    return this.#camera(camera).setThreshold(threshold);
  }

  /** The next frame as the network sees it. @throws {EdgeError} `command.no_frame` when none comes within 2 s */
  async snapshot(camera: string): Promise<Snapshot> {
    return await this.#camera(camera).snapshot(this.#stop.signal);
  }

  /** See `RunningCamera.tune`. */
  tune(camera: string, tuning: CameraTuning, takesRules: boolean): void {
    this.#camera(camera).tune(tuning, takesRules);
  }

  /** See `RunningCamera.replace`. */
  async replace(camera: string, part: CameraPart, keepsThreshold = true): Promise<Backend> {
    return await this.#camera(camera).replace(part, keepsThreshold);
  }

  /** Adds a camera and, while the runtime runs, starts it. @throws {EdgeError} `command.ended` when the runtime has ended */
  add(part: CameraPart): void {
    if (this.#stop.signal.aborted) throw new EdgeError("command.ended", "This gateway is stopping");
    const camera = this.#create(part);
    this.#cameras.push(camera);
    if (this.#active !== null) this.#start(camera);
  }

  /** Ends a camera after its frame under way, publishes its last window, and forgets it; gives its last view. */
  async remove(id: string): Promise<CameraView> {
    const camera = this.#camera(id);
    camera.stop();
    await this.#active?.get(camera);
    camera.publishLatency();
    camera.endProblems();
    this.#cameras = this.#cameras.filter((other) => other !== camera);
    return camera.view;
  }

  /** Keeps the runtime running during `work`, which may leave it without a camera for a while. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    const key = {};
    const done = work();
    this.#active?.set(key, done.then(() => {}, () => {}).then(() => void this.#active?.delete(key)));
    return await done;
  }

  /** Puts the cameras into this order of ids. */
  arrange(ids: readonly string[]): void {
    this.#cameras.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
  }

  #camera(id: string): RunningCamera {
    const camera = this.#cameras.find((one) => one.id === id);
    if (camera === undefined) throw new EdgeError("command.camera", `No camera "${id}"`);
    return camera;
  }

  #create(part: CameraPart): RunningCamera {
    const { clock, random, publisher, observers = [] } = this.#parts;
    return new RunningCamera(part, {
      clock,
      random,
      publisher,
      problems: this.#problems,
      onResult(camera, result) {
        for (const observer of observers) observer.onResult?.(camera, result);
      },
    });
  }

  #start(camera: RunningCamera): void {
    const active = this.#active!;
    const ended = camera.run(this.#stop.signal).catch((error) => {
      this.#failure ??= error;
      this.#stop.abort();
    }).then(() => void active.delete(camera));
    active.set(camera, ended);
  }

  #publishHealth(): void {
    const { publisher, clock, rssBytes } = this.#parts;
    const { problems } = this;
    this.#hasHealthChanged = false;
    const { queued, dropped, published } = publisher.counts;
    publisher.publish({
      kind: "health",
      status: problems.length === 0 ? "ok" : "degraded",
      problems,
      uptimeMs: (clock.nowUs() - this.#startUs) / 1000,
      rssBytes: rssBytes(),
      broker: { state: publisher.state, queued, dropped, published },
      cameras: this.#cameras.map(({ health }) => health),
    });
  }
}
