/** One camera of a running gateway: its loop, what handles its frames, its windows of figures, and its changes while it runs. */

import type { Clock } from "../core/clock.ts";
import { EdgeError } from "../core/errors.ts";
import type { BackendName, CameraHealth, CameraStatus, FrameCounts } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { Random } from "../core/random.ts";
import type { Backend } from "../ports/backend.ts";
import type { CameraSource } from "../ports/camera_source.ts";
import type { Snapshot } from "../ports/controls.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { Preprocessor } from "../preprocess/pipeline.ts";
import { FRAME_STAGES, type Stage, StageLatencies } from "../telemetry/stage_latency.ts";
import { CameraLoop } from "./camera_loop.ts";
import { Classifier, type FrameResult } from "./classifier.ts";
import { countsBetween } from "./frame_account.ts";
import type { Problems } from "./problems.ts";
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
  readonly report: CameraReport;
  /** The source network beside the spiking one; none by default. */
  readonly shadow?: Shadow;
}

/** What is published of a camera, and by which rules. */
export type CameraReport = Omit<ReporterOptions, "camera">;

/** What a camera can take without being closed. */
export type CameraTuning = Pick<CameraPart, "maxAgeMs" | "report">;

/** A camera as the runtime shows it. */
export interface CameraView {
  readonly id: string;
  readonly network: Network;
  readonly backend: BackendName;
  readonly status: CameraStatus;
  /** Since the camera was added. */
  readonly counts: FrameCounts;
  /** Since the camera was added; the telemetry windows have histograms of their own. */
  readonly latencies: StageLatencies;
}

/** What the cameras of a runtime share. */
export interface CameraWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly publisher: Pick<Publisher, "publish">;
  readonly problems: Problems;
  onResult(camera: string, result: FrameResult): void;
}

/** Longest wait for a frame to show, ms. */
const SNAPSHOT_WAIT_MS = 2000;

/** Runs one camera and reports of it. */
export class RunningCamera {
  readonly id: string;
  readonly #world: CameraWorld;
  readonly #loop: CameraLoop;
  readonly #stop = new AbortController();
  readonly #total = new StageLatencies();
  readonly #window = new StageLatencies();
  readonly #snn = new SnnWindow();
  #part: CameraPart;
  #classifier: Classifier;
  #reporter: Reporter;
  #shadow: ShadowWindow | null;
  /** Whoever waits for the next result. */
  #waiting: ((result: FrameResult) => void)[] = [];
  #status: CameraStatus = "offline";
  #countsBefore: FrameCounts;
  #windowStartUs: number;

  constructor(part: CameraPart, world: CameraWorld) {
    this.id = part.id;
    this.#part = part;
    this.#world = world;
    this.#classifier = this.#createClassifier(part);
    this.#reporter = this.#createReporter(part);
    this.#shadow = part.shadow === undefined ? null : new ShadowWindow(part.shadow);
    this.#loop = this.#createLoop();
    this.#countsBefore = this.#loop.account.read();
    this.#windowStartUs = world.clock.nowUs();
  }

  /** Runs until the source ends by itself, `signal` is aborted, or `stop`. */
  run(signal: AbortSignal): Promise<void> {
    const { publisher, clock } = this.#world;
    this.#windowStartUs = clock.nowUs();
    // Whatever the broker still keeps of an earlier run, until the first frame says otherwise.
    publisher.publish({ kind: "cameraStatus", camera: this.id, status: this.#status });
    return this.#loop.run(AbortSignal.any([signal, this.#stop.signal]));
  }

  /** Ends `run` after the frame that is under way. */
  stop(): void {
    this.#stop.abort();
  }

  pause(): void {
    this.#loop.pause();
  }

  resume(): void {
    this.#loop.resume();
  }

  get view(): CameraView {
    const { network, name } = this.#part.backend;
    const { id } = this;
    return {
      id,
      network,
      backend: name,
      status: this.#status,
      counts: this.#loop.account.read(),
      latencies: this.#total,
    };
  }

  /** How long it has been at one piece of work, ms; see `CameraLoop.busy`. */
  get busyForMs(): number {
    return this.#loop.busy.forMs;
  }

  get health(): CameraHealth {
    const { threshold } = this.#reporter.decision.rules;
    return { camera: this.id, status: this.#status, threshold, frames: this.#loop.account.read() };
  }

  /** Takes a threshold, 0 to 1, from the next frame on; gives the one before. */
  setThreshold(threshold: number): number {
    const { decision } = this.#reporter;
    const before = decision.rules.threshold;
    decision.rules = { ...decision.rules, threshold };
    return before;
  }

  /** The next frame as the network sees it. @throws {EdgeError} `command.no_frame` when none comes within 2 s */
  async snapshot(ended: AbortSignal): Promise<Snapshot> {
    const cancel = new AbortController();
    let found: Snapshot | null = null;
    this.#waiting.push((result) => {
      found = snapshotOf(this.#part.backend.network, result);
      cancel.abort();
    });
    await this.#world.clock.sleep(SNAPSHOT_WAIT_MS, AbortSignal.any([cancel.signal, ended]));
    if (found === null) throw new EdgeError("command.no_frame", `Camera "${this.id}" gave no frame within 2 s`);
    return found;
  }

  /** Takes other rules from the next frame on, and leaves the camera open. A threshold that was set stays while the rules do. */
  tune({ maxAgeMs, report }: CameraTuning, takesRules: boolean): void {
    this.#part = { ...this.#part, maxAgeMs, report };
    const { decision } = this.#reporter;
    if (takesRules) decision.rules = report.decision;
    this.#reporter.options = { camera: this.id, ...report };
  }

  /**
   * Gives the camera other parts, between two frames, with the camera closed; keeps its counts, and with `keepsThreshold`
   * its threshold. Resolves with the old back end, which is the caller's to dispose of.
   *
   * @throws {EdgeError} `command.ended` when the camera's source has ended
   */
  async replace(part: CameraPart, keepsThreshold: boolean): Promise<Backend> {
    const old = this.#part.backend;
    const isReplaced = await this.#loop.between(() => {
      const { threshold } = this.#reporter.decision.rules;
      this.#part = part;
      this.#classifier = this.#createClassifier(part);
      this.#reporter = this.#createReporter(part);
      this.#shadow = part.shadow === undefined ? null : new ShadowWindow(part.shadow);
      if (keepsThreshold) this.setThreshold(threshold);
    });
    if (!isReplaced) throw new EdgeError("command.ended", `Camera "${this.id}" has ended`);
    return old;
  }

