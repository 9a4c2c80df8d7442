/** Hosts a kernel in a thread of its own, so that a long frame never stalls the event loop. No logic of its own. */

import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { systemClock } from "../core/clock.ts";
import type { Network } from "../core/network.ts";
import { createInferenceOutput } from "../core/results.ts";
import { createKernel, type KernelChoice } from "./choose_kernel.ts";
import { createTeam, type HelperStart, type Team, type TeamParts } from "./fast/team.ts";
import { createSharedRun, storeOutput } from "./shared_run.ts";

/** What the worker is started with. */
export interface WorkerStart {
  readonly network: Network;
  readonly buffer: SharedArrayBuffer;
  readonly kernel: KernelChoice;
  /** Threads that share a frame, this one among them. */
  readonly threads: number;
}

/** What it says first: helpers that have to run before the first frame. */
export interface WorkerReady {
  readonly helpers: readonly HelperStart[];
}

/** What it says then: done (null), or why a frame failed. */
export type WorkerReply = null | string;

assert(parentPort !== null, "worker.ts runs as a worker only");
const port = parentPort;
const { network, buffer, kernel: choice, threads } = workerData as WorkerStart;
const shared = createSharedRun(network, buffer);
let helpers: readonly HelperStart[] = [];
const kernel = createKernel(network, choice, threads === 1 ? undefined : { threads, create: startTeam });
const output = createInferenceOutput(network);
const reply = (message: WorkerReply) => port.postMessage(message);

port.on("message", () => {
  try {
    const startUs = systemClock.nowUs();
    kernel.run(shared.input, output);
    output.counters.runUs = systemClock.nowUs() - startUs;
    storeOutput(shared, output);
    reply(null);
  } catch (error) {
    reply(error instanceof Error ? error.message : String(error));
  }
});
port.postMessage({ helpers } satisfies WorkerReady);

function startTeam(parts: TeamParts): Team {
  const team = createTeam(parts);
  helpers = team.helpers;
  return team;
}
