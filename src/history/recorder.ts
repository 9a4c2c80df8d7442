/** Keeps a gateway's figures: gathers messages and latencies, and writes one row a camera and source an interval. */

import type { Clock } from "../core/clock.ts";
import type { Message, Method, PowerMessage } from "../core/messages.ts";
import type { MessageListener } from "../ports/message_listener.ts";
import { keepLatency } from "../telemetry/kept_latency.ts";
import { LatencyHistogram } from "../telemetry/latency_histogram.ts";
import type { HistoryWriter } from "./writer.ts";
import type { KeptRow, Row } from "./tables.ts";

/** What a recorder is made of. */
export interface RecorderParts {
  readonly writer: HistoryWriter;
  readonly clock: Clock;
  readonly gatewayId: string;
  /** Time that a row stands for. */
  readonly intervalMs: number;
}

/** Most events and changes of state of one interval; more than these are counted as dropped. */
const NOTES_MAX = 10_000;

type CameraSum = { -readonly [Key in "captured" | "classified" | DroppedKey]: number };
type DroppedKey = "droppedBusy" | "droppedStale" | "droppedMalformed" | "droppedFailed";

interface CameraInterval {
  readonly frames: CameraSum;
  readonly latency: LatencyHistogram;
  /** How often each class was the answer. */
  readonly classes: Map<string, number>;
}

interface PowerInterval {
  readonly kind: string;
  readonly scope: string;
  readonly method: Method;
  validMs: number;
  energyJ: number;
  gaps: number;
  inferences: number;
  inferenceEnergyJ: number;
  dynamicEnergyJ: number | null;
  idlePowerW: number | null;
  isTotal: boolean;
}

