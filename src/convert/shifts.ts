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
 * * Where there is no mask to be read (by grouped layers), the reader's bias is lowered by d · Σ w; not at a border.
 * * An `add` with ReLU reads a layer of constants with the value d. An `add` without ReLU, a pool, a flatten pass d on.
 */

import type { Issue } from "../core/errors.ts";
import { masksFor, planBiasChannels, planMasks } from "./extra_channels.ts";
import { hasWeights, isPadded, readsExtras, type SourceGraph, type SourceLayer } from "./graph.ts";
import { findParts, type Parts, partsRead } from "./parts.ts";

/** What the input's mask codes: half of the range, where the mean of most images lies. */
export const INPUT_MASK = 0.5;

/** What a layer's output carries besides its values. */
export interface ShiftPlan {
  /** Whose channels each layer's output holds; see `parts.ts`. One a layer. */
  readonly parts: Parts;
  /** True for a layer that may code value + d, d > 0. One a layer. */
  readonly shifted: readonly boolean[];
  /** How many more channels a layer has that code d; what passes a layer on has its. 0 for what a concat joins: see its parts. */
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
  const shifted = findShifted(layers);
  layers.forEach((layer) => {
    const inherits = layer.inputs.some((input) => input >= 0 && shifted[input]);
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
  const parts = findParts(graph);
  const masks = planMasks(graph, parts, shifted);
  checkReaders(graph, parts, { shifted, masks }, issues);
  const biasChannels = exactBias ? planBiasChannels(graph, parts) : layers.map(() => false);
  return { parts, shifted, masks, biasChannels, inputMasks: planInput(graph, parts, issues) };
}

/** The layers whose values may be negative and are read by others. */
export function findShifted(layers: readonly SourceLayer[]): boolean[] {
  const shifted: boolean[] = [];
  layers.forEach((layer, index) => {
    const inherits = layer.inputs.some((input) => input >= 0 && shifted[input]);
    if (hasWeights(layer)) shifted.push(!layer.relu && index !== layers.length - 1);
    else shifted.push(inherits && !(layer.kind === "add" && layer.relu));
  });
  return shifted;
}

// ---------------------------------------------------------------------------------------------------------------------

function checkReaders(
  graph: SourceGraph,
  parts: Parts,
  { shifted, masks }: Pick<ShiftPlan, "shifted" | "masks">,
  issues: Issue[],
): void {
  for (const layer of graph.layers) {
    if (!isPadded(layer)) continue;
    const mixes = readsExtras(layer);
    const bare = partsRead(graph, parts, layer).find(({ layer }) => {
      return layer >= 0 && shifted[layer] && !(mixes && masks[layer] > 0);
    });
    if (bare === undefined) continue;
    issues.push({
      where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
      expected: "no padding, or values from 0",
      found: `padding around values of ${JSON.stringify(graph.layers[bare.layer].name)} that may be negative`,
      hint: "Put a ReLU before this convolution, or use an ungrouped one",
    });
  }
}

function planInput(graph: SourceGraph, parts: Parts, issues: Issue[]): number {
  const { scale, offset } = graph.input;
  const centred = offset.every((value) => value === 0);
  const plain = centred && scale.every((value) => value === scale[0]);
  let masks = 0;
  for (const layer of graph.layers) {
    const read = layer.inputs.flatMap((_, position) => partsRead(graph, parts, layer, position));
    if (!read.some((part) => part.layer < 0)) continue;
    if (!hasWeights(layer)) {
      // An addition has one weight for all channels; all others leave each channel its own factor.
      if (layer.kind === "add" ? plain : centred) continue;
      issues.push({
        where: `layer ${JSON.stringify(layer.name)} (${layer.kind})`,
        expected: "a convolution or a dense layer on an input with mean and deviation",
        found: layer.kind,
        hint: "Feed the model values from 0 to 1, without a mean",
      });
    } else if (isPadded(layer) && !centred) {
      // Relative to the input's own factor, as the layer's weights will be multiplied by that.
      masks = Math.max(masks, masksFor(graph, parts, layer, (_, i) => offset[i] / scale[i] / INPUT_MASK));
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
