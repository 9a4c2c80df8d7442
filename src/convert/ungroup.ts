/**
 * Grouped convolutions that pad values below zero become ungrouped ones, with weights of 0 between their groups.
 *
 * Values below zero are coded with a shift, and on padding there is none: only a mask tells the two apart, and only a layer that
 * reads all channels can read one (see `shifts.ts`). It costs as many times the weights as there are groups.
 */

import { hasWeights, isPadded, type SourceGraph, type SourceLayer } from "./graph.ts";
import { findShifted } from "./shifts.ts";

/** Most weights that a layer may come to have: what is larger stays grouped, and is refused with its name. */
const WEIGHTS_MAX = 2 ** 23;

/** The same network with such convolutions ungrouped. */
export function ungroupWhereSigned(graph: SourceGraph): SourceGraph {
  const shifted = findShifted(graph.layers);
  const centred = graph.input.offset.every((offset) => offset === 0);
  const notes: string[] = [];
  const layers = graph.layers.map((layer) => {
    const [input] = layer.inputs;
    if (!hasWeights(layer) || layer.kind !== "conv2d" || layer.groups === 1 || !isPadded(layer)) return layer;
    if (input < 0 ? centred : !shifted[input]) return layer;
    if (layer.weights.length * layer.groups > WEIGHTS_MAX) return layer;
    notes.push(`${layer.name}: its ${layer.groups} groups became one, as it pads values that may be negative`);
    return ungrouped(layer);
  });
  return { ...graph, layers, notes: [...graph.notes, ...notes] };
}

// ---------------------------------------------------------------------------------------------------------------------

function ungrouped(layer: Extract<SourceLayer, { kind: "conv2d" }>): SourceLayer {
  const outputs = layer.bias.length;
  const fanIn = layer.weights.length / outputs;
  const weights = new Float64Array(layer.weights.length * layer.groups);
  for (let output = 0; output < outputs; output++) {
    const group = Math.floor(output / (outputs / layer.groups));
    const own = layer.weights.subarray(output * fanIn, (output + 1) * fanIn);
    weights.set(own, (output * layer.groups + group) * fanIn);
  }
  return { ...layer, weights, groups: 1 };
}
