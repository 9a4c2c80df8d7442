/** Chooses a kernel for each layer of a network and lays out what it needs. */

import { isSpiking, type Layer, type Network } from "../../core/network.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import { quantise } from "../../model/quantise.ts";
import { createTiming } from "../../ttfs/timing.ts";
import { type LayerPlan, type MapPlace, PLAIN, type Plan, type Planning, type PlanOptions } from "./layer_plan.ts";
import { planPool } from "./plan_pools.ts";
import { planAdd } from "./plan_taps.ts";
import { planWeighted } from "./plan_weighted.ts";
import { type Arena, largerSizes, LAYER_FIELDS, leastSizes } from "./records.ts";

/** Largest level that a byte holds. */
const BYTE_MAX = 255;

/** Lays out `network` in `arena`. Pure otherwise: the same network gives the same plan. */
export function planNetwork(network: Network, arena: Arena, options: PlanOptions): Plan {
  const newMap = (shape: Shape, signed: boolean): MapPlace => {
    const size = sizeOf(shape);
    return { bytes: arena.reserve(size), shorts: signed ? arena.reserve(size * 2) : 0, layout: shape };
  };
  const timing = createTiming(network.convention, network.tMax);
  const input = newMap(network.input.shape, false);
  const layers: LayerPlan[] = [];
  let sizes = leastSizes();
  const planning: Planning = {
    network,
    arena,
    timing,
    options,
    grids: quantise(network, options.weightBits).grids,
    // A layer's map is placed before the layers that may write into it on the way.
    maps: network.layers.map((layer) => newMap(layer.shape, isSpiking(layer) && !layer.rectify)),
    pooledBy: new Map(),
    sourceOf: (layer) => (layer < 0 ? input : layers[layer].map),
    need: (more) => sizes = largerSizes(sizes, more),
    step: (kind, record, { amount, work }) => ({
      kind,
      record: arena.placeRecords(LAYER_FIELDS, [record]),
      amount,
      blocks: kind === "merged" ? record.blockCount! : 0,
      work,
    }),
  };
  for (const [index, layer] of network.layers.entries()) layers.push(planLayer(planning, layer, index));
  return { timing, input, layers, sizes };
}

// ---------------------------------------------------------------------------------------------------------------------

function planLayer(planning: Planning, layer: Layer, index: number): LayerPlan {
  const { timing, network, maps } = planning;
  const general = (why: string): LayerPlan => {
    return { ...PLAIN, general: true, map: maps[index], note: `reference kernel: ${why}` };
  };
  // Joining is copying, whatever the levels mean.
  if (layer.kind === "concat") return { ...PLAIN, joins: true, map: maps[index], note: "copied" };
  if (timing.strict) return general("quartz-loihi convention");
  if (timing.levelMax > BYTE_MAX) return general(`t_max ${network.tMax}`);
  switch (layer.kind) {
    case "flatten":
      return planFlatten(planning, layer, index) ?? general("flattened for a layer that is not dense");
    case "conv2d":
    case "dense":
      return planWeighted(planning, layer, index) ?? general("weights off every usable grid");
    case "max_pool":
    case "avg_pool":
    case "global_avg_pool":
      return planPool(planning, layer, index);
    case "add":
      return planAdd(planning, layer, index) ?? general("weights off every usable grid");
  }
}

/** A flattened map stays where it is when only dense layers read it: their weights are put in its order instead. */
function planFlatten({ network, sourceOf }: Planning, layer: Layer, index: number): LayerPlan | null {
  const source = sourceOf(layer.inputs[0]);
  const [channels, height, width] = source.layout;
  const sameOrder = channels === 1 || height * width === 1;
  const readers = network.layers.filter((reader) => reader.inputs.includes(index));
  if (!sameOrder && readers.some((reader) => reader.kind !== "dense")) return null;
  return { ...PLAIN, alias: true, map: source, note: "nothing to do" };
}
