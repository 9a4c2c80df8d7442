/** The whole of a running gateway: camera loops, what they report, windows of telemetry, health, and an orderly stop. */

import type { Clock } from "../core/clock.ts";
import { EdgeError } from "../core/errors.ts";
import type { BackendName, CameraStatus, FrameCounts, InfoMessage, Problem } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { Random } from "../core/random.ts";
import type { Backend } from "../ports/backend.ts";
import type { CameraSource } from "../ports/camera_source.ts";
import type { Snapshot } from "../ports/controls.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { Preprocessor } from "../preprocess/pipeline.ts";
import { type Stage, StageLatencies } from "../telemetry/stage_latency.ts";
import { CameraLoop } from "./camera_loop.ts";
import { Classifier, type FrameResult } from "./classifier.ts";
import { countsBetween } from "./frame_account.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import { type Shadow, ShadowWindow } from "./shadow_window.ts";
import { SnnWindow } from "./snn_window.ts";

/** One camera with all that belongs to it. */
export interface CameraPart {
  readonly id: string;
  open(): Promise<CameraSource>;
  readonly backend: Backend;
  readonly preprocessor: Preprocessor;
  readonly maxAgeMs: number;
  readonly report: Omit<ReporterOptions, "camera">;
  /** The source network beside the spiking one; none by default. */
  readonly shadow?: Shadow;
}

/** What a runtime is made of. It uses these; whoever made them disposes of them. */
export interface RuntimeParts {
  readonly cameras: readonly CameraPart[];
  readonly publisher: Publisher;
  readonly info: InfoMessage;
  readonly clock: Clock;
  readonly random: Random;
  readonly latencyEveryS: number;
  readonly healthEveryS: number;
  /** Memory in use, bytes; a parameter because only the platform knows. */
  rssBytes(): number;
  /** For whoever watches beside the publisher: called after each result and with each problem that begins or ends. */
  readonly observer?: RuntimeObserver;
}

/** Watches a runtime. Must not keep the result: it is filled anew for the next frame. */
export interface RuntimeObserver {
  onResult?(camera: string, result: FrameResult): void;
  onProblem?(problem: Problem, isOver: boolean): void;
}

/** A camera as the runtime keeps it. */
export interface CameraView {
  readonly id: string;
  readonly network: Network;
  readonly backend: BackendName;
  readonly status: CameraStatus;
  /** Since the start. */
  readonly counts: FrameCounts;
  /** Since the start; the telemetry windows have histograms of their own. */
  readonly latencies: StageLatencies;
}

interface Running {
  part: CameraPart;
  readonly loop: CameraLoop;
  classifier: Classifier;
  reporter: Reporter;
  /** Whoever waits for the next result. */
  waiting: ((result: FrameResult) => void)[];
  readonly total: StageLatencies;
  readonly window: StageLatencies;
  readonly snn: SnnWindow;
  readonly shadow: ShadowWindow | null;
  status: CameraStatus;
  countsBefore: FrameCounts;
}

/** Longest wait for a frame to show, ms. */
const SNAPSHOT_WAIT_MS = 2000;

