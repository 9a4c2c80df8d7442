/** Fakes of two ports for tests of the runtime: a camera that plays a script, a back end whose runs the test ends. */

import type { Clock } from "../../src/core/clock.ts";
import { BackendError, CameraError } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { Layer, Network } from "../../src/core/network.ts";
import type { InferenceOutput } from "../../src/core/results.ts";
import type { Message } from "../../src/core/messages.ts";
import type { Backend } from "../../src/ports/backend.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";
import type { Publisher } from "../../src/ports/publisher.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { makeNetwork } from "./networks.ts";

/** A network of one grey pixel and two classes: dark (0) and bright (1). */
export function darkOrBright(): Network {
  const layer: Layer = {
    kind: "dense",
    name: "out",
    inputs: [-1],
    shape: [2, 1, 1],
    weights: Float32Array.of(-0.5, 0.5),
    bias: Float32Array.of(0.5, 0),
    scale: 1,
    rectify: true,
  };
  return makeNetwork({ layers: [layer], labels: ["dark", "bright"] });
}

/** One step of a camera's script: an image of one byte, no image, a wait (ms, live only), or the end of the camera. */
export type CameraStep = { readonly byte: number } | "malformed" | { readonly waitMs: number } | "lost";

/** A camera that plays a script once. Its frames' truth is 1 for bytes over 127, else 0. */
export function scriptedCamera(
  script: readonly CameraStep[],
  clock: Clock,
  pacing: CameraSource["pacing"],
): CameraSource {
  const state = { started: false, disposed: false };
  async function* play(signal: AbortSignal): AsyncGenerator<Frame | MalformedFrame> {
    let id = 0;
    const pixels = new Uint8Array(1);
    for (const step of script) {
      if (signal.aborted || state.disposed) return;
      if (step === "lost") {
        throw new CameraError("camera.lost", "Cannot go on as the camera must be there: found nothing");
      }
      if (typeof step === "object" && "waitMs" in step) {
        await clock.sleep(step.waitMs, signal);
        continue;
      }
      if (step === "malformed") {
        yield { id: id++, malformed: true, reason: "not an image" };
        continue;
      }
      pixels[0] = step.byte;
      const at = { capturedAtUs: clock.nowUs(), capturedAtWallMs: clock.wallMs() };
      yield { id: id++, ...at, width: 1, height: 1, channels: 1, pixels, truth: step.byte > 127 ? 1 : 0 };
    }
  }
  return {
    id: "scripted",
    pacing,
    frames(signal) {
      if (state.started || state.disposed) throw new CameraError("camera.open", "frames() may be called once");
      state.started = true;
      return play(signal);
    },
    [Symbol.asyncDispose]() {
      state.disposed = true;
      return Promise.resolve();
    },
  };
}

/** A back end over the reference kernel whose runs end when the test says so. */
export class HeldBackend implements Backend {
  readonly name = "simulator";
  readonly network: Network;
  readonly #kernel;
  #release: ((error: BackendError | null) => void) | null = null;
  #isClosed = false;
  /** True: every run ends at once. */
  isFree = false;

  constructor(network: Network) {
    this.network = network;
    this.#kernel = createReferenceKernel(network);
  }

  /** True while a run waits for `release`. */
  get isHeld(): boolean {
    return this.#release !== null;
  }

  /** Ends the run under way, with an answer or with an error. */
  release(error: BackendError | null = null): void {
    const release = this.#release;
    this.#release = null;
    release?.(error);
  }

  async run(input: Int16Array, output: InferenceOutput): Promise<void> {
    if (this.#isClosed) throw new BackendError("backend.closed", "closed");
    if (this.#release !== null) throw new BackendError("backend.busy", "busy");
    if (input.length !== 1) throw new BackendError("backend.shape", `must have 1 levels: found ${input.length}`);
    if (!this.isFree) {
      const error = await new Promise<BackendError | null>((resolve) => this.#release = resolve);
      if (error !== null) throw error;
    }
    this.#kernel.run(input, output);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.release(new BackendError("backend.closed", "closed"));
    return Promise.resolve();
  }
}

/** A publisher that keeps what it is given. */
export function keepingPublisher(): Publisher & { readonly messages: Message[] } {
  const messages: Message[] = [];
  const droppedByKind = { info: 0, health: 0, latency: 0, power: 0, cameraStatus: 0, state: 0, result: 0, event: 0 };
  return {
    messages,
    publish: (message) => void messages.push(structuredClone(message)),
    state: "online",
    get counts() {
      return { recovered: 0, queued: 0, published: messages.length, replaced: 0, dropped: 0, droppedByKind };
    },
    problem: null,
    stop: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
