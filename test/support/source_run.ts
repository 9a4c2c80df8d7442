/** Source networks computed in float64 straight from their definition: slow, for tests. */

import { type Shape, sizeOf } from "../../src/core/shape.ts";
import type { Network } from "../../src/core/network.ts";
import type { SourceGraph, SourceLayer } from "../../src/convert/graph.ts";

/** A layer's output. */
export interface SourceValues {
  readonly shape: Shape;
  /** Before ReLU. */
  readonly before: Float64Array;
  readonly values: Float64Array;
}

/** A Quartz network as what it stands for, with real numbers in place of levels: values are coded ones, 1.0 for `unit` levels. */
export function runCoded(network: Pick<Network, "layers" | "input">, frame: ArrayLike<number>): SourceValues[] {
  const [channels] = network.input.shape;
  const layers = network.layers.map((layer): SourceLayer => {
    const plain = { inputs: [...layer.inputs], tensor: "", layout: "chw" as const, clip: null };
    const relu = "rectify" in layer && layer.rectify;
    if (layer.kind !== "conv2d" && layer.kind !== "dense") return { ...layer, ...plain, relu };
    return { ...layer, ...plain, relu, weights: Float64Array.from(layer.weights), bias: Float64Array.from(layer.bias) };
  });
  const input = { name: "", shape: network.input.shape, layout: "chw" as const };
  const identity = { scale: Array<number>(channels).fill(1), offset: Array<number>(channels).fill(0) };
  const factors = network.layers.map((layer) => (layer.kind === "add" ? layer.weights : null));
  return runSource({ input: { ...input, ...identity }, layers, output: "", notes: [] }, frame, factors);
}

/**
 * Computes every layer on one frame, given in the model's own order.
 *
 * @param factors of the inputs of each `add`; 1 each by default
 */
export function runSource(
  graph: SourceGraph,
  frame: ArrayLike<number>,
  factors: readonly (Float32Array | null)[] = [],
): SourceValues[] {
  const [channels, height, width] = graph.input.shape;
  const area = height * width;
  const input = new Float64Array(frame.length);
  for (let i = 0; i < frame.length; i++) {
    const channel = graph.input.layout === "chw" ? Math.floor(i / area) : i % channels;
    const at = graph.input.layout === "chw" ? i : channel * area + Math.floor(i / channels);
    input[at] = frame[i] * graph.input.scale[channel] + graph.input.offset[channel];
  }
  const results: SourceValues[] = [];
  for (const [index, layer] of graph.layers.entries()) {
    const from = (index: number): { shape: Shape; values: Float64Array } =>
      index < 0 ? { shape: graph.input.shape, values: input } : results[index];
    const before = compute(layer, layer.inputs.map(from), factors[index] ?? null);
    const values = before.map((value) => {
      const high = layer.clip ?? Infinity;
      return layer.relu ? Math.min(high, Math.max(0, value)) : value;
    });
    results.push({ shape: layer.shape, before, values });
  }
  return results;
}

// ---------------------------------------------------------------------------------------------------------------------

function compute(
  layer: SourceLayer,
  inputs: { shape: Shape; values: Float64Array }[],
  factors: Float32Array | null,
): Float64Array {
  const [{ shape, values }] = inputs;
  const out = new Float64Array(sizeOf(layer.shape));
  switch (layer.kind) {
    case "flatten":
      return values.slice();
    case "concat":
      return Float64Array.from(inputs.flatMap((input) => [...input.values]));
    case "add":
      return out.map((_, i) => inputs.reduce((sum, input, k) => sum + input.values[i] * (factors?.[k] ?? 1), 0));
    case "dense":
      return out.map((_, o) =>
        values.reduce((sum, v, i) => sum + v * layer.weights[o * values.length + i], layer.bias[o])
      );
    case "global_avg_pool": {
      const area = shape[1] * shape[2];
      return out.map((_, c) => values.subarray(c * area, (c + 1) * area).reduce((sum, value) => sum + value, 0) / area);
    }
    default:
      return slide(layer, shape, values, out);
  }
}

function slide(
  layer: Extract<SourceLayer, { kernel: unknown }>,
  shape: Shape,
  values: Float64Array,
  out: Float64Array,
): Float64Array {
  const [channels, height, width] = layer.shape;
  const { kernel, stride, padding } = layer;
  const dilation = layer.kind === "conv2d" ? layer.dilation : [1, 1];
  for (let c = 0, n = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, n++) {
        const taps: { at: number; tap: number }[] = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const row = y * stride[0] - padding[0] + ky * dilation[0];
            const column = x * stride[1] - padding[1] + kx * dilation[1];
            if (row < 0 || column < 0 || row >= shape[1] || column >= shape[2]) continue;
            taps.push({ at: row * shape[2] + column, tap: ky * kernel[1] + kx });
          }
        }
        out[n] = atWindow(layer, c, shape, values, taps);
      }
    }
  }
  return out;
}

function atWindow(
  layer: Extract<SourceLayer, { kernel: unknown }>,
  channel: number,
  shape: Shape,
  values: Float64Array,
  taps: { at: number; tap: number }[],
): number {
  const area = shape[1] * shape[2];
  const size = layer.kernel[0] * layer.kernel[1];
  if (layer.kind === "max_pool") return Math.max(...taps.map(({ at }) => values[channel * area + at]));
  if (layer.kind === "avg_pool") {
    const sum = taps.reduce((total, { at }) => total + values[channel * area + at], 0);
    return sum / (layer.countPadding ? size : taps.length);
  }
  const inputs = shape[0] / layer.groups;
  const first = Math.floor(channel / (layer.shape[0] / layer.groups)) * inputs;
  let sum = layer.bias[channel];
  for (let i = 0; i < inputs; i++) {
    for (const { at, tap } of taps) {
      sum += values[(first + i) * area + at] * layer.weights[(channel * inputs + i) * size + tap];
    }
  }
  return sum;
}
