/**
 * The method, literally: all neurons of all layers live at once on one time axis, spikes travel as events, and every step
 * updates every current and potential. Shares no loop with the kernels. Too slow for anything but tests.
 *
 * Layers open their windows one unit after the layer they read; a spike from a layer further back waits until then, and a
 * spike that comes before its consumer's window is held until the window opens.
 */

import { layerDepths } from "../../src/core/geometry.ts";
import { inputShapeOf, isSpiking, type Layer, type Network } from "../../src/core/network.ts";
import { type Shape, sizeOf } from "../../src/core/shape.ts";
import { biasSpike, createTiming } from "../../src/ttfs/timing.ts";

/** Half of the smallest distance between two potentials of a test network: averages use weights 1 / count. */
const EPSILON = 1e-9;

interface Synapse {
  readonly target: Cell;
  readonly weight: number;
}

/** One neuron. */
class Cell {
  readonly layer: number;
  readonly synapses: Synapse[] = [];
  /** Weight that arrives, by step of this neuron's window. */
  readonly arrivals = new Map<number, number>();
  weightSum = 0;
  current = 0;
  potential = 0;
  spikeStep: number | null = null;
  constructor(layer: number) {
    this.layer = layer;
  }
}

/** Levels of every layer and the totals that can be counted by watching spikes travel. */
export interface RecursionResult {
  readonly levels: number[][];
  readonly earlySpikes: number;
  readonly rectifiedSpikes: number;
  readonly synopsEvents: number;
  readonly synopsAll: number;
  readonly synopsReference: number;
}

