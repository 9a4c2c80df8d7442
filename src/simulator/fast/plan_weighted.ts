/** Convolutions and dense layers: tiles for few channels, scatter for very few, points for colours, merged lists for many, taps for depthwise ones. */

import type { Layer, Network } from "../../core/network.ts";
import { ROWS_MAX } from "./blocks.ts";
import { type Convolution, groupOf, toConvolution } from "./convolution.ts";
import { type LayerPlan, PLAIN, type Planning, type Step } from "./layer_plan.ts";
import { planMerged } from "./merge.ts";
import { planDepthwise } from "./plan_taps.ts";
import { planPoints, takesPoints } from "./points.ts";
import { planScatter, scatterPays } from "./scatter.ts";
import { chooseTile, planTiles, takesPool, type Tile, tileCost } from "./tiles.ts";

/** A layer with weights from many sources. */
type WeightedLayer = Extract<Layer, { kind: "conv2d" | "dense" }>;

/** Plans layer number `index`; null when no lane is wide enough for it. */
export function planWeighted(planning: Planning, layer: WeightedLayer, index: number): LayerPlan | null {
  const { network, timing, options, grids } = planning;
  const { layout } = planning.sourceOf(layer.inputs[0]);
  const lanes = options.weightBits === 8 ? 16 : 32;
  const whole = toConvolution(network, layer, { grid: grids[index], timing, layout, lanes });
  if (!whole.bounds.fits32) return null;
  const groups = layer.kind === "dense" ? 1 : layer.groups;
  if (layer.kind === "conv2d" && groups > 1 && groups === layer.shape[0] && whole.input[0] === 1) {
    return planDepthwise(planning, layer, whole, index);
  }
  if (groups === 1) {
    const pool = poolAfter(network, layer, index);
    if (options.weightBits === 8 && scatterPays(whole)) return planInScatter(planning, { layer, index, whole, pool });
    if (takesPoints(timing, whole)) return planInPoints(planning, { layer, index, whole });
    const tile = chooseTile(timing, whole, pool !== null);
    if (tile !== null) return planInTiles(planning, { layer, index, whole, tile, pool });
  }
  return planInLists(planning, { layer, index, whole, groups });
}

/** Work of a step that no threads share: it is over before they would be awake. */
const UNDIVIDED = 0;

// ---------------------------------------------------------------------------------------------------------------------

function planInScatter(
  planning: Planning,
  options: { layer: WeightedLayer; index: number; whole: Convolution; pool: number | null },
): LayerPlan {
  const { layer, index, whole, pool } = options;
  const map = planning.maps[index];
  const { record, sizes, note } = planScatter(planning.arena, planning.timing, whole);
  planning.need(sizes);
  if (pool !== null) planning.pooledBy.set(pool, index);
  const { keepLevels } = planning.options;
  const places = {
    source: planning.sourceOf(layer.inputs[0]).bytes,
    target: map.bytes,
    pooled: pool !== null ? planning.maps[pool].bytes : 0,
    keep: keepLevels ? 1 : 0,
  };
  return {
    ...PLAIN,
    steps: [planning.step("scatter", { ...record, ...places }, { amount: 1, work: UNDIVIDED })],
    map,
    unwritten: pool !== null && !keepLevels,
    note: `${note}${pool !== null ? " with its pool" : ""}, ${lanesNote(whole)}`,
  };
}

function planInPoints(
  planning: Planning,
  { layer, index, whole }: { layer: WeightedLayer; index: number; whole: Convolution },
): LayerPlan {
  const { arena, timing, options: { weightBits } } = planning;
  const map = planning.maps[index];
  const { record, sizes, note, work } = planPoints(arena, timing, whole, { weightBits });
  planning.need(sizes);
  const places = { source: planning.sourceOf(layer.inputs[0]).bytes, target: map.shorts || map.bytes };
  const steps = [planning.step("points", { ...record, ...places }, { amount: whole.output[1], work })];
  return { ...PLAIN, steps, map, note: `${note}, ${lanesNote(whole)}` };
}

function planInTiles(
  planning: Planning,
  options: { layer: WeightedLayer; index: number; whole: Convolution; tile: Tile; pool: number | null },
): LayerPlan {
  const { layer, index, whole, tile, pool } = options;
  const map = planning.maps[index];
  const { record, sizes, note } = planTiles(planning.arena, planning.timing, whole, {
    tile,
    weightBits: planning.options.weightBits,
  });
  planning.need(sizes);
  const fused = pool !== null && takesPool(tile);
  if (fused) planning.pooledBy.set(pool, index);
  const { keepLevels } = planning.options;
  const places = {
    source: planning.sourceOf(layer.inputs[0]).bytes,
    target: map.shorts || map.bytes,
    pooled: fused ? planning.maps[pool].bytes : 0,
    keep: keepLevels ? 1 : 0,
  };
  const share = { amount: layer.shape[1] / tile[0], work: tileCost(whole, tile) };
  return {
    ...PLAIN,
    steps: [planning.step("tiles", { ...record, ...places }, share)],
    map,
    unwritten: fused && !keepLevels,
    note: `${note}${fused ? " and their pool" : ""}, ${lanesNote(whole)}`,
  };
}

function planInLists(
  planning: Planning,
  options: { layer: WeightedLayer; index: number; whole: Convolution; groups: number },
): LayerPlan | null {
  const { layer, index, whole, groups } = options;
  if (whole.input[0] * whole.kernel[0] * whole.kernel[1] >= ROWS_MAX) return null;
  const { arena, timing, options: { weightBits } } = planning;
  const map = planning.maps[index];
  const source = planning.sourceOf(layer.inputs[0]);
  const steps: Step[] = [];
  let kernelNote = "";
  for (let group = 0; group < groups; group++) {
    const part = groups === 1 ? whole : groupOf(whole, group, groups);
    const { record, sizes, note, work } = planMerged(arena, timing, part, { groups, weightBits });
    planning.need(sizes);
    const places = {
      source: source.bytes + group * part.input[0],
      target: (map.shorts || map.bytes) + group * part.output[0] * (map.shorts ? 2 : 1),
    };
    steps.push(planning.step("merged", { ...record, ...places }, { amount: part.output[1] * part.output[2], work }));
    kernelNote = groups === 1 ? note : `${groups} groups, ${note}`;
  }
  return { ...PLAIN, steps, map, note: `${kernelNote}, ${lanesNote(whole)}` };
}

function lanesNote({ wide, bounds }: Convolution): string {
  return wide ? "32-bit lanes" : bounds.guarded ? "16-bit lanes, guarded" : "16-bit lanes";
}

/** Index of a 2x2 pool by maximum that alone reads this layer and covers it exactly; null: none. */
function poolAfter(network: Network, layer: WeightedLayer, index: number): number | null {
  const readers = network.layers.filter((reader) => reader.inputs.includes(index));
  if (readers.length !== 1 || !layer.rectify || index === network.layers.length - 1) return null;
  const [pool] = readers;
  if (pool.kind !== "max_pool" || layer.shape[1] % 2 !== 0 || layer.shape[2] % 2 !== 0) return null;
  const numbers = [...pool.kernel, ...pool.stride, ...pool.padding].join();
  return numbers === "2,2,2,2,0,0,0,0" ? network.layers.indexOf(pool) : null;
}
