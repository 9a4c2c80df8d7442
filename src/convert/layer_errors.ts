/** How far each layer's spikes are from the source network's values, on a few images. */

import type { Network } from "../core/network.ts";
import { createReferenceKernel } from "../simulator/kernel_reference.ts";
import { createTiming } from "../ttfs/timing.ts";
import type { Built } from "./build.ts";
import { eachFrame, type Images } from "./calibrate.ts";
import { hasScale, type SourceGraph, type SourceLayer } from "./graph.ts";
import { measureNetwork } from "./measure.ts";
import type { OnnxModel } from "./onnx/model.ts";
import type { Scales } from "./scales.ts";

/** One layer's deviation from the source network. Errors are in units of the layer's scale, i.e. of a coded 1.0. */
export interface LayerError {
  /** Index in the source graph. */
  readonly layer: number;
  readonly meanAbsolute: number;
  readonly largest: number;
  /** Error that rounding to levels alone would make, on average. */
  readonly rounding: number;
}

/** Both networks, and the images to compare them on. */
export interface Pairing {
  readonly model: OnnxModel;
  readonly graph: SourceGraph;
  readonly built: Built;
  readonly scales: Scales;
  readonly network: Network;
  readonly images: Images;
}

/** Compares every measured layer on the images, by the reference kernel. */
export async function measureErrors(pairing: Pairing): Promise<LayerError[]> {
  const { model, graph, built, scales, network, images } = pairing;
  const timing = createTiming(network.convention, network.tMax);
  const measured = graph.layers.flatMap((layer, index) => (hasScale(layer) ? [index] : []));
  const wanted: Float32Array[][] = [];
  await eachFrame(model, graph, images, measured.map((index) => graph.layers[index].tensor), (values) => {
    wanted.push(values);
  });
  const sums = measured.map(() => ({ total: 0, largest: 0, count: 0 }));
  const inspect: Parameters<typeof measureNetwork>[2]["inspect"] = (kernel, frame) => {
    measured.forEach((index, i) => {
      const levels = kernel.levelsOf(built.places[index]);
      compare(graph.layers[index], wanted[frame][i], levels, {
        perLevel: scales.scale[index] / timing.unit,
        shift: scales.shift[index],
        scale: scales.scale[index],
        // Scores that lost cannot go lower than this, and need not.
        lowest: index === graph.layers.length - 1 ? timing.silentLevel : -Infinity,
        sums: sums[i],
      });
    });
  };
  await measureNetwork(network, images, { createKernel: createReferenceKernel, inspect });
  return measured.map((layer, i) => ({
    layer,
    meanAbsolute: sums[i].total / sums[i].count,
    largest: sums[i].largest,
    rounding: 0.25 / timing.unit,
  }));
}

// ---------------------------------------------------------------------------------------------------------------------

interface Comparison {
  readonly perLevel: number;
  readonly shift: number;
  readonly scale: number;
  /** Lowest level. */
  readonly lowest: number;
  readonly sums: { total: number; largest: number; count: number };
}

function compare(layer: SourceLayer, values: Float32Array, levels: Int16Array, to: Comparison): void {
  const [channels, height, width] = layer.shape;
  const area = height * width;
  for (let i = 0; i < values.length; i++) {
    // The layer's own order is channels first; a mask, if there is one, comes after all of them.
    const at = layer.layout === "chw" ? i : (i % channels) * area + Math.floor(i / channels);
    let value = layer.relu ? Math.max(0, values[i]) : values[i];
    if (layer.clip !== null) value = Math.min(layer.clip, value);
    value = Math.max(value, to.lowest * to.perLevel - to.shift);
    const error = Math.abs(levels[at] * to.perLevel - to.shift - value) / to.scale;
    to.sums.total += error;
    to.sums.largest = Math.max(to.sums.largest, error);
    to.sums.count++;
  }
}
