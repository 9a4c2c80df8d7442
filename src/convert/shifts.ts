/**
 * Where values below zero occur inside a network, and how each layer is kept above zero.
 *
 * A spike cannot carry a negative value in time: it would come after its consumer's read-out. A layer without ReLU that others
 * read is therefore shifted: it codes value + d. Its readers take d back in one of three ways.
 *
 * * A convolution or dense layer reads a *mask*: one more channel of the shifted layer that always codes d itself, with the
 *   weight −Σ w. It comes exactly when an input of value 0 comes, so zeros cancel at every step, and on padding there is
 *   no mask either, so borders are exact. Where −Σ w is much larger than the weights themselves, several mask channels
 *   share it, so that weights of few bits are not spent on it.
 * * Where a mask cannot be had (the shifted layer is grouped), the reader's bias is lowered by d · Σ w; not at a border.
 * * An `add` with ReLU reads a layer of constants with the value d. An `add` without ReLU, a pool, a flatten pass d on.
 */

import type { Issue } from "../core/errors.ts";
import { hasWeights, type SourceGraph, type SourceLayer } from "./graph.ts";

/** What a layer's output carries besides its values. */
export interface ShiftPlan {
  /** True for a layer that may code value + d, d > 0. One a layer. */
  readonly shifted: readonly boolean[];
  /** How many more channels a layer has that code d. One a layer. */
  readonly masks: readonly number[];
  /** Layers with one more channel, after the masks, that always codes one small value; see `planBiasChannels`. */
  readonly biasChannels: readonly boolean[];
  /** How many masks the input gets, in a layer of its own: its offset meets a padded convolution. 0 for none. */
  readonly inputMasks: number;
}

/**
 * Plans the shifts of a network; pushes the layers for which there is no exact way.
 *
 * @param exactBias true: layers get bias channels where they can have them
 */
export function planShifts(graph: SourceGraph, issues: Issue[], exactBias = false): ShiftPlan {
  const { layers } = graph;
  const last = layers.length - 1;
  const shifted: boolean[] = [];
  layers.forEach((layer, index) => {
    const inherits = layer.inputs.some((input) => input >= 0 && shifted[input]);
    if (hasWeights(layer)) shifted.push(!layer.relu && index !== last);
    else shifted.push(inherits && !(layer.kind === "add" && layer.relu));
    if (layer.relu && inherits && !hasWeights(layer) && layer.kind !== "add") {
      issues.push({
        where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
        expected: "a pool of values from 0, or ReLU before it",
        found: "ReLU after a pool of values that may be negative",
        hint: "Put the ReLU before the pool",
      });
    }
    if (inherits && layer.kind === "avg_pool" && layer.countPadding) {
      issues.push({
        where: `layer ${JSON.stringify(layer.name)} (avg_pool)`,
        expected: "values from 0 under a pool that counts its padding",
        found: "values that may be negative",
        hint: "Use count_include_pad = 0, no padding, or a ReLU before the pool",
      });
    }
  });
  const masks = planMasks(layers, shifted);
  checkReaders(layers, shifted, masks, issues);
  const biasChannels = exactBias ? planBiasChannels(layers) : layers.map(() => false);
  return { shifted, masks, biasChannels, inputMasks: planInput(graph, issues) };
}

/** What the input's mask codes: half of the range, where the mean of most images lies. */
export const INPUT_MASK = 0.5;
/** Most channels that one layer's mask is split into. */
const MASKS_MAX = 8;

/** True for a convolution whose groups have one channel each, in and out. */
export function isDepthwise(layer: SourceLayer): boolean {
  return layer.kind === "conv2d" && layer.groups > 1 && layer.groups === layer.bias.length &&
    layer.weights.length === layer.bias.length * layer.kernel[0] * layer.kernel[1];
}

/** True when a layer's weights can mix a mask or a bias channel in: it has one group. */
export function readsExtras(layer: SourceLayer): boolean {
  return layer.kind === "dense" || (layer.kind === "conv2d" && layer.groups === 1);
}

