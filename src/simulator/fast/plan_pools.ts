/** Pools by maximum and by average. */

import { inputShapeOf, type Layer } from "../../core/network.ts";
import { reachOfPixels } from "./convolution.ts";
import { type LayerPlan, PLAIN, type Planning } from "./layer_plan.ts";
import { countStep, slidingRecord } from "./plan_taps.ts";
import type { LayerRecord } from "./records.ts";

/** Plans pool number `index`. */
export function planPool(
  planning: Planning,
  layer: Extract<Layer, { kind: "max_pool" | "avg_pool" | "global_avg_pool" }>,
  index: number,
): LayerPlan {
  const { timing } = planning;
  const map = planning.maps[index];
  const source = planning.sourceOf(layer.inputs[0]).bytes;
  const shape = inputShapeOf(planning.network, layer);
  const [channels, height, width] = shape;
  const window = layer.kind === "global_avg_pool"
    ? { kernel: [height, width], stride: [1, 1], padding: [0, 0, 0, 0] } as const
    : layer;
  const record: LayerRecord = {
    ...slidingRecord(shape, { shape: layer.shape, ...window }),
    source,
    target: map.shorts || map.bytes,
    sourceStride: channels,
    targetStride: channels,
    channels,
    unit: timing.unit,
    levelMax: timing.levelMax,
    signed: map.shorts ? 1 : 0,
    countPadding: layer.kind === "avg_pool" && layer.countPadding ? 1 : 0,
  };
  planning.need({ tile: channels + 64 });
  const positions = layer.shape[1] * layer.shape[2];
  const loads = positions * window.kernel[0] * window.kernel[1] * channels;
  if (layer.kind === "max_pool") {
    const share = { amount: layer.shape[1], work: positions * 20 + loads / 4 };
    const fusedBy = planning.pooledBy.get(index) ?? -1;
    const note = fusedBy >= 0 ? "with the layer before it" : "bytes, 16 at once";
    return { ...PLAIN, steps: [planning.step("max_pool", record, share)], map, fusedBy, note };
  }
  const { kernel, stride, padding } = window;
  const geometry = { input: shape, output: layer.shape, kernel, stride, padding, dilation: [1, 1] } as const;
  const fanOut = planning.arena.place(reachOfPixels(geometry));
  return {
    ...PLAIN,
    steps: [
      planning.step("average_pool", record, { amount: layer.shape[1], work: loads + positions * channels * 8 }),
      countStep(planning, { source, fanOut, channels, area: height * width }),
    ],
    map,
    note: "sums",
  };
}
