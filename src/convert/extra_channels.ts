/**
 * Channels that layers get beyond those of the source network: masks, which take a shift back, and bias channels, which bring
 * what rounding leaves of a bias. `shifts.ts` says what they are for; here is which layers can have them, and how many.
 */

import { hasWeights, isDepthwise, readsExtras, type SourceGraph, type SourceLayer } from "./graph.ts";
import { type Parts, partsRead, readingsOf, visitWeights } from "./parts.ts";

/** Most channels that one layer's mask is split into. */
const MASKS_MAX = 8;

/** Layers that must have the same number of channels either all have a mask or none. */
export function planMasks(graph: SourceGraph, parts: Parts, shifted: readonly boolean[]): number[] {
  const { layers } = graph;
  const groups = groupLayers(graph, parts);
  const wanted = new Float64Array(layers.length);
  layers.forEach((layer, index) => {
    if (!hasWeights(layer)) return;
    if (!readsExtras(layer)) return handOn(graph, parts, groups, index);
    readingsOf(graph, parts, layer).forEach((reading, number) => {
      if (reading.layer < 0 || !shifted[reading.layer]) return;
      const share = masksFor(graph, parts, layer, (part) => (part === number ? 1 : 0));
      wanted[reading.layer] = Math.max(share, wanted[reading.layer]);
    });
  });
  // Only now it is known who is in a group.
  const most = new Map<number, number>();
  wanted.forEach((share, layer) => most.set(groups.of(layer), Math.max(share, most.get(groups.of(layer)) ?? 0)));
  return onParts(parts, (layer) => (groups.mayGrow(layer) ? most.get(groups.of(layer))! : 0), 0);
}

/**
 * Layers that get a bias channel. A bias is a spike and has whole levels; what rounding leaves is the same at every position and
 * on every image, so no average takes it away, and over many layers it costs more than all other rounding. A channel that
 * always codes one small value brings the rest of the bias through an ordinary weight of its readers.
 *
 * Layers that must have the same number of channels have it together, depthwise convolutions hand it on.
 */
export function planBiasChannels(graph: SourceGraph, parts: Parts): boolean[] {
  const groups = groupLayers(graph, parts);
  const wanted = new Set<number>();
  graph.layers.forEach((layer, index) => {
    if (!hasWeights(layer)) return;
    if (!readsExtras(layer)) return handOn(graph, parts, groups, index);
    for (const part of partsRead(graph, parts, layer)) if (part.layer >= 0) wanted.add(part.layer);
  });
  const places = new Set([...wanted].map((layer) => groups.of(layer)));
  return onParts(parts, (layer) => places.has(groups.of(layer)) && groups.mayGrow(layer), false);
}

/** Masks that keep their weights about as small as the largest of the layer's own, times `factor` of the channel of a part. */
export function masksFor(
  graph: SourceGraph,
  parts: Parts,
  layer: Extract<SourceLayer, { bias: Float64Array }>,
  factor: (part: number, channel: number) => number,
): number {
  const readings = readingsOf(graph, parts, layer);
  const taps = Math.max(...readings.map((reading) => reading.taps));
  const sums = new Float64Array(layer.bias.length * taps);
  let largest = 0;
  visitWeights(layer, readings, (weight, output, part, channel, tap) => {
    largest = Math.max(largest, Math.abs(layer.weights[weight]));
    sums[output * taps + tap] += layer.weights[weight] * factor(part, channel);
  });
  const largestSum = sums.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
  return largest === 0 ? 1 : Math.max(1, Math.min(MASKS_MAX, Math.ceil(largestSum / largest)));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Layers that must have the same number of channels, as an addition reads them: joined one by one. */
class Groups {
  readonly #group: number[];
  readonly #impossible = new Set<number>();
  constructor(count: number) {
    this.#group = Array.from({ length: count }, (_, i) => i);
  }

  of(layer: number): number {
    while (this.#group[layer] !== layer) layer = this.#group[layer];
    return layer;
  }

  join(a: number, b: number): void {
    this.#group[this.of(a)] = this.of(b);
  }

  /** No more channels for this layer and all of its group, whatever joins it later. */
  forbid(layer: number): void {
    this.#impossible.add(layer);
  }

  mayGrow(layer: number): boolean {
    return ![...this.#impossible].some((other) => this.of(other) === this.of(layer));
  }
}

/** Joins what additions read, and forbids what groups and the output cannot have. */
function groupLayers({ layers, input }: SourceGraph, parts: Parts): Groups {
  const groups = new Groups(layers.length);
  layers.forEach((layer, index) => {
    if (layer.kind !== "add") return;
    for (const part of layer.inputs.flatMap((_, position) => partsRead({ input }, parts, layer, position))) {
      if (part.layer >= 0) groups.join(part.layer, index);
      // The network's own input has no layer that could carry more channels.
      else groups.forbid(index);
    }
  });
  // The output has one neuron a class.
  for (const part of parts[layers.length - 1]) if (part.layer >= 0) groups.forbid(part.layer);
  return groups;
}

/** A depthwise convolution has as many more channels as its input, without weights; other grouped ones can have none. */
function handOn(graph: SourceGraph, parts: Parts, groups: Groups, index: number): void {
  const layer = graph.layers[index];
  const read = partsRead(graph, parts, layer);
  if (isDepthwise(layer) && read.length === 1 && read[0].layer >= 0) return groups.join(read[0].layer, index);
  for (const part of [...read, { layer: index }]) if (part.layer >= 0) groups.forbid(part.layer);
}

/** A figure of layers with a scale, for all layers: what passes one of them on has its; what joins several has `none`. */
function onParts<Figure>(parts: Parts, figureOf: (layer: number) => Figure, none: Figure): Figure[] {
  return parts.map((own) => (own.length === 1 && own[0].layer >= 0 ? figureOf(own[0].layer) : none));
}
