/**
 * The float64 reference kernel: the meaning of a network, slow and to be read. Every other kernel is held against it.
 *
 * For each neuron, over the steps s of its layer's window (see `ttfs/timing.ts`):
 *
 *   current(s)   = current(s − 1) + drive(s)      drive: weights that arrive, bias spike, counter weight at read-out
 *   potential(s) = potential(s − 1) + current(s)
 *   it spikes at the first s where the potential reaches the threshold, and ignores everything after;
 *   a rectifying neuron that is silent until rectification is made to spike then
 *
 * Invariants: exactly one spike a neuron and frame; levels lie in [silentLevel, levelMax] (what lies outside saturates and
 * is counted). Without an early spike the level equals floor(Σ w q + q_bias + 1/2), but that shortcut is not taken here.
 */

import { assert, unreachable } from "../core/assert.ts";
import {
  inputShapeOf,
  isSpiking,
  type Layer,
  type MaxPoolLayer,
  type Network,
  type SpikingLayer,
} from "../core/network.ts";
import type { RunCounters } from "../core/results.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { pathOf } from "../core/geometry.ts";
import {
  type BiasSpike,
  biasSpike,
  counterWeight,
  createTiming,
  decisionStep,
  levelOfStep,
  type Timing,
} from "../ttfs/timing.ts";
import {
  type Drive,
  gatherAdd,
  gatherAvgPool,
  gatherConv2d,
  gatherDense,
  gatherGlobalAvgPool,
} from "./gather_reference.ts";
import type { Kernel } from "./kernel.ts";

/** Smaller currents are rounding residue where weights should cancel. */
const CURRENT_MIN = 1e-9;