  /** Publishes the window's figures and begins the next one. */
  publishLatency(): void {
    const nowUs = this.#world.clock.nowUs();
    const counts = this.#loop.account.read();
    this.#world.publisher.publish({
      kind: "latency",
      camera: this.id,
      windowMs: (nowUs - this.#windowStartUs) / 1000,
      frames: countsBetween(this.#countsBefore, counts),
      stages: this.#window.readAll(),
      snn: this.#snn.read(this.#part.backend.network),
      shadow: this.#shadow?.read(),
    });
    this.#countsBefore = counts;
    this.#windowStartUs = nowUs;
    this.#window.reset();
    this.#snn.reset();
    this.#shadow?.reset();
  }

  /** One result was acknowledged, so long after it was published. */
  recordPublish(tookUs: number): void {
    this.#record("publish", tookUs);
  }

  /** Ends what was wrong with a camera that is gone. */
  endProblems(): void {
    const { problems } = this.#world;
    problems.set(`camera.${this.id}`, null);
    problems.set(`frames.${this.id}`, null);
  }

  #record(stage: Stage, durationUs: number): void {
    this.#total.record(stage, durationUs);
    this.#window.record(stage, durationUs);
  }

  #createClassifier({ backend, preprocessor }: CameraPart): Classifier {
    return new Classifier({ backend, preprocessor, clock: this.#world.clock });
  }

  #createReporter({ id, report, backend: { network } }: CameraPart): Reporter {
    const { publisher, clock } = this.#world;
    return new Reporter({ camera: id, ...report }, { network, publisher, clock });
  }

  #createLoop(): CameraLoop {
    const { clock, random, problems } = this.#world;
    const framesProblem = `frames.${this.id}`;
    // deno-lint-ignore no-this-alias -- getters of an object literal have a `this` of their own
    const camera = this;
    return new CameraLoop({
      id: this.id,
      open: () => camera.#part.open(),
      get classifier() {
        return camera.#classifier;
      },
      get maxAgeMs() {
        return camera.#part.maxAgeMs;
      },
      clock,
      random,
      onResult: (result) => this.#onResult(result),
      onStatus: (status, problem) => this.#setStatus(status, problem),
      onFrameError: (error) => problems.set(framesProblem, error?.message ?? null),
    });
  }

  #onResult(result: FrameResult): void {
    for (const stage of FRAME_STAGES) {
      const durationUs = result.stagesUs[stage];
      if (!Number.isNaN(durationUs)) this.#record(stage, durationUs);
    }
    this.#snn.add(result.output.counters);
    this.#shadow?.offer(result);
    this.#reporter.report(result);
    for (const take of this.#waiting.splice(0)) take(result);
    this.#world.onResult(this.id, result);
  }

  #setStatus(status: CameraStatus, problem: string | null): void {
    const { publisher, problems } = this.#world;
    const camera = this.id;
    problems.set(`camera.${camera}`, problem);
    if (this.#status === status) return;
    const before = this.#status;
    this.#status = status;
    publisher.publish({ kind: "cameraStatus", camera, status });
    if (status === "error") {
      publisher.publish({ kind: "event", event: "camera_lost", camera, text: problem ?? "the camera failed" });
    } else if (before === "error" && status === "online") {
      publisher.publish({ kind: "event", event: "camera_back", camera, text: "the camera gives frames again" });
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A copy of what the next frame will overwrite. */
function snapshotOf(network: Network, { frameId, classification, bytes }: FrameResult): Snapshot {
  const { index, confidence } = classification;
  return { frameId, classId: network.labels[index], confidence, shape: network.input.shape, bytes: bytes.slice() };
}
