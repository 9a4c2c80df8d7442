/** The simulator back end: a kernel in a worker and its helpers, one frame at a time, buffers allocated once. */

import { Worker } from "node:worker_threads";
import { BackendError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { InferenceOutput } from "../core/results.ts";
import type { Backend } from "../ports/backend.ts";
import { DEFAULT_KERNEL, type KernelChoice } from "./choose_kernel.ts";
import type { HelperStart } from "./fast/team.ts";
import { createSharedRun, loadOutput, type SharedRun } from "./shared_run.ts";
import type { WorkerReady, WorkerReply, WorkerStart } from "./worker.ts";

/** Most threads that share a frame. */
export const THREADS_MAX = 64;

/** What can be chosen beside the kernel. */
export interface SimulatorOptions {
  /** Threads that share each frame: 1 (the default) to `THREADS_MAX`. Results are the same for any. */
  readonly threads?: number;
}

/**
 * Opens a simulator for `network`; resolves when its threads can take frames.
 *
 * @throws {BackendError} `backend.lost` when a thread cannot start, `backend.threads` when there cannot be so many
 */
export async function openSimulator(
  network: Network,
  kernel: KernelChoice = DEFAULT_KERNEL,
  { threads = 1 }: SimulatorOptions = {},
): Promise<Backend> {
  if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX) {
    const message = `Cannot simulate as threads must be a whole number from 1 to ${THREADS_MAX}: found ${threads}`;
    throw new BackendError("backend.threads", message);
  }
  const simulator = new Simulator(network, kernel, threads);
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
  /** The one with the kernel first, then its helpers. */
  readonly #workers: Worker[];
  #waiter: Waiter | null = null;
  #lost: BackendError | null = null;

  constructor(network: Network, kernel: KernelChoice, threads: number) {
    this.network = network;
    this.#shared = createSharedRun(network);
    const start: WorkerStart = { network, buffer: this.#shared.buffer, kernel, threads };
    const worker = this.#startThread(new URL("./worker.ts", import.meta.url), start);
    this.#workers = [worker];
    this.started = this.#start(worker);
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
    this.#workers[0].postMessage(null);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lose(new BackendError("backend.closed", "Cannot run a frame as the simulator is closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #start(worker: Worker): Promise<void> {
    const [ready] = await this.#firstWords([worker]);
    worker.on("message", (reply: WorkerReply) => this.#settle(reply));
    const url = new URL("./team_worker.ts", import.meta.url);
    const helpers = (ready as WorkerReady).helpers.map((start) => this.#startThread(url, start));
    this.#workers.push(...helpers);
    if (helpers.length > 0) await this.#firstWords(helpers);
  }

  #startThread(url: URL, workerData: WorkerStart | HelperStart): Worker {
    const worker = new Worker(url, { workerData });
    worker.on("error", (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#lose(new BackendError("backend.lost", `Cannot go on simulating as a thread stopped: ${why}`, { cause }));
    });
    return worker;
  }

  /** What threads say first, in any order. */
  async #firstWords(workers: readonly Worker[]): Promise<unknown[]> {
    const words: unknown[] = [];
    const all = this.#nextReply();
    for (const worker of workers) {
      worker.once("message", (word: unknown) => {
        if (words.push(word) === workers.length) this.#settle(null);
      });
    }
    await all;
    return words;
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