/** Runs cameras until it is stopped or all of them have ended. */
export class Runtime {
  readonly #parts: RuntimeParts;
  readonly #cameras: Running[];
  readonly #problems = new Map<string, Problem>();
  readonly #stop = new AbortController();
  readonly #startUs: number;
  #hasHealthChanged = false;
  #publisherProblem: Problem | null = null;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    this.#startUs = parts.clock.nowUs();
    this.#cameras = parts.cameras.map((part) => this.#prepare(part));
  }

  /** Runs until every camera's source has ended or `signal` is aborted; a last window and health are published then. */
  async run(signal: AbortSignal): Promise<void> {
    const { publisher, info } = this.#parts;
    const abort = () => this.#stop.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    publisher.publish(info);
    // Whatever the broker still keeps of an earlier run, until the first frame says otherwise.
    for (const { part, status } of this.#cameras) publisher.publish({ kind: "cameraStatus", camera: part.id, status });
    this.#publishHealth();
    // The last window and health come after the last frame, which may still be under way when the stop is asked for.
    const ended = new AbortController();
    const telemetry = this.#runTelemetry(ended.signal);
    try {
      await Promise.all(this.#cameras.map(({ loop }) => loop.run(this.#stop.signal)));
    } finally {
      this.#stop.abort();
      signal.removeEventListener("abort", abort);
      ended.abort();
      await telemetry;
    }
  }

  /** Every camera as it stands. */
  get cameras(): CameraView[] {
    return this.#cameras.map(({ part, loop, total, status }) => ({
      id: part.id,
      network: part.backend.network,
      backend: part.backend.name,
      status,
      counts: loop.account.read(),
      latencies: total,
    }));
  }

  /** What is wrong now, the publisher's own problem included. */
  get problems(): Problem[] {
    const { problem } = this.#parts.publisher;
    return problem === null ? [...this.#problems.values()] : [...this.#problems.values(), problem];
  }

  /** Closes a camera until `resume`; fine when it is paused. */
  pause(camera: string): void {
    this.#running(camera).loop.pause();
  }

  resume(camera: string): void {
    this.#running(camera).loop.resume();
  }

  /** Takes a threshold, 0 to 1, from the next frame on; gives the one before. */
  setThreshold(camera: string, threshold: number): number {
    const { decision } = this.#running(camera).reporter;
    const before = decision.threshold;
    decision.threshold = threshold;
    return before;
  }

  /** The next frame as the network sees it. @throws {EdgeError} `command.no_frame` when none comes within 2 s */
  async snapshot(camera: string): Promise<Snapshot> {
    const running = this.#running(camera);
    const { clock } = this.#parts;
    const cancel = new AbortController();
    let found: Snapshot | null = null;
    running.waiting.push((result) => {
      found = snapshotOf(running.part.backend.network, result);
      cancel.abort();
    });
    await clock.sleep(SNAPSHOT_WAIT_MS, AbortSignal.any([cancel.signal, this.#stop.signal]));
    if (found === null) throw new EdgeError("command.no_frame", `Camera "${camera}" gave no frame within 2 s`);
    return found;
  }

  /**
   * Gives a camera another back end, between two frames; keeps its threshold. Resolves with the old back end, which is
   * the caller's to dispose of. @throws {EdgeError} `command.ended` when the camera's source has ended
   */
  async replace(camera: string, part: CameraPart): Promise<Backend> {
    const running = this.#running(camera);
    const old = running.part.backend;
    const isReplaced = await running.loop.between(() => {
      const { threshold } = running.reporter.decision;
      running.part = part;
      Object.assign(running, this.#frameParts(part, running));
      running.reporter.decision.threshold = threshold;
    });
    if (!isReplaced) throw new EdgeError("command.ended", `Camera "${camera}" has ended`);
    return old;
  }

  #running(camera: string): Running {
    const running = this.#cameras.find(({ part }) => part.id === camera);
    if (running === undefined) throw new EdgeError("command.camera", `No camera "${camera}"`);
    return running;
  }

  /** What handles the frames of one back end. */
  #frameParts(part: CameraPart, { total, window }: Pick<Running, "total" | "window">) {
    const { clock, publisher } = this.#parts;
    const { network } = part.backend;
    const recordLatency = (stage: Stage, durationUs: number) => {
      total.record(stage, durationUs);
      window.record(stage, durationUs);
    };
    return {
      reporter: new Reporter({ camera: part.id, ...part.report }, { network, publisher, clock }),
      classifier: new Classifier({ backend: part.backend, preprocessor: part.preprocessor, recordLatency, clock }),
    };
  }

  #prepare(part: CameraPart): Running {
    const { clock, random, observer } = this.#parts;
    const total = new StageLatencies();
    const window = new StageLatencies();
    const snn = new SnnWindow();
    const shadow = part.shadow === undefined ? null : new ShadowWindow(part.shadow);
    const loop = new CameraLoop({
      id: part.id,
      open: () => running.part.open(),
      get classifier() {
        return running.classifier;
      },
      clock,
      random,
      maxAgeMs: part.maxAgeMs,
      onResult: (result) => {
        snn.add(result.output.counters);
        shadow?.offer(result);
        running.reporter.report(result);
        for (const take of running.waiting.splice(0)) take(result);
        observer?.onResult?.(part.id, result);
      },
      onStatus: (status, problem) => this.#setStatus(running, status, problem),
      onFrameError: (error) => this.#setProblem(`frames.${part.id}`, error?.message ?? null),
    });
    const running: Running = {
      part,
      loop,
      ...this.#frameParts(part, { total, window }),
      waiting: [],
      total,
      window,
      snn,
      shadow,
      status: "offline",
      countsBefore: loop.account.read(),
    };
    return running;
  }

  #setStatus(running: Running, status: CameraStatus, problem: string | null): void {
    const { id } = running.part;
    this.#setProblem(`camera.${id}`, problem);
    if (running.status === status) return;
    const before = running.status;
    running.status = status;
    const { publisher } = this.#parts;
    publisher.publish({ kind: "cameraStatus", camera: id, status });
    if (status === "error") {
      publisher.publish({ kind: "event", event: "camera_lost", camera: id, text: problem ?? "the camera failed" });
    } else if (before === "error" && status === "online") {
      publisher.publish({ kind: "event", event: "camera_back", camera: id, text: "the camera gives frames again" });
    }
  }

  /** Begins a problem, changes its text, or ends it with null. */
  #setProblem(what: string, text: string | null): void {
    const before = this.#problems.get(what);
    if (before?.text === text || (before === undefined && text === null)) return;
    this.#hasHealthChanged = true;
    if (text === null) {
      this.#problems.delete(what);
      this.#parts.observer?.onProblem?.(before!, true);
      return;
    }
    const problem = { what, sinceWallMs: before?.sinceWallMs ?? this.#parts.clock.wallMs(), text };
    this.#problems.set(what, problem);
    this.#parts.observer?.onProblem?.(problem, false);
  }

  /** Publishes windows and health at their times, and once more at the end. A change of health is out within a second. */
  async #runTelemetry(ended: AbortSignal): Promise<void> {
    const { clock, latencyEveryS, healthEveryS } = this.#parts;
    let latencyUs = clock.nowUs();
    let healthUs = latencyUs;
    while (!ended.aborted) {
      const nextUs = Math.min(latencyUs + latencyEveryS * 1e6, healthUs + healthEveryS * 1e6, clock.nowUs() + 1e6);
      await clock.sleep(Math.max(1, (nextUs - clock.nowUs()) / 1000), ended);
      const nowUs = clock.nowUs();
      if (nowUs - latencyUs >= latencyEveryS * 1e6) {
        this.#publishLatency(nowUs - latencyUs);
        latencyUs = nowUs;
      }
      this.#noticePublisher();
      if (this.#hasHealthChanged || nowUs - healthUs >= healthEveryS * 1e6) {
        this.#publishHealth();
        healthUs = nowUs;
      }
    }
    this.#publishLatency(clock.nowUs() - latencyUs);
    this.#publishHealth();
  }

  /** The publisher has its own problem; whoever watches hears of it as of any other. */
  #noticePublisher(): void {
    const { publisher, observer } = this.#parts;
    const before = this.#publisherProblem;
    const now = publisher.problem;
    if (before?.text === now?.text) return;
    this.#publisherProblem = now;
    this.#hasHealthChanged = true;
    observer?.onProblem?.(now ?? before!, now === null);
  }

  #publishLatency(windowUs: number): void {
    for (const running of this.#cameras) {
      const counts = running.loop.account.read();
      this.#parts.publisher.publish({
        kind: "latency",
        camera: running.part.id,
        windowMs: windowUs / 1000,
        frames: countsBetween(running.countsBefore, counts),
        stages: running.window.readAll(),
        snn: running.snn.read(running.part.backend.network),
        shadow: running.shadow?.read(),
      });
      running.countsBefore = counts;
      running.window.reset();
      running.snn.reset();
      running.shadow?.reset();
    }
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
      cameras: this.#cameras.map(({ part, status, loop }) => ({
        camera: part.id,
        status,
        frames: loop.account.read(),
      })),
    });
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A copy of what the next frame will overwrite. */
function snapshotOf(network: Network, { frameId, classification, bytes }: FrameResult): Snapshot {
  const { index, confidence } = classification;
  return { frameId, classId: network.labels[index], confidence, shape: network.input.shape, bytes: bytes.slice() };
}
