/** What every model of the chip does: run frames through a board image. */

import { BackendError } from "../../core/errors.ts";
import type { BoardImage } from "../compile/image.ts";
import { sizeOf } from "../../core/shape.ts";

/** First-spike step of a compartment that never fires. */
export const NEVER = 1_000_000;

/** What a frame made the chip do. */
export interface ChipCounters {
  steps: number;
  /** Host spikes: one a pixel, and the start. */
  inputSpikes: number;
  /** Of compartments; a neuron that fires twice counts twice. */
  spikes: number;
  /** Synapses that acted. */
  synops: number;
  /** Steps of a compartment in which the sum of its synapses wrapped at 22 bits. Must be 0. */
  qOverflows: number;
  /** Steps of a compartment in which its current wrapped at 24 bits. Must be 0. */
  uOverflows: number;
  /** Compartments whose potential was clipped before their first spike: later positive input counts for too much. */
  vClips: number;
  /** Neurons of layers that fired after their layer's last step, as the pulse could not lift them in time. */
  lateNeurons: number;
  /** Neurons of layers that never fired in the frame. */
  silentNeurons: number;
  /** Neurons of layers that fired more than once. */
  repeatedNeurons: number;
}

/** Names of the counters, in the order in which they travel. */
export const CHIP_COUNTER_NAMES = [
  "steps",
  "inputSpikes",
  "spikes",
  "synops",
  "qOverflows",
  "uOverflows",
  "vClips",
  "lateNeurons",
  "silentNeurons",
  "repeatedNeurons",
] as const satisfies readonly (keyof ChipCounters)[];

/** A loaded chip; one frame at a time. */
export interface Chip {
  readonly image: BoardImage;
  /** Of the last frame, valid until the next. */
  readonly counters: Readonly<ChipCounters>;
  /** First-spike step of every compartment of the last frame, `NEVER` when there was none. The first step is 1. */
  readonly firstSteps: Int32Array;
  /** Spikes of every compartment. */
  readonly spikeCounts: Uint16Array;
  /**
   * Resets all state and runs one frame.
   *
   * @param levels of the input, `[channels, height, width]`, 0 to t_max: pixel of level q spikes at step 2 + t_max − q.
   * @throws {BackendError} `backend.shape` for another count, or levels outside their range; nothing was run
   */
  run(levels: Int16Array): void;
}

/** Counters at 0. */
export function zeroChipCounters(): ChipCounters {
  return {
    steps: 0,
    inputSpikes: 0,
    spikes: 0,
    synops: 0,
    qOverflows: 0,
    uOverflows: 0,
    vClips: 0,
    lateNeurons: 0,
    silentNeurons: 0,
    repeatedNeurons: 0,
  };
}

/** Refuses levels that the image has no pixels or no steps for. */
export function checkLevels(image: BoardImage, levels: Int16Array): void {
  const pixels = sizeOf(image.inputShape);
  if (levels.length !== pixels) {
    throw new BackendError(
      "backend.shape",
      `Cannot run a frame as it must have ${pixels} levels: found ${levels.length}`,
    );
  }
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] >= 0 && levels[i] <= image.tMax) continue;
    const message = `Cannot run a frame as level ${i} must be 0 to ${image.tMax}: found ${levels[i]}`;
    throw new BackendError("backend.shape", message);
  }
}

/** First-spike steps of one layer of the last frame, channel, row, column. */
export function layerFirstSteps(chip: Chip, layer: number): Int32Array {
  const { first, shape } = chip.image.layers[layer];
  return chip.image.neuronCompartments.subarray(first, first + sizeOf(shape)).map((c) =>
    c < 0 ? NEVER : chip.firstSteps[c]
  );
}

/**
 * Levels of the output layer of the last frame, as the simulator gives them.
 *
 * A neuron that never fired, or later than any level allows, has the lowest level, 1 − t_max.
 */
export function outputLevels(chip: Chip, levels: Int16Array): void {
  const { layers, neuronCompartments, tMax } = chip.image;
  const { first, zeroStep } = layers[layers.length - 1];
  for (let i = 0; i < levels.length; i++) {
    levels[i] = Math.max(1 - tMax, zeroStep - chip.firstSteps[neuronCompartments[first + i]]);
  }
}

/** Fills the counters that follow from the neurons of all layers. */
export function countNeurons(chip: Pick<Chip, "image" | "firstSteps" | "spikeCounts">, counters: ChipCounters): void {
  counters.lateNeurons = 0;
  counters.silentNeurons = 0;
  counters.repeatedNeurons = 0;
  const { compartments, lastSteps } = neuronsOf(chip.image);
  for (let i = 0; i < compartments.length; i++) {
    const compartment = compartments[i];
    if (chip.firstSteps[compartment] === NEVER) counters.silentNeurons++;
    else if (chip.firstSteps[compartment] > lastSteps[i]) counters.lateNeurons++;
    if (chip.spikeCounts[compartment] > 1) counters.repeatedNeurons++;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Compartments of all layers, each once, and the step by which it must have fired. */
interface Neurons {
  readonly compartments: Int32Array;
  readonly lastSteps: Int32Array;
}

const known = new WeakMap<BoardImage, Neurons>();

/** Found once an image: a flatten and a concat have the neurons of earlier layers, which must not count twice. */
function neuronsOf(image: BoardImage): Neurons {
  const found = known.get(image);
  if (found !== undefined) return found;
  const lastSteps = new Map<number, number>();
  for (const { first, shape, lastStep } of image.layers) {
    for (const compartment of image.neuronCompartments.subarray(first, first + sizeOf(shape))) {
      if (compartment >= 0 && !lastSteps.has(compartment)) lastSteps.set(compartment, lastStep);
    }
  }
  const neurons = { compartments: Int32Array.from(lastSteps.keys()), lastSteps: Int32Array.from(lastSteps.values()) };
  known.set(image, neurons);
  return neurons;
}
