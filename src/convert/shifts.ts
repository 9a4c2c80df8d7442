/**
 * Where values below zero occur inside a network, and how each layer is kept above zero.
 *
 * A spike cannot carry a negative value in time: it would come after its consumer's read-out. A layer without ReLU that others
 * read is therefore shifted: it codes value + d. Its readers take d back in one of three ways.
 *
 * * A convolution or dense layer reads a *mask*: one more channel of the shifted layer that always codes d itself, with the
 *   weight −Σ w. It comes exactly when an input of value 0 comes, so zeros cancel at every step, and on padding there is
 *   no mask either, so borders are exact.
 * * Where a mask cannot be had (the shifted layer is grouped), the reader's bias is lowered by d · Σ w; not at a border.
 * * An `add` with ReLU reads a layer of constants with the value d. An `add` without ReLU, a pool, a flatten pass d on.
 */

import type { Issue } from "../core/errors.ts";
import { hasWeights, type SourceGraph, type SourceLayer } from "./graph.ts";

/** What a layer's output carries besides its values. */
export interface ShiftPlan {
  /** True for a layer that may code value + d, d > 0. One a layer. */
  readonly shifted: readonly boolean[];
  /** True for a layer with one more channel, which codes d. One a layer. */
  readonly masked: readonly boolean[];
  /** True when the input gets a layer of its own that adds a mask: its offset meets a padded convolution. */
  readonly inputMask: boolean;
}

/** Plans the shifts of a network; pushes the layers for which there is no exact way. */
export function planShifts(graph: SourceGraph, issues: Issue[]): ShiftPlan {
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
  const masked = planMasks(layers, shifted);
  checkReaders(layers, shifted, masked, issues);
  return { shifted, masked, inputMask: planInput(graph, issues) };
}

/** True for a convolution with zeros around its input. */
export function isPadded(layer: SourceLayer): boolean {
  return layer.kind === "conv2d" && layer.padding.some((side) => side > 0);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Layers that must have the same number of channels either all have a mask or none. */
function planMasks(layers: readonly SourceLayer[], shifted: readonly boolean[]): boolean[] {
  const group = layers.map((_, i) => i);
  const find = (i: number): number => (group[i] === i ? i : find(group[i]));
  layers.forEach((layer, index) => {
    if (hasWeights(layer)) return;
    for (const input of layer.inputs) if (input >= 0) group[find(input)] = find(index);
  });
  const wanted = new Set<number>();
  const impossible = new Set<number>();
  layers.forEach((layer, index) => {
    const readsShift = hasWeights(layer) && layer.inputs[0] >= 0 && shifted[layer.inputs[0]];
    if (readsShift) wanted.add(find(layer.inputs[0]));
    if (layer.kind === "conv2d" && layer.groups > 1) {
      impossible.add(find(index));
      if (layer.inputs[0] >= 0) impossible.add(find(layer.inputs[0]));
    }
    // The output has one neuron a class, and the network's own input has no layer that could carry a mask.
    if (index === layers.length - 1) impossible.add(find(index));
    if (!hasWeights(layer) && layer.inputs.includes(-1)) impossible.add(find(index));
  });
  return layers.map((_, i) => wanted.has(find(i)) && !impossible.has(find(i)));
}

function checkReaders(
  layers: readonly SourceLayer[],
  shifted: readonly boolean[],
  masked: readonly boolean[],
  issues: Issue[],
): void {
  for (const layer of layers) {
    const [input] = layer.inputs;
    if (input < 0 || !shifted[input] || masked[input] || !isPadded(layer)) continue;
    issues.push({
      where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
      expected: "no padding, or values from 0",
      found: `padding around values of ${JSON.stringify(layers[input].name)} that may be negative`,
      hint: "Put a ReLU before this convolution, or use an ungrouped one",
    });
  }
}

function planInput(graph: SourceGraph, issues: Issue[]): boolean {
  const { scale, offset } = graph.input;
  const centred = offset.every((value) => value === 0);
  const plain = centred && scale.every((value) => value === scale[0]);
  let needed = false;
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
      needed = true;
      if (layer.kind === "conv2d" && layer.groups > 1) {
        issues.push({
          where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
          expected: "an ungrouped convolution, or no padding, on an input with mean and deviation",
          found: `${layer.groups} groups and padding`,
        });
      }
    }
  }
  return needed;
}
