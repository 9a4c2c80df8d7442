/** A layer's weights and biases, coded: divided by scales, shifts taken back by masks, what rounding leaves of a bias brought. */

import type { Layer } from "../core/network.ts";
import { roundHalfEven } from "../ttfs/timing.ts";
import { isPadded, readsExtras, type SourceGraph, type SourceLayer } from "./graph.ts";
import { type Reading, readingsOf, visitWeights } from "./parts.ts";
import { biasCorrection, type Scales } from "./scales.ts";
import { INPUT_MASK, type ShiftPlan } from "./shifts.ts";

/** A network that is being built. */
export interface Builder {
  readonly graph: SourceGraph;
  readonly plan: ShiftPlan;
  readonly scales: Scales;
  readonly unit: number;
  readonly layers: Layer[];
  readonly places: number[];
  /** What each source layer's bias channel codes; 0 for none. */
  readonly constants: number[];
  /** Index of the layer that adds a mask to the input, −1 without one. */
  inputMask: number;
}

/** A source layer with weights. */
export type Weighted = Extract<SourceLayer, { bias: Float64Array }>;

/** What is stored for a layer, and which built layer it reads. */
export interface CodedWeights {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  /** Index among the built layers; −1 for the network's input. */
  readonly input: number;
}

/**
 * Codes a layer's weights: `[out][channel][tap]`, after the channels of each part of its input those that the part has beyond
 * the source network's; more outputs for such channels of its own, which have no weights.
 */
export function codeWeights(builder: Builder, layer: Weighted, index: number): CodedWeights {
  const { graph, plan, scales, unit } = builder;
  const [scale, shift] = [scales.scale[index], scales.shift[index]];
  const out = layer.bias.length;
  const outputs = out + plan.masks[index] + (plan.biasChannels[index] ? 1 : 0);
  const readings = readingsOf(graph, plan.parts, layer);
  const sources = codeSources(builder, layer, readings);
  const mixes = readsExtras(layer);
  const fanIn = mixes ? sources.reduce((sum, source) => sum + source.size, 0) : layer.weights.length / out;
  const weights = new Float32Array(outputs * fanIn);
  const shifts = sources.map((source) => new Float64Array(out * source.taps));
  visitWeights(layer, readings, (weight, output, part, channel, tap) => {
    const { first, taps, scaleOf, shiftOf } = sources[part];
    const at = mixes ? output * fanIn + first + channel * taps + tap : weight;
    weights[at] = layer.weights[weight] * scaleOf(channel) / scale;
    shifts[part][output * taps + tap] += layer.weights[weight] * shiftOf(channel);
  });
  if (mixes) {
    sources.forEach((source, part) => {
      const { masks, mask, taps } = source;
      // A mask of 0 belongs to a layer that only has it because another one in its sums needs one.
      if (masks === 0 || mask === 0) return;
      shifts[part].forEach((sum, place) => {
        const [output, tap] = [Math.floor(place / taps), place % taps];
        for (let i = 0; i < masks; i++) {
          weights[output * fanIn + source.extras + i * taps + tap] = -sum / (mask * scale * masks);
        }
      });
    });
  }
  const correction = biasCorrection(graph, plan, scales.shift, layer);
  const rest = mixes ? restOfBias(layer, sources) : null;
  const bias = new Float32Array(outputs);
  for (let o = 0; o < out; o++) {
    bias[o] = (layer.bias[o] - correction[o] + shift) / scale;
    if (rest === null) continue;
    const whole = Math.fround(roundHalfEven(bias[o] * unit) / unit);
    weights[o * fanIn + rest.place] += (bias[o] - whole) / rest.codes;
    bias[o] = whole;
  }
  bias.fill(shift / scale, out, out + plan.masks[index]);
  if (plan.biasChannels[index]) bias[outputs - 1] = smallConstant(unit);
  return { weights, bias, input: inputOf(builder, layer) };
}

/** What the input's masks code: a whole level, as a spike cannot code any other. */
export function inputMask(unit: number): number {
  return Math.round(unit * INPUT_MASK) / unit;
}

/** What a bias channel codes where it starts: small, so that the weights on it are not lost in those of the layer. */
export function smallConstant(unit: number): number {
  return Math.max(1, Math.round(unit / 8)) / unit;
}

// ---------------------------------------------------------------------------------------------------------------------

/** How a part of a layer's input is coded. Places are among the coded weights of one neuron. */
interface CodedSource {
  readonly taps: number;
  /** Place of its first channel, and of its first mask. */
  readonly first: number;
  readonly extras: number;
  /** Coded weights for all of it. */
  readonly size: number;
  /** How many masks it has, and what they code. */
  readonly masks: number;
  readonly mask: number;
  /** What its bias channel codes; 0 without one. */
  readonly constant: number;
  readonly scaleOf: (channel: number) => number;
  readonly shiftOf: (channel: number) => number;
}

function codeSources(builder: Builder, layer: Weighted, readings: readonly Reading[]): CodedSource[] {
  const { graph, plan, scales, constants, unit } = builder;
  let first = 0;
  return readings.map(({ layer: from, channels, taps }) => {
    const masked = from < 0 && readsMaskedInput(builder, layer);
    const masks = from >= 0 ? plan.masks[from] : masked ? plan.inputMasks : 0;
    const biasChannels = from >= 0 && plan.biasChannels[from] ? 1 : 0;
    const source: CodedSource = {
      taps,
      first,
      extras: first + channels * taps,
      size: (channels + masks + biasChannels) * taps,
      masks,
      mask: from >= 0 ? scales.shift[from] / scales.scale[from] : inputMask(unit),
      constant: biasChannels > 0 ? constants[from] : 0,
      scaleOf: from >= 0 ? () => scales.scale[from] : (channel) => graph.input.scale[channel],
      shiftOf: from >= 0 ? () => scales.shift[from] : (channel) => -graph.input.offset[channel],
    };
    first += source.size;
    return source;
  });
}

function readsMaskedInput({ inputMask }: Builder, layer: Weighted): boolean {
  return inputMask >= 0 && layer.inputs[0] < 0 && isPadded(layer);
}

function inputOf(builder: Builder, layer: Weighted): number {
  const [input] = layer.inputs;
  if (input >= 0) return builder.places[input];
  return readsMaskedInput(builder, layer) ? builder.inputMask : -1;
}

/** The channel that brings what rounding leaves of a bias: its weight's place, and what it codes. Null when there is none. */
function restOfBias(layer: Weighted, sources: readonly CodedSource[]): { place: number; codes: number } | null {
  const constant = sources.find((source) => source.constant > 0);
  if (constant !== undefined) {
    const { extras, masks, taps } = constant;
    return { place: extras + masks * taps + innerTap(layer), codes: constant.constant };
  }
  const masked = sources.find(({ masks, mask }) => masks > 0 && mask > 0);
  return masked === undefined ? null : { place: masked.extras + innerTap(layer), codes: masked.mask };
}

/** A tap of a window that lies on the map at the border too. */
function innerTap(layer: Weighted): number {
  if (layer.kind === "dense") return 0;
  const [y, x] = [0, 1].map((axis) =>
    Math.min(layer.kernel[axis] - 1, Math.ceil(layer.padding[axis] / layer.dilation[axis]))
  );
  return y * layer.kernel[1] + x;
}