/** A kernel that runs `network` in float64. */
export function createReferenceKernel(network: Network): Kernel {
  const timing = createTiming(network.convention, network.tMax);
  const levels = network.layers.map((layer) => new Int16Array(sizeOf(layer.shape)));
  const biases = network.layers.map((layer) => biasSpikes(timing, layer));
  const { depth, pools } = pathOf(network.layers);
  const neurons = network.layers.reduce((sum, layer) => sum + (isSpiking(layer) ? sizeOf(layer.shape) : 0), 0);
  const drive: Drive = {
    drive: new Float64Array(timing.windowSteps),
    readoutStep: timing.readoutStep,
    tally: { weightSum: 0, events: 0, synapses: 0 },
  };
  const inputs: Int16Array[][] = network.layers.map((layer) => layer.inputs.map((index) => levels[index]));

  return {
    levelsOf: (layer) => levels[layer],
    run(input, output) {
      assert(input.length === sizeOf(network.input.shape), `input has ${input.length} levels`);
      const { counters, earlySpikesByLayer } = output;
      resetCounters(counters);
      network.layers.forEach((layer, index) => {
        const sources = inputs[index];
        layer.inputs.forEach((from, position) => {
          if (from < 0) sources[position] = input;
        });
        const earlyBefore = counters.earlySpikes;
        if (isSpiking(layer)) {
          const shape = inputShapeOf(network, layer);
          runSpiking({ timing, layer, shape, sources, biases: biases[index], levels: levels[index], drive, counters });
        } else if (layer.kind === "max_pool") {
          runMaxPool(layer, inputShapeOf(network, layer), sources[0], levels[index]);
          counters.spikes += levels[index].length;
        } else join(sources, levels[index]);
        earlySpikesByLayer[index] = counters.earlySpikes - earlyBefore;
      });
      const result = levels[levels.length - 1];
      output.levels.set(result);
      // The published formulas, over neurons that integrate (pools by maximum do not).
      counters.operations = counters.synopsReference + 2 * neurons * timing.tMax;
      counters.memoryReads = counters.synopsReference + 4 * neurons * timing.tMax;
      counters.memoryWrites = counters.synopsReference + neurons * timing.tMax;
      counters.decisionStep = decisionStep(timing, depth, pools, largest(result));
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

interface SpikingRun {
  readonly timing: Timing;
  readonly layer: SpikingLayer;
  /** Of the first input. */
  readonly shape: Shape;
  readonly sources: readonly Int16Array[];
  /** One an output channel. */
  readonly biases: readonly BiasSpike[];
  /** Filled: one level a neuron. */
  readonly levels: Int16Array;
  readonly drive: Drive;
  readonly counters: RunCounters;
}

function runSpiking(run: SpikingRun): void {
  const { timing, layer, biases, levels, counters } = run;
  const { drive, tally } = run.drive;
  const area = layer.shape[1] * layer.shape[2];
  for (let neuron = 0; neuron < levels.length; neuron++) {
    drive.fill(0);
    tally.weightSum = tally.events = tally.synapses = 0;
    const one = gather(run, neuron);
    const bias = biases[Math.floor(neuron / area)];
    const biasStep = timing.readoutStep - bias.level;
    // A bias of −2 would arrive when the window is over; by then it changes nothing.
    if (biasStep < timing.windowSteps) drive[biasStep] += bias.weight * one;
    drive[timing.readoutStep] += counterWeight(timing, tally.weightSum, bias, one);
    counters.synopsEvents += tally.events;
    counters.synopsAll += tally.synapses;
    for (let step = 0; step < drive.length; step++) {
      if (Math.abs(drive[step]) > CURRENT_MIN) counters.synopsReference++;
    }
    levels[neuron] = spikeLevel(timing, drive, one, layer.rectify, counters);
  }
  counters.spikes += levels.length;
}

/** Fills `drive` with the neuron's synapses. @returns the weight that counts as 1.0 */
function gather(run: SpikingRun, neuron: number): number {
  const { layer, shape, sources, drive } = run;
  const [, height, width] = layer.shape;
  switch (layer.kind) {
    case "conv2d":
    case "avg_pool": {
      const column = neuron % width;
      const row = Math.floor(neuron / width) % height;
      const channel = Math.floor(neuron / (width * height));
      if (layer.kind === "avg_pool") return gatherAvgPool(drive, layer, sources[0], shape, [channel, row, column]);
      gatherConv2d(drive, layer, sources[0], shape, [channel, row, column]);
      return 1;
    }
    case "dense":
      gatherDense(drive, layer.weights, sources[0], neuron);
      return 1;
    case "global_avg_pool":
      return gatherGlobalAvgPool(drive, sources[0], shape[1] * shape[2], neuron);
    case "add":
      gatherAdd(drive, layer.weights, sources, neuron);
      return 1;
    default:
      return unreachable(layer);
  }
}

/** Walks the window and returns the level of the neuron's one spike. */
function spikeLevel(timing: Timing, drive: Float64Array, one: number, rectify: boolean, counters: RunCounters): number {
  const threshold = timing.threshold * one;
  const end = rectify ? timing.rectificationStep + 1 : timing.windowSteps;
  let current = 0;
  let potential = 0;
  for (let step = 0; step < end; step++) {
    current += drive[step];
    potential += current;
    const fires = timing.strict ? potential > threshold : potential >= threshold;
    if (!fires) continue;
    if (step < timing.readoutStep) counters.earlySpikes++;
    const level = levelOfStep(timing, step);
    if (level <= timing.levelMax) return level;
    counters.saturatedSpikes++;
    return timing.levelMax;
  }
  if (rectify) counters.rectifiedSpikes++;
  else counters.saturatedSpikes++;
  return rectify ? 0 : timing.silentLevel;
}

/** Flatten and concat: the levels of all inputs, one input after the other. */
function join(sources: readonly Int16Array[], levels: Int16Array): void {
  let start = 0;
  for (const source of sources) {
    levels.set(source, start);
    start += source.length;
  }
}

/** The earliest spike of each window, i.e. the highest level. */
function runMaxPool(layer: MaxPoolLayer, shape: Shape, source: Int16Array, levels: Int16Array): void {
  const [channels, height, width] = layer.shape;
  const { kernel, stride, padding } = layer;
  for (let channel = 0, neuron = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, neuron++) {
        let best = -Infinity;
        for (let ky = 0; ky < kernel[0]; ky++) {
          const row = y * stride[0] - padding[0] + ky;
          if (row < 0 || row >= shape[1]) continue;
          for (let kx = 0; kx < kernel[1]; kx++) {
            const column = x * stride[1] - padding[1] + kx;
            if (column < 0 || column >= shape[2]) continue;
            best = Math.max(best, source[(channel * shape[1] + row) * shape[2] + column]);
          }
        }
        levels[neuron] = best;
      }
    }
  }
}

function biasSpikes(timing: Timing, layer: Layer): BiasSpike[] {
  if (layer.kind === "conv2d" || layer.kind === "dense") {
    return Array.from(layer.bias, (bias) => biasSpike(timing, bias));
  }
  return Array.from({ length: layer.shape[0] }, () => biasSpike(timing, 0));
}

function resetCounters(counters: RunCounters): void {
  let name: keyof RunCounters;
  for (name in counters) counters[name] = 0;
}

function largest(levels: Int16Array): number {
  let best = levels[0];
  for (let i = 1; i < levels.length; i++) best = Math.max(best, levels[i]);
  return best;
}
