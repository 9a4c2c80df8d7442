/**
 * First spikes of every layer for one frame, as a picture's worth of numbers. Pure.
 *
 * Steps are counted as decisions are (`decisionStep` of `ttfs/timing.ts`): from the instant at which an input of value 1
 * spikes. Of a layer with more than `ROWS_MAX` neurons every k-th is shown, k = ⌈neurons / ROWS_MAX⌉, and besides them
 * those with an early spike, the first `EARLY_MAX`; counts are of all.
 */

import { layerDepths } from "../core/geometry.ts";
import { isSpiking, type Layer, type Network } from "../core/network.ts";
import { createTiming, decisionStep, type Timing } from "../ttfs/timing.ts";
import type { RasterEvent, RasterLayer } from "./events.ts";

/** Most neurons shown of a layer. */
export const ROWS_MAX = 250;
/** Most early spikes shown of a layer besides those. */
export const EARLY_MAX = 200;
/** Most layers shown; of a deeper network the first ones and the last. */
export const LAYERS_MAX = 40;

/** What a raster is drawn from. */
export type RasterPicture = Pick<RasterEvent, "step_min" | "step_max" | "layers" | "layers_left_out">;

/**
 * Draws the layers of one run.
 *
 * @param input levels of the network's input `[channels, height, width]`
 * @param levelsOf levels of a layer, in the same order
 */
export function drawRaster(
  network: Network,
  input: Int16Array,
  levelsOf: (layer: number) => Int16Array,
): RasterPicture {
  const timing = createTiming(network.convention, network.tMax);
  const depths = layerDepths(network.layers);
  const pools = layerPools(network.layers);
  const first = drawLayer(timing, { name: "input", kind: "input", depth: 0, pools: 0, isWindow: false }, input);
  // A flattened or joined map has no neurons of its own.
  const shown = Array.from(network.layers.keys()).filter((index) => {
    const { kind } = network.layers[index];
    return kind !== "flatten" && kind !== "concat";
  });
  const kept = shown.length <= LAYERS_MAX ? shown : [...shown.slice(0, LAYERS_MAX - 1), shown[shown.length - 1]];
  const layers = [
    first,
    ...kept.map((index) => {
      const layer = network.layers[index];
      const place = { name: layer.name, kind: layer.kind, depth: depths[index], pools: pools[index] };
      return drawLayer(timing, { ...place, isWindow: isSpiking(layer) }, levelsOf(index));
    }),
  ];
  const steps = layers.flatMap((layer) => [layer.first_step, ...layer.steps]);
  const ends = layers.map((layer) => layer.rectification_step ?? layer.first_step);
  return {
    step_min: steps.reduce((least, step) => Math.min(least, step), 0),
    step_max: [...steps, ...ends].reduce((most, step) => Math.max(most, step), 0),
    layers,
    layers_left_out: shown.length - kept.length,
  };
}

/** Neurons of a layer that are shown: every so-manyth. */
export function rowStride(neurons: number): number {
  return Math.ceil(neurons / ROWS_MAX);
}

// ---------------------------------------------------------------------------------------------------------------------

interface Place {
  readonly name: string;
  readonly kind: string;
  readonly depth: number;
  readonly pools: number;
  /** True: its neurons integrate over a window, so they may spike before it reads out. */
  readonly isWindow: boolean;
}

function drawLayer(timing: Timing, { name, kind, depth, pools, isWindow }: Place, levels: Int16Array): RasterLayer {
  const every = rowStride(levels.length);
  const stepOf = (level: number) => decisionStep(timing, depth, pools, level);
  const steps: number[] = [];
  const earlyOthers: { neuron: number; step: number }[] = [];
  let marks = "";
  let early = 0;
  let zero = 0;
  let highest = levels[0];
  for (let neuron = 0; neuron < levels.length; neuron++) {
    const level = levels[neuron];
    // Before read-out: a level above one unit.
    const isEarly = isWindow && level > timing.unit;
    if (isEarly) early++;
    if (level === 0) zero++;
    if (level > highest) highest = level;
    if (neuron % every !== 0) {
      if (isEarly && earlyOthers.length < EARLY_MAX) earlyOthers.push({ neuron, step: stepOf(level) });
      continue;
    }
    steps.push(stepOf(level));
    marks += isEarly ? "e" : level === 0 ? "z" : ".";
  }
  return {
    name,
    kind,
    neurons: levels.length,
    every,
    steps,
    marks,
    early_others: earlyOthers,
    early,
    zero,
    first_step: stepOf(highest),
    readout_step: isWindow ? stepOf(timing.unit) : null,
    rectification_step: isWindow ? stepOf(0) : null,
  };
}

/** Max-pools between the input and each layer's output, along the way that has most. */
function layerPools(layers: readonly Layer[]): number[] {
  const pools: number[] = [];
  for (const layer of layers) {
    const most = layer.inputs.reduce((count, index) => Math.max(count, index < 0 ? 0 : pools[index]), 0);
    pools.push(most + (layer.kind === "max_pool" ? 1 : 0));
  }
  return pools;
}
