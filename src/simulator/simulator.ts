/** The simulator back end: a kernel in a worker, one frame at a time, buffers allocated once. */

import { Worker } from "node:worker_threads";
import { BackendError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { InferenceOutput } from "../core/results.ts";
import type { Backend } from "../ports/backend.ts";
import { DEFAULT_KERNEL, type KernelChoice } from "./choose_kernel.ts";
import { createSharedRun, loadOutput, type SharedRun } from "./shared_run.ts";
import type { WorkerReply, WorkerStart } from "./worker.ts";

/**
 * Opens a simulator for `network`; resolves when its worker can take frames.
 *
 * @throws {BackendError} `backend.lost` when the worker cannot start
 */
export async function openSimulator(network: Network, kernel: KernelChoice = DEFAULT_KERNEL): Promise<Backend> {
  const simulator = new Simulator(network, kernel);
  try {
    await simulator.started;
  } catch (error) {
    await simulator[Symbol.asyncDispose]();
    throw error;
  }
  return simulator;
}

/** The promise that waits for the worker's next word. */
interface Waiter {
  resolve(): void;
  reject(error: BackendError): void;
}

class Simulator implements Backend {
  readonly name = "simulator";
  readonly network: Network;
  readonly started: Promise<void>;
  readonly #shared: SharedRun;
  readonly #worker: Worker;
  #waiter: Waiter | null = null;
  #lost: BackendError | null = null;

  constructor(network: Network, kernel: KernelChoice) {
    this.network = network;
    this.#shared = createSharedRun(network);
    const start: WorkerStart = { network, buffer: this.#shared.buffer, kernel };
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: start });
    this.#worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on("error", (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#lose(new BackendError("backend.lost", `Cannot go on simulating as the worker stopped: ${why}`, { cause }));
    });
    this.started = this.#nextReply();
  }

  run(input: Int16Array, output: InferenceOutput): Promise<void> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    if (this.#waiter !== null) {
      return Promise.reject(new BackendError("backend.busy", "Cannot run a frame as one is still under way"));
    }
    if (input.length !== this.#shared.input.length) {
      const message = `Cannot run a frame as it must have ${this.#shared.input.length} levels: found ${input.length}`;
      return Promise.reject(new BackendError("backend.shape", message));
    }
    this.#shared.input.set(input);
    const done = this.#nextReply().then(() => loadOutput(this.#shared, output));
    this.#worker.postMessage(null);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lose(new BackendError("backend.closed", "Cannot run a frame as the simulator is closed"));
    await this.#worker.terminate();
  }

  #nextReply(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #settle(reply: WorkerReply): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (reply === null) waiter?.resolve();
    else waiter?.reject(new BackendError("backend.failed", `Cannot finish a frame as the kernel failed: ${reply}`));
  }

  #lose(error: BackendError): void {
    this.#lost ??= error;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(this.#lost);
  }
}
