/** One frame from pixels to a classification: preprocess, encode, run, decode. Buffers are made once and used for every frame. */

import type { Clock } from "../core/clock.ts";
import type { Frame } from "../core/frame.ts";
import type { BackendName } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import { type Classification, createInferenceOutput, type InferenceOutput } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import type { Backend } from "../ports/backend.ts";
import type { Preprocessor } from "../preprocess/pipeline.ts";
import type { FrameStage } from "../telemetry/stage_latency.ts";
import { createClassification, decode } from "../ttfs/decode.ts";
import { type ByteEncoder, createByteEncoder } from "../ttfs/encode.ts";
import { createTiming, type Timing } from "../ttfs/timing.ts";

/**
 * What came of a frame. Two objects a classifier, filled in turn: a result stays as it is while the next frame is
 * classified. Copy what must live longer.
 */
export interface FrameResult {
  frameId: number;
  /** Class index that the source knows to be true, or −1. */
  truth: number;
  capturedAtWallMs: number;
  /** Capture to decision, µs. */
  latencyUs: number;
  /** Time in each stage up to the decision, µs; `decode` is NaN where the frame came as pixels. */
  readonly stagesUs: Record<FrameStage, number>;
  /** Input bytes outside the code's range that were clamped. */
  clampedValues: number;
  /** What ran it. */
  backend: BackendName;
  /** Class names, in output order. */
  readonly labels: readonly string[];
  readonly classification: Classification;
  readonly output: InferenceOutput;
  /** The frame as the network sees it: bytes `[channels, height, width]`. */
  readonly bytes: Uint8Array;
}

/** What a classifier is made of. */
export interface ClassifierParts {
  readonly backend: Backend;
  readonly preprocessor: Preprocessor;
  readonly clock: Clock;
}

/** Classifies one frame at a time. */
export class Classifier {
  readonly network: Network;
  readonly #parts: ClassifierParts;
  readonly #timing: Timing;
  readonly #encoder: ByteEncoder;
  readonly #levels: Int16Array;
  /** The result to fill, and the one of the frame before. */
  #next: FrameResult;
  #last: FrameResult;

  constructor(parts: ClassifierParts) {
    const { network } = parts.backend;
    this.#parts = parts;
    this.network = network;
    this.#timing = createTiming(network.convention, network.tMax);
    this.#encoder = createByteEncoder(this.#timing, network.input);
    this.#levels = new Int16Array(sizeOf(network.input.shape));
    this.#next = createResult(parts.backend);
    this.#last = createResult(parts.backend);
  }

  /**
   * Classifies a frame.
   *
   * @throws {CameraError} when the frame cannot be used
   * @throws {BackendError} when the back end cannot run it
   */
  async classify(frame: Frame): Promise<FrameResult> {
    const { backend, preprocessor, clock } = this.#parts;
    const result = this.#next;
    const startUs = clock.nowUs();
    result.bytes.set(preprocessor.run(frame));
    const preprocessedUs = clock.nowUs();
    result.clampedValues = this.#encoder.encode(result.bytes, this.#levels);
    const encodedUs = clock.nowUs();
    await backend.run(this.#levels, result.output);
    const inferredUs = clock.nowUs();
    decode(this.#timing, result.output.levels, this.network.outputScale, result.classification);
    const decidedUs = clock.nowUs();
    result.frameId = frame.id;
    result.backend = backend.ranBy ?? backend.name;
    result.truth = frame.truth;
    result.capturedAtWallMs = frame.capturedAtWallMs;
    result.latencyUs = decidedUs - frame.capturedAtUs;
    const { stagesUs } = result;
    stagesUs.wait = startUs - frame.capturedAtUs;
    stagesUs.decode = frame.decodeUs ?? NaN;
    stagesUs.preprocess = preprocessedUs - startUs;
    stagesUs.encode = encodedUs - preprocessedUs;
    stagesUs.infer = inferredUs - encodedUs;
    stagesUs.decide = decidedUs - inferredUs;
    stagesUs.endToEnd = result.latencyUs;
    this.#next = this.#last;
    this.#last = result;
    return result;
  }
}

/** A result to fill. */
export function createResult({ name, network }: Pick<Backend, "name" | "network">): FrameResult {
  return {
    frameId: 0,
    truth: -1,
    capturedAtWallMs: 0,
    latencyUs: 0,
    stagesUs: { wait: 0, decode: NaN, preprocess: 0, encode: 0, infer: 0, decide: 0, endToEnd: 0 },
    clampedValues: 0,
    backend: name,
    labels: network.labels,
    classification: createClassification(network.labels.length),
    output: createInferenceOutput(network),
    bytes: new Uint8Array(sizeOf(network.input.shape)),
  };
}
