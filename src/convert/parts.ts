/**
 * Whose channels a value holds. A concat joins channels of layers that have scales of their own; pools and flatten pass them
 * on. Nothing is rounded to one common scale: the weights that read a channel are divided by the scale of its own layer.
 */

import { hasScale, type SourceGraph, type SourceLayer, type SourceWeights } from "./graph.ts";

/** Channels of one layer, one after the other. */
export interface Part {
  /** Layer with a scale of its own; −1 is the network's input. */
  readonly layer: number;
  readonly channels: number;
  /** Elements a channel: 1 in a map, the map's positions once it was flattened. */
  readonly positions: number;
}

/** The parts of each layer's output, in the order of its channels: more than one only where a concat joined them. */
export type Parts = readonly (readonly Part[])[];

/** How a layer with weights reads a part. */
export interface Reading extends Part {
  /** Its first weight among those of one neuron, as if there were no groups. */
  readonly first: number;
  /** Weights a channel: a kernel's taps, or the positions under a dense layer. */
  readonly taps: number;
}

type Weighted = Extract<SourceLayer, SourceWeights>;

/** Finds the parts of all layers. */
export function findParts(graph: Pick<SourceGraph, "input" | "layers">): Parts {
  const parts: (readonly Part[])[] = [];
  for (const [index, layer] of graph.layers.entries()) {
    if (hasScale(layer)) {
      parts.push([{ layer: index, channels: layer.shape[0], positions: 1 }]);
      continue;
    }
    const read = layer.inputs.flatMap((_, position) => partsRead(graph, parts, layer, position));
    if (layer.kind !== "flatten") parts.push(read);
    else {
      const [, height, width] = layer.inputs[0] < 0 ? graph.input.shape : graph.layers[layer.inputs[0]].shape;
      parts.push(read.map((part) => ({ ...part, positions: part.positions * height * width })));
    }
  }
  return parts;
}

/** The parts of what a layer reads. */
export function partsRead(
  graph: Pick<SourceGraph, "input">,
  parts: Parts,
  layer: SourceLayer,
  position = 0,
): readonly Part[] {
  const input = layer.inputs[position];
  return input < 0 ? [{ layer: -1, channels: graph.input.shape[0], positions: 1 }] : parts[input];
}

/** The parts of what a layer reads, with the place of their weights. */
export function readingsOf(
  graph: Pick<SourceGraph, "input">,
  parts: Parts,
  layer: Weighted,
): Reading[] {
  let first = 0;
  return partsRead(graph, parts, layer).map((part) => {
    const taps = tapsOf(graph, layer, part);
    const reading = { ...part, first, taps };
    first += part.channels * taps;
    return reading;
  });
}

/** Visits all weights of a layer with the reading and the channel in it that each belongs to. */
export function visitWeights(
  layer: Weighted,
  readings: readonly Reading[],
  visit: (weight: number, output: number, reading: number, channel: number, tap: number) => void,
): void {
  const outputs = layer.bias.length;
  const fanIn = layer.weights.length / outputs;
  const groupOutputs = layer.kind === "conv2d" ? outputs / layer.groups : outputs;
  for (let output = 0; output < outputs; output++) {
    const start = Math.floor(output / groupOutputs) * fanIn;
    readings.forEach(({ first, channels, taps }, reading) => {
      const low = Math.max(0, (start - first) / taps);
      const high = Math.min(channels, (start + fanIn - first) / taps);
      for (let channel = low; channel < high; channel++) {
        const weight = output * fanIn + first + channel * taps - start;
        for (let tap = 0; tap < taps; tap++) visit(weight + tap, output, reading, channel, tap);
      }
    });
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function tapsOf({ input }: Pick<SourceGraph, "input">, layer: Weighted, { layer: from, positions }: Part): number {
  if (layer.kind === "conv2d") return layer.kernel[0] * layer.kernel[1];
  // The input is read as a vector without a flatten of its own.
  return from < 0 ? input.shape[1] * input.shape[2] : positions;
}