/** Gathers and writes until it is disposed, which writes what is left. */
export class HistoryRecorder implements MessageListener, AsyncDisposable {
  readonly #parts: RecorderParts;
  readonly #cameras = new Map<string, CameraInterval>();
  readonly #power = new Map<string, PowerInterval>();
  /** The last of the interval. */
  #health: Row<"health"> | null = null;
  #notes: KeptRow[] = [];
  #notesDropped = 0;
  /** The last run row's content, and the last class of each camera: only changes are kept. */
  #run = "";
  readonly #classes = new Map<string, string>();
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  #sinceUs: number;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#sinceUs = parts.clock.nowUs();
    this.#loop = this.#keepWriting();
  }

  /** Rows that were not kept since the start. */
  get dropped(): number {
    return this.#notesDropped + this.#parts.writer.dropped;
  }

  /** Counts one answer. Allocates nothing for a camera and class seen before. */
  onResult(camera: string, latencyUs: number, classId: string): void {
    const { latency, classes } = this.#camera(camera);
    latency.record(latencyUs);
    classes.set(classId, (classes.get(classId) ?? 0) + 1);
  }

  onMessage(message: Message): void {
    const tsMs = this.#parts.clock.wallMs();
    switch (message.kind) {
      case "info": {
        const { version, model, backend, energyModel } = message;
        const row = {
          gateway: this.#parts.gatewayId,
          version,
          network: model.id,
          networkSha256: model.sha256,
          backend,
          energyModel: energyModel === null ? null : JSON.stringify(energyModel),
        };
        const content = JSON.stringify(row);
        if (content === this.#run) return;
        this.#run = content;
        return this.#note({ table: "run", row: { tsMs, ...row } });
      }
      case "latency": {
        const { frames } = this.#camera(message.camera);
        for (const key of Object.keys(frames) as (keyof CameraSum)[]) frames[key] += message.frames[key];
        return;
      }
      case "power":
        return this.#addPower(message);
      case "health": {
        const { status, rssBytes, broker, problems } = message;
        const { state, queued, published, dropped } = broker;
        const text = JSON.stringify(problems.map((problem) => ({ what: problem.what, text: problem.text })));
        this.#health = { tsMs, status, rssBytes, broker: state, queued, published, dropped, problems: text };
        return;
      }
      case "state": {
        const { camera, classId, confidence } = message;
        if (this.#classes.get(camera) === classId) return;
        this.#classes.set(camera, classId);
        return this.#note({ table: "state", row: { tsMs, camera, class: classId, confidence } });
      }
      case "event": {
        const { event, camera = null, text } = message;
        return this.#note({ table: "event", row: { tsMs, event, camera, text } });
      }
    }
  }

  /** Writes what is left. A second call waits for the first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loop;
    await this.#parts.writer[Symbol.asyncDispose]();
  }

  #camera(id: string): CameraInterval {
    let interval = this.#cameras.get(id);
    if (interval === undefined) {
      const frames = {
        captured: 0,
        classified: 0,
        droppedBusy: 0,
        droppedStale: 0,
        droppedMalformed: 0,
        droppedFailed: 0,
      };
      interval = { frames, latency: new LatencyHistogram(), classes: new Map() };
      this.#cameras.set(id, interval);
    }
    return interval;
  }

  #addPower({ windowMs, sources, total, perInference }: PowerMessage): void {
    for (const { id, kind, scope, method, energyJ, powerW, gaps } of sources) {
      let sum = this.#power.get(id);
      if (sum === undefined) {
        const sums = { validMs: 0, energyJ: 0, gaps: 0, inferences: 0, inferenceEnergyJ: 0, dynamicEnergyJ: 0 };
        sum = { kind, scope, method, ...sums, idlePowerW: null, isTotal: false };
        this.#power.set(id, sum);
      }
      sum.gaps += gaps;
      sum.isTotal ||= total?.source === id;
      // A mean power belongs to the covered part of the window, which follows from the two; without one it is all of it.
      if (energyJ !== null) {
        sum.energyJ += energyJ;
        sum.validMs += powerW !== null && powerW > 0 ? Math.min(windowMs, 1000 * energyJ / powerW) : windowMs;
      }
      const cost = perInference.find(({ source }) => source === id);
      if (cost === undefined) continue;
      sum.inferences += cost.inferences;
      sum.inferenceEnergyJ += cost.energyJ * cost.inferences;
      sum.idlePowerW = cost.idlePowerW ?? sum.idlePowerW;
      sum.dynamicEnergyJ = cost.dynamicEnergyJ === null || sum.dynamicEnergyJ === null
        ? null
        : sum.dynamicEnergyJ + cost.dynamicEnergyJ * cost.inferences;
    }
  }

  #note(row: KeptRow): void {
    if (this.#notes.length < NOTES_MAX) this.#notes.push(row);
    else this.#notesDropped++;
  }

  async #keepWriting(): Promise<void> {
    const { clock, intervalMs } = this.#parts;
    while (!this.#ended.signal.aborted) {
      await clock.sleep(intervalMs, this.#ended.signal);
      this.#write();
    }
  }

  #write(): void {
    const { clock, writer } = this.#parts;
    const nowUs = clock.nowUs();
    const intervalMs = (nowUs - this.#sinceUs) / 1000;
    this.#sinceUs = nowUs;
    const tsMs = clock.wallMs();
    const rows = [...this.#notes, ...this.#cameraRows(tsMs, intervalMs), ...this.#powerRows(tsMs, intervalMs)];
    if (this.#health !== null) rows.push({ table: "health", row: this.#health });
    this.#notes = [];
    this.#power.clear();
    this.#health = null;
    if (rows.length > 0) writer.write(rows);
  }

  *#cameraRows(tsMs: number, intervalMs: number): Generator<KeptRow> {
    for (const [camera, { frames, latency, classes }] of this.#cameras) {
      // A camera that was removed, or that gave nothing.
      if (frames.captured === 0 && latency.count === 0) {
        this.#cameras.delete(camera);
        continue;
      }
      const hasFrames = latency.count > 0;
      const { p50Ms, p99Ms } = latency.read();
      yield {
        table: "camera",
        row: {
          tsMs,
          intervalMs,
          camera,
          ...frames,
          latency: hasFrames ? keepLatency(latency) : null,
          p50Ms: hasFrames ? p50Ms : null,
          p99Ms: hasFrames ? p99Ms : null,
          classes: JSON.stringify(Object.fromEntries(classes)),
        },
      };
      for (const key of Object.keys(frames) as (keyof CameraSum)[]) frames[key] = 0;
      latency.reset();
      classes.clear();
    }
  }

  *#powerRows(tsMs: number, intervalMs: number): Generator<KeptRow> {
    for (const [source, { energyJ, inferences, inferenceEnergyJ, dynamicEnergyJ, isTotal, ...rest }] of this.#power) {
      const isKnown = rest.validMs > 0;
      const hasInferences = inferences > 0;
      yield {
        table: "power",
        row: {
          tsMs,
          intervalMs,
          source,
          ...rest,
          energyJ: isKnown ? energyJ : null,
          inferences,
          inferenceEnergyJ: hasInferences ? inferenceEnergyJ : null,
          dynamicEnergyJ: hasInferences ? dynamicEnergyJ : null,
          isTotal: isTotal ? 1 : 0,
        },
      };
    }
  }
}
