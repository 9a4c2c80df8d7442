/**
 * Threads that share one frame: the leader posts a step in shared memory, every thread does its part, the leader goes on
 * when all are done. Nobody yields to an event loop in between: threads spin for a moment, then sleep.
 *
 * The words of the control block (i32) are numbered below. A new `EPOCH` means that a step is posted; a helper that finds none
 * says that it sleeps before it does, so that the leader wakes nobody who is awake.
 */

import { assert } from "../../core/assert.ts";
import { instantiateKernels, type WasmKernels } from "../wasm_module.ts";
import { type Step, STEP_KINDS } from "./layer_plan.ts";
import { runShare } from "./share.ts";

const EPOCH = 0;
const HELPERS_ASLEEP = 1;
const DONE = 2;
const LEADER_ASLEEP = 3;
const FAILED = 4;
const KIND = 5;
const RECORD = 6;
const AMOUNT = 7;
const BLOCKS = 8;
const WORDS = 9;

/** Looks at a word before sleeping: about as long as a sleeper takes to wake. */
const SPINS = 20_000;
/** No step takes so long; a helper that needs more is lost. */
const STEP_MS_MAX = 60_000;

/** Runs steps on several threads. */
export interface Team {
  /** Returns when every thread has done its part. @throws {Error} when one failed */
  run(step: Step): void;
}

/** What a team works on. */
export interface TeamParts {
  readonly kernels: WasmKernels;
  readonly memory: WebAssembly.Memory;
  /** Scratch record of each thread; the leader's first. */
  readonly works: readonly number[];
}

/** What a helper thread is started with. */
export interface HelperStart {
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly work: number;
  /** Number of its part; the leader's is 0. */
  readonly part: number;
  readonly parts: number;
}

/** A team whose helpers are yet to be started. */
export function createTeam({ kernels, memory, works }: TeamParts): Team & { readonly helpers: readonly HelperStart[] } {
  const buffer = new SharedArrayBuffer(4 * WORDS);
  const control = new Int32Array(buffer);
  const parts = works.length;
  const helpers = works.map((work, part): HelperStart => ({ memory, control: buffer, work, part, parts })).slice(1);
  return {
    helpers,
    run(step) {
      control[KIND] = STEP_KINDS.indexOf(step.kind);
      control[RECORD] = step.record;
      control[AMOUNT] = step.amount;
      control[BLOCKS] = step.blocks;
      Atomics.store(control, DONE, 0);
      Atomics.add(control, EPOCH, 1);
      if (Atomics.load(control, HELPERS_ASLEEP) > 0) Atomics.notify(control, EPOCH);
      runShare(kernels, step, works[0], 0, parts);
      awaitHelpers(control, parts - 1);
    },
  };
}

/** Does a helper's parts until its thread is ended. Never returns. */
export function serveTeam({ memory, control: buffer, work, part, parts }: HelperStart): never {
  const kernels = instantiateKernels(memory);
  const control = new Int32Array(buffer);
  for (let seen = 0;;) {
    seen = awaitEpoch(control, seen);
    const kind = STEP_KINDS[control[KIND]];
    const step = { kind, record: control[RECORD], amount: control[AMOUNT], blocks: control[BLOCKS], work: 0 };
    try {
      runShare(kernels, step, work, part, parts);
    } catch {
      Atomics.store(control, FAILED, 1);
    }
    Atomics.add(control, DONE, 1);
    if (Atomics.load(control, LEADER_ASLEEP) > 0) Atomics.notify(control, DONE);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** @returns the new epoch */
function awaitEpoch(control: Int32Array, seen: number): number {
  for (let spin = 0; spin < SPINS; spin++) {
    const epoch = Atomics.load(control, EPOCH);
    if (epoch !== seen) return epoch;
  }
  Atomics.add(control, HELPERS_ASLEEP, 1);
  Atomics.wait(control as Int32Array<SharedArrayBuffer>, EPOCH, seen);
  Atomics.sub(control, HELPERS_ASLEEP, 1);
  return Atomics.load(control, EPOCH);
}

function awaitHelpers(control: Int32Array, count: number): void {
  for (let spin = 0; Atomics.load(control, DONE) < count; spin++) {
    if (spin < SPINS) continue;
    Atomics.store(control, LEADER_ASLEEP, 1);
    const done = Atomics.load(control, DONE);
    const woken = done < count
      ? Atomics.wait(control as Int32Array<SharedArrayBuffer>, DONE, done, STEP_MS_MAX)
      : "not-equal";
    Atomics.store(control, LEADER_ASLEEP, 0);
    if (woken === "timed-out") throw new Error("a helper thread did not finish its part");
  }
  assert(Atomics.load(control, FAILED) === 0, "helper threads finish what they are given");
}
