/**
 * Averages get a scale of their own.
 *
 * An average pool of the network format codes in its input's scale. Averages over many positions are much smaller than the
 * values that they are made of, so most levels would stay unused: over 7x7 positions often all but five. A depthwise
 * convolution with equal weights is the same sum and can have any scale.
 */

import type { SourceGraph, SourceLayer } from "./graph.ts";

/** The same network with its average pools as depthwise convolutions, where they read values from 0. */
export function averagesAsWeights(graph: SourceGraph): SourceGraph {
  const positive: boolean[] = [];
  const plainInput = graph.input.offset.every((offset) => offset === 0);
  const layers = graph.layers.map((layer) => {
    const fromPositive = layer.inputs.every((input) => (input < 0 ? plainInput : positive[input]));
    const weighted = layer.kind === "conv2d" || layer.kind === "dense";
    positive.push(layer.relu || (!weighted && fromPositive));
    return fromPositive && layer.inputs[0] >= 0 ? asConvolution(layer, graph.layers[layer.inputs[0]]) : layer;
  });
  return { ...graph, layers };
}

// ---------------------------------------------------------------------------------------------------------------------

function asConvolution(layer: SourceLayer, input: SourceLayer): SourceLayer {
  const [channels, height, width] = input.shape;
  if (layer.kind === "global_avg_pool") {
    const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0, 0, 0] } as const;
    return { ...layer, ...window, ...equalWeights(channels, height * width), relu: true };
  }
  if (layer.kind !== "avg_pool") return layer;
  // Without counting its padding a window at the border divides by less, which weights cannot.
  const { countPadding, ...rest } = layer;
  if (!countPadding && layer.padding.some((side) => side > 0)) return layer;
  return { ...rest, ...equalWeights(channels, layer.kernel[0] * layer.kernel[1]), relu: true };
}

function equalWeights(channels: number, taps: number) {
  return {
    kind: "conv2d",
    dilation: [1, 1],
    groups: channels,
    weights: new Float64Array(channels * taps).fill(1 / taps),
    bias: new Float64Array(channels),
  } as const;
}