/** Runs one frame, `input` levels `[channels, height, width]`. */
export function runStepByStep(network: Network, input: Int16Array): RecursionResult {
  const timing = createTiming(network.convention, network.tMax);
  const u = timing.unit;
  const depths = layerDepths(network.layers);
  const depthOf = (layer: number) => (layer < 0 ? 0 : depths[layer]);
  const cells = network.layers.map((layer, index) =>
    Array.from({ length: sizeOf(layer.shape) }, () => new Cell(index))
  );
  const inputs = Array.from(input, () => new Cell(-1));
  const cellsOf = (layer: number) => (layer < 0 ? inputs : cells[layer]);
  network.layers.forEach((layer, index) => connect(network, layer, cells[index], cellsOf));

  const totals = { earlySpikes: 0, rectifiedSpikes: 0, synopsEvents: 0, synopsAll: 0, synopsReference: 0 };
  const openOf = (layer: number) => (depthOf(layer) - 1) * u;
  const emit = (cell: Cell, now: number, level: number) => {
    for (const { target, weight } of cell.synapses) {
      const targetLayer = network.layers[target.layer];
      if (!isSpiking(targetLayer)) {
        // The first spike of a pool's window passes at once; flatten passes its only one, concat when its longest branch would.
        if (target.spikeStep !== null) continue;
        const late = targetLayer.kind === "concat" ? (depthOf(target.layer) - depthOf(cell.layer)) * u : 0;
        target.spikeStep = now + late - openOf(target.layer);
        emit(target, now + late, level);
        continue;
      }
      const wait = (depthOf(target.layer) - depthOf(cell.layer) - 1) * u;
      const step = Math.max(0, now + wait - openOf(target.layer));
      target.arrivals.set(step, (target.arrivals.get(step) ?? 0) + weight);
      totals.synopsAll++;
      if (level !== 0) totals.synopsEvents++;
    }
  };

  for (const [index, layer] of network.layers.entries()) {
    if (!isSpiking(layer)) continue;
    cells[index].forEach((cell, neuron) => {
      const value = "bias" in layer ? layer.bias[Math.floor(neuron / (layer.shape[1] * layer.shape[2]))] : 0;
      const bias = biasSpike(timing, value);
      const add = (step: number, weight: number) => cell.arrivals.set(step, (cell.arrivals.get(step) ?? 0) + weight);
      add(2 * u - bias.level, bias.weight);
      add(2 * u, network.convention === "quartz-2023" ? -cell.weightSum : 1 - cell.weightSum - bias.weight);
    });
  }

  const deepest = Math.max(...depths, 0);
  for (let now = 0; now < (deepest + 4) * u; now++) {
    inputs.forEach((cell, i) => {
      if (2 * u - input[i] === now) emit(cell, now, input[i]);
    });
    for (const [index, layer] of network.layers.entries()) {
      const step = now - openOf(index);
      if (!isSpiking(layer) || step < 0 || step >= 4 * u) continue;
      for (const cell of cells[index]) {
        const arriving = cell.arrivals.get(step) ?? 0;
        if (Math.abs(arriving) > EPSILON) totals.synopsReference++;
        if (cell.spikeStep !== null) continue;
        cell.current += arriving;
        cell.potential += cell.current;
        const above = cell.potential - timing.threshold;
        const fires = timing.strict ? above > EPSILON : above >= -EPSILON;
        const forced = step === (layer.rectify ? 3 * u : 4 * u - 1);
        if (!fires && !forced) continue;
        if (fires && step < 2 * u) totals.earlySpikes++;
        if (!fires && layer.rectify) totals.rectifiedSpikes++;
        cell.spikeStep = step;
        emit(cell, now, Math.min(2 * u, 3 * u - step));
      }
    }
  }
  // What passes through a pool or flatten straight from the input has no window of its own: opening 0 − u puts it right.
  const levels = cells.map((layer) => layer.map((cell) => Math.min(2 * u, 3 * u - cell.spikeStep!)));
  return { levels, ...totals };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Makes the synapses of a layer: for every neuron, the sources under its window. */
function connect(network: Network, layer: Layer, targets: Cell[], cellsOf: (layer: number) => Cell[]): void {
  const join = (source: Cell, target: Cell, weight: number) => {
    source.synapses.push({ target, weight });
    target.weightSum += weight;
  };
  const shape = inputShapeOf(network, layer);
  const sources = cellsOf(layer.inputs[0]);
  targets.forEach((target, neuron) => {
    const [, height, width] = layer.shape;
    const channel = Math.floor(neuron / (height * width));
    const place = [Math.floor(neuron / width) % height, neuron % width] as const;
    switch (layer.kind) {
      case "flatten":
        return join(sources[neuron], target, 1);
      case "concat":
        return join(layer.inputs.flatMap(cellsOf)[neuron], target, 1);
      case "dense":
        return sources.forEach((source, i) => join(source, target, layer.weights[neuron * sources.length + i]));
      case "add":
        return layer.inputs.forEach((from, i) => join(cellsOf(from)[neuron], target, layer.weights[i]));
      case "global_avg_pool": {
        const area = shape[1] * shape[2];
        return sources.slice(channel * area, (channel + 1) * area).forEach((source) => join(source, target, 1 / area));
      }
      case "max_pool":
      case "avg_pool": {
        const taps = tapsUnder(shape, channel, place, layer);
        const divisor = layer.kind === "avg_pool" && layer.countPadding
          ? layer.kernel[0] * layer.kernel[1]
          : taps.length;
        return taps.forEach((tap) => join(sources[tap.index], target, 1 / divisor));
      }
      case "conv2d": {
        const perGroup = shape[0] / layer.groups;
        const group = Math.floor(channel / (layer.shape[0] / layer.groups));
        for (let i = 0; i < perGroup; i++) {
          for (const tap of tapsUnder(shape, group * perGroup + i, place, layer)) {
            const [kernelY, kernelX] = layer.kernel;
            join(
              sources[tap.index],
              target,
              layer.weights[((channel * perGroup + i) * kernelY + tap.ky) * kernelX + tap.kx],
            );
          }
        }
      }
    }
  });
}

/** Flat indices of one channel's real positions under a window. */
function tapsUnder(
  shape: Shape,
  channel: number,
  place: readonly [number, number],
  layer: Extract<Layer, { kind: "conv2d" | "max_pool" | "avg_pool" }>,
): { index: number; ky: number; kx: number }[] {
  const dilation = layer.kind === "conv2d" ? layer.dilation : [1, 1];
  const taps = [];
  for (let ky = 0; ky < layer.kernel[0]; ky++) {
    for (let kx = 0; kx < layer.kernel[1]; kx++) {
      const y = place[0] * layer.stride[0] + ky * dilation[0] - layer.padding[0];
      const x = place[1] * layer.stride[1] + kx * dilation[1] - layer.padding[1];
      const inside = y >= 0 && y < shape[1] && x >= 0 && x < shape[2];
      if (inside) taps.push({ index: (channel * shape[1] + y) * shape[2] + x, ky, kx });
    }
  }
  return taps;
}
