/** The synapses that carry a layer's data, by kind of layer: which input neuron acts on which neuron, with what grid weight. */

import { unreachable } from "../../core/assert.ts";
import type { Layer, MaxPoolLayer, SpikingLayer } from "../../core/network.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import { type Rounding, toGrid } from "./mantissas.ts";

/** Called once a synapse; `input` is the position in `layer.inputs`, neurons are numbered channel, row, column. */
export type SynapseSink = (input: number, source: number, target: number, grid: number) => void;

/** Smallest unit at which the rectifier's arithmetic holds, see `silencing`. */
const POOL_UNIT_MIN = 128;

/**
 * Visits the synapses of an integrating layer.
 *
 * Averages use whole weights: each synapse has the same grid weight and `units` says what counts as 1.0, so nothing is rounded.
 *
 * @param shape of the layer's first input
 * @param units filled: grid weight that counts as 1.0, one a neuron
 */
export function visitSynapses(
  layer: SpikingLayer,
  shape: Shape,
  options: { readonly weightUnit: number; readonly rounding: Rounding },
  units: Int32Array,
  sink: SynapseSink,
): void {
  const { weightUnit, rounding } = options;
  units.fill(weightUnit);
  switch (layer.kind) {
    case "conv2d": {
      const grids = layer.weights.map((weight) => toGrid(weight, weightUnit, rounding));
      visitWindows(layer, shape, (channel, source, target, tap) => {
        const [out] = layer.shape;
        const groupInputs = shape[0] / layer.groups;
        const groupOutputs = out / layer.groups;
        const group = Math.floor(channel / groupInputs);
        const taps = layer.kernel[0] * layer.kernel[1];
        const area = layer.shape[1] * layer.shape[2];
        for (let o = group * groupOutputs; o < (group + 1) * groupOutputs; o++) {
          sink(0, source, o * area + target, grids[(o * groupInputs + (channel % groupInputs)) * taps + tap]);
        }
      });
      return;
    }
    case "dense": {
      const inputs = sizeOf(shape);
      for (let target = 0; target < layer.shape[0]; target++) {
        for (let source = 0; source < inputs; source++) {
          sink(0, source, target, toGrid(layer.weights[target * inputs + source], weightUnit, rounding));
        }
      }
      return;
    }
    case "add":
      layer.weights.forEach((weight, input) => {
        const grid = toGrid(weight, weightUnit, rounding);
        for (let neuron = 0; neuron < sizeOf(layer.shape); neuron++) sink(input, neuron, neuron, grid);
      });
      return;
    case "avg_pool": {
      const taps = new Int32Array(units.length);
      const area = layer.shape[1] * layer.shape[2];
      visitWindows(layer, shape, (channel, _source, target) => taps[channel * area + target]++);
      const full = layer.kernel[0] * layer.kernel[1];
      units.forEach((_, neuron) => {
        const one = layer.countPadding ? full : taps[neuron];
        units[neuron] = one * poolWeight(one);
      });
      visitWindows(layer, shape, (channel, source, target) => {
        const neuron = channel * area + target;
        sink(0, source, neuron, poolWeight(layer.countPadding ? full : taps[neuron]));
      });
      return;
    }
    case "global_avg_pool": {
      const area = shape[1] * shape[2];
      units.fill(area * poolWeight(area));
      for (let source = 0; source < sizeOf(shape); source++) {
        sink(0, source, Math.floor(source / area), poolWeight(area));
      }
      return;
    }
    default:
      unreachable(layer);
  }
}

/** Visits the inputs of each neuron of a pool by maximum. */
export function visitMaxPool(
  layer: MaxPoolLayer,
  shape: Shape,
  sink: (source: number, target: number) => void,
): void {
  const area = layer.shape[1] * layer.shape[2];
  visitWindows(layer, shape, (channel, source, target) => sink(source, channel * area + target));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Smallest even weight that makes `count` of them at least the smallest unit. */
function poolWeight(count: number): number {
  return 2 * Math.ceil(POOL_UNIT_MIN / (2 * Math.max(1, count)));
}

type Windowed = Extract<Layer, { kind: "conv2d" | "avg_pool" | "max_pool" }>;

/** Visits every input neuron under every window; `target` is a position in the output's plane, `tap` one in the kernel's. */
function visitWindows(
  layer: Windowed,
  shape: Shape,
  visit: (channel: number, source: number, target: number, tap: number) => void,
): void {
  const { kernel, stride, padding } = layer;
  const dilation = layer.kind === "conv2d" ? layer.dilation : [1, 1];
  const [, height, width] = layer.shape;
  for (let channel = 0; channel < shape[0]; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let ky = 0; ky < kernel[0]; ky++) {
          const row = y * stride[0] - padding[0] + ky * dilation[0];
          if (row < 0 || row >= shape[1]) continue;
          for (let kx = 0; kx < kernel[1]; kx++) {
            const column = x * stride[1] - padding[1] + kx * dilation[1];
            if (column < 0 || column >= shape[2]) continue;
            visit(channel, (channel * shape[1] + row) * shape[2] + column, y * width + x, ky * kernel[1] + kx);
          }
        }
      }
    }
  }
}
