/** The memory that the caller's thread and a simulator's worker share: one frame in, one answer out. */

import { COUNTER_NAMES } from "../core/results.ts";
import type { Network } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import type { InferenceOutput } from "../core/results.ts";

/** Views of one shared buffer; both threads build them from the same network, so only the buffer crosses. */
export interface SharedRun {
  readonly buffer: SharedArrayBuffer;
  /** `COUNTER_NAMES` in order, then early spikes by layer. */
  readonly numbers: Float64Array;
  /** Levels of the network's input. */
  readonly input: Int16Array;
  /** Levels of its output. */
  readonly output: Int16Array;
}

/** Lays the views out over `buffer`, or over a new one. */
export function createSharedRun(network: Network, buffer?: SharedArrayBuffer): SharedRun {
  const numbers = COUNTER_NAMES.length + network.layers.length;
  const inputs = sizeOf(network.input.shape);
  const outputs = network.labels.length;
  const memory = buffer ?? new SharedArrayBuffer(numbers * 8 + (inputs + outputs) * 2);
  return {
    buffer: memory,
    numbers: new Float64Array(memory, 0, numbers),
    input: new Int16Array(memory, numbers * 8, inputs),
    output: new Int16Array(memory, numbers * 8 + inputs * 2, outputs),
  };
}

/** Worker's side: puts an answer into the shared memory. */
export function storeOutput(shared: SharedRun, output: InferenceOutput): void {
  shared.output.set(output.levels);
  for (let i = 0; i < COUNTER_NAMES.length; i++) shared.numbers[i] = output.counters[COUNTER_NAMES[i]];
  shared.numbers.set(output.earlySpikesByLayer, COUNTER_NAMES.length);
}

/** Caller's side: takes the answer out of the shared memory. */
export function loadOutput(shared: SharedRun, output: InferenceOutput): void {
  output.levels.set(shared.output);
  for (let i = 0; i < COUNTER_NAMES.length; i++) output.counters[COUNTER_NAMES[i]] = shared.numbers[i];
  for (let i = 0; i < output.earlySpikesByLayer.length; i++) {
    output.earlySpikesByLayer[i] = shared.numbers[COUNTER_NAMES.length + i];
  }
}
