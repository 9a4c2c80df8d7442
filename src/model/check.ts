/** Holds a network against the rules of its format: graph, shapes, ranges, sizes. Pushes issues; never throws. */

import type { Issue } from "../core/errors.ts";
import { inputShapeOf, type Layer, type Network } from "../core/network.ts";
import { formatShape, sameShape, type Shape, sizeOf } from "../core/shape.ts";
import { outputShape, synapseCount } from "../core/geometry.ts";

/** Most neurons in a whole network. */
export const NEURONS_MAX = 2 ** 26;
/** Most synapses in a whole network; a pool's window can claim many without storing a weight. */
export const SYNAPSES_MAX = 2 ** 36;
/** A bias spike can code values from −2 to 2. */
export const BIAS_MAX = 2;

/** Checks everything about a network that its types cannot say. */
export function checkNetwork(network: Network, issues: Issue[]): void {
  checkInput(network, issues);
  let neurons = sizeOf(network.input.shape);
  let synapses = 0;
  const used = new Set<number>();
  network.layers.forEach((layer, index) => {
    const where = `layers.${index} (${JSON.stringify(layer.name)})`;
    const before = issues.length;
    for (const input of layer.inputs) used.add(input);
    checkLayer(network, layer, where, issues);
    neurons += sizeOf(layer.shape);
    // Counting synapses of a layer with a wrong shape would count nonsense.
    if (issues.length === before) synapses += synapseCount(layer, inputShapeOf(network, layer));
    if (index < network.layers.length - 1 && !isUsed(network, index)) {
      issues.push({
        where,
        expected: "a later layer that uses it",
        found: "none",
        hint: "Only the last layer is the output",
      });
    }
  });
  if (!used.has(-1)) issues.push({ where: "layers", expected: `a layer that reads "input"`, found: "none" });
  if (neurons > NEURONS_MAX) {
    issues.push({ where: "layers", expected: `at most ${NEURONS_MAX} neurons`, found: `${neurons}` });
  }
  if (synapses > SYNAPSES_MAX) {
    issues.push({ where: "layers", expected: `at most ${SYNAPSES_MAX} synapses`, found: `${synapses}` });
  }
  const outputs = sizeOf(network.layers[network.layers.length - 1].shape);
  if (network.labels.length !== outputs) {
    issues.push({ where: "labels", expected: `${outputs} labels, one an output`, found: `${network.labels.length}` });
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function isUsed(network: Network, index: number): boolean {
  return network.layers.some((layer) => layer.inputs.includes(index));
}

function checkInput(network: Network, issues: Issue[]): void {
  const { shape, color, mean, std } = network.input;
  const channels = color === "grey" ? 1 : 3;
  if (shape[0] !== channels) {
    issues.push({ where: "input.shape", expected: `${channels} channel(s) for ${color}`, found: `${shape[0]}` });
  }
  const { sourcePixels } = network.provenance;
  const lists = [["input.mean", mean], ["input.std", std]] as [string, readonly number[]][];
  if (sourcePixels !== null) {
    lists.push(["provenance.source_pixels.mean", sourcePixels.mean], [
      "provenance.source_pixels.std",
      sourcePixels.std,
    ]);
  }
  for (const [where, list] of lists) {
    if (list.length !== shape[0]) {
      issues.push({ where, expected: `${shape[0]} number(s), one a channel`, found: `${list.length}` });
    }
  }
}

function checkLayer(network: Network, layer: Layer, where: string, issues: Issue[]): void {
  const push = (what: string, expected: string, found: string, hint?: string) => {
    issues.push({ where: `${where} ${what}`, expected, found, hint });
  };
  if (layer.kind === "add") {
    if (layer.inputs.length !== layer.weights.length) {
      push("weights", `${layer.inputs.length} numbers, one an input`, `${layer.weights.length}`);
    }
  } else if (layer.kind !== "concat" && layer.inputs.length !== 1) {
    push("inputs", `one for ${layer.kind}`, `${layer.inputs.length}`);
  }
  const input = inputShapeOf(network, layer);
  if ("kernel" in layer && layer.kind !== "conv2d") {
    for (let side = 0; side < 4; side++) {
      const limit = layer.kernel[side % 2];
      if (layer.padding[side] >= limit) push("padding", `less than the kernel (${limit})`, `${layer.padding[side]}`);
    }
  }
  const wanted = outputShape(layer, input, layer.shape[0]);
  if (!sameShape(wanted, layer.shape)) push("shape", formatShape(wanted), formatShape(layer.shape));
  for (let position = 1; position < layer.inputs.length; position++) {
    const other = inputShapeOf(network, layer, position);
    // What is joined may have any number of channels.
    const fits = layer.kind === "concat" ? [other[0], input[1], input[2]] as const : input;
    if (!sameShape(other, fits)) push(`inputs.${position}`, formatShape(fits), formatShape(other));
  }
  if (layer.kind === "concat") {
    const channels = layer.inputs.reduce((sum, _, position) => sum + inputShapeOf(network, layer, position)[0], 0);
    if (channels !== layer.shape[0]) push("shape", `${channels} channels, as many as its inputs`, `${layer.shape[0]}`);
  }
  if (layer.kind === "conv2d" || layer.kind === "dense") checkWeights(layer, input, push);
}

function checkWeights(
  layer: Extract<Layer, { kind: "conv2d" | "dense" }>,
  input: Shape,
  push: (what: string, expected: string, found: string, hint?: string) => void,
): void {
  let fanIn = sizeOf(input);
  if (layer.kind === "conv2d") {
    const { groups, kernel } = layer;
    if (input[0] % groups !== 0 || layer.shape[0] % groups !== 0) {
      push("groups", `a divisor of ${input[0]} and ${layer.shape[0]} channels`, `${groups}`);
    }
    fanIn = input[0] / groups * kernel[0] * kernel[1];
  }
  if (layer.weights.length !== layer.shape[0] * fanIn) {
    push("weights", `${layer.shape[0]} x ${fanIn} numbers`, `${layer.weights.length}`);
  }
  const worst = layer.bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (worst > BIAS_MAX) {
    push("bias", `values in [-${BIAS_MAX}, ${BIAS_MAX}]`, `${worst}`, "Normalise this layer by a larger scale");
  }
}