/** True for a convolution with zeros around its input. */
export function isPadded(layer: SourceLayer): boolean {
  return layer.kind === "conv2d" && layer.padding.some((side) => side > 0);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Layers that must have the same number of channels either all have a mask or none. */
function planMasks(layers: readonly SourceLayer[], shifted: readonly boolean[]): number[] {
  const group = layers.map((_, i) => i);
  const find = (i: number): number => (group[i] === i ? i : find(group[i]));
  layers.forEach((layer, index) => {
    if (hasWeights(layer)) return;
    for (const input of layer.inputs) if (input >= 0) group[find(input)] = find(index);
  });
  const wanted = new Map<number, number>();
  const impossible = new Set<number>();
  layers.forEach((layer, index) => {
    const readsShift = hasWeights(layer) && layer.inputs[0] >= 0 && shifted[layer.inputs[0]];
    if (readsShift) {
      const place = find(layer.inputs[0]);
      const share = masksFor(layer, positionsUnder(layers, layer), () => 1);
      wanted.set(place, Math.max(share, wanted.get(place) ?? 0));
    }
    if (layer.kind === "conv2d" && layer.groups > 1) {
      impossible.add(find(index));
      if (layer.inputs[0] >= 0) impossible.add(find(layer.inputs[0]));
    }
    // The output has one neuron a class, and the network's own input has no layer that could carry a mask.
    if (index === layers.length - 1) impossible.add(find(index));
    if (!hasWeights(layer) && layer.inputs.includes(-1)) impossible.add(find(index));
  });
  return layers.map((_, i) => (impossible.has(find(i)) ? 0 : wanted.get(find(i)) ?? 0));
}

/**
 * Layers that get a bias channel. A bias is a spike and has whole levels; what rounding leaves is the same at every position and
 * on every image, so no average takes it away, and over many layers it costs more than all other rounding. A channel that
 * always codes one small value brings the rest of the bias through an ordinary weight of its readers.
 *
 * Layers that must have the same number of channels have it together, depthwise convolutions hand it on.
 */
function planBiasChannels(layers: readonly SourceLayer[]): boolean[] {
  const group = layers.map((_, i) => i);
  const find = (i: number): number => (group[i] === i ? i : find(group[i]));
  const wanted = new Set<number>();
  const impossible = new Set<number>();
  layers.forEach((layer, index) => {
    if (hasWeights(layer) && !isDepthwise(layer)) return;
    for (const input of layer.inputs) if (input >= 0) group[find(input)] = find(index);
  });
  layers.forEach((layer, index) => {
    const [input] = layer.inputs;
    if (readsExtras(layer)) {
      if (input >= 0) wanted.add(find(input));
    } else if (layer.inputs.includes(-1)) impossible.add(find(index));
    if (layer.kind === "conv2d" && layer.groups > 1 && !isDepthwise(layer)) {
      impossible.add(find(index));
      if (input >= 0) impossible.add(find(input));
    }
    if (index === layers.length - 1) impossible.add(find(index));
  });
  return layers.map((_, i) => wanted.has(find(i)) && !impossible.has(find(i)));
}

/** Masks that keep their weights about as small as the largest of the layer's own, times `factor` of the input channel. */
function masksFor(
  layer: Extract<SourceLayer, { bias: Float64Array }>,
  positions: number,
  factor: (channel: number) => number,
): number {
  const taps = layer.kind === "conv2d" ? layer.kernel[0] * layer.kernel[1] : positions;
  const inputs = layer.weights.length / layer.bias.length / taps;
  let largest = 0;
  let largestSum = 0;
  for (let out = 0; out < layer.bias.length; out++) {
    for (let tap = 0; tap < taps; tap++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) {
        const weight = layer.weights[(out * inputs + i) * taps + tap];
        largest = Math.max(largest, Math.abs(weight));
        sum += weight * factor(i);
      }
      largestSum = Math.max(largestSum, Math.abs(sum));
    }
  }
  return largest === 0 ? 1 : Math.max(1, Math.min(MASKS_MAX, Math.ceil(largestSum / largest)));
}

/** Height · width of the map that a layer reads, through a flatten. */
function positionsUnder(layers: readonly SourceLayer[], layer: SourceLayer): number {
  let [input] = layer.inputs;
  while (input >= 0 && layers[input].kind === "flatten") [input] = layers[input].inputs;
  return input < 0 ? 1 : layers[input].shape[1] * layers[input].shape[2];
}

function checkReaders(
  layers: readonly SourceLayer[],
  shifted: readonly boolean[],
  masks: readonly number[],
  issues: Issue[],
): void {
  for (const layer of layers) {
    const [input] = layer.inputs;
    if (input < 0 || !shifted[input] || masks[input] > 0 || !isPadded(layer)) continue;
    issues.push({
      where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
      expected: "no padding, or values from 0",
      found: `padding around values of ${JSON.stringify(layers[input].name)} that may be negative`,
      hint: "Put a ReLU before this convolution, or use an ungrouped one",
    });
  }
}

function planInput(graph: SourceGraph, issues: Issue[]): number {
  const { scale, offset } = graph.input;
  const centred = offset.every((value) => value === 0);
  const plain = centred && scale.every((value) => value === scale[0]);
  let masks = 0;
  for (const layer of graph.layers) {
    if (!layer.inputs.includes(-1)) continue;
    if (!hasWeights(layer)) {
      if (plain) continue;
      issues.push({
        where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
        expected: "a convolution or a dense layer on an input with mean and deviation",
        found: layer.kind,
        hint: "Feed the model values from 0 to 1, without a mean",
      });
    } else if (isPadded(layer) && !centred) {
      // Relative to the input's own factor, as the layer's weights will be multiplied by that.
      masks = Math.max(masks, masksFor(layer, 1, (i) => offset[i] / scale[i] / INPUT_MASK));
      if (layer.kind === "conv2d" && layer.groups > 1) {
        issues.push({
          where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
          expected: "an ungrouped convolution, or no padding, on an input with mean and deviation",
          found: `${layer.groups} groups and padding`,
        });
      }
    }
  }
  return masks;
}
