/** Depthwise convolutions and adds: few synapses a neuron, eight channels at a time. */

import { assert } from "../../core/assert.ts";
import { inputShapeOf, type Layer } from "../../core/network.ts";
import { boundsOf, type IntegerLayer, laneConstants } from "./arithmetic.ts";
import { type Convolution, reachOfPixels } from "./convolution.ts";
import { type LayerPlan, PLAIN, type Planning } from "./layer_plan.ts";
import { BLOCK_FIELDS, type LayerRecord } from "./records.ts";

/** Instructions for a tap and eight channels, about. */
const TAP_WORK = 12;
/** The same for all nine as dot products. */
const DOTS_WORK = 50;

/** Positions in a row that the kernel for the usual depthwise convolution can number. */
const PLAIN_WIDTH_MAX = 32767;

/** A convolution each of whose channels sees one input channel; `whole` is of one group's input. */
export function planDepthwise(
  planning: Planning,
  layer: Extract<Layer, { kind: "conv2d" }>,
  whole: Convolution,
  index: number,
): LayerPlan {
  const { arena, timing, options } = planning;
  const shape = inputShapeOf(planning.network, layer);
  const channels = layer.shape[0];
  const taps = layer.kernel[0] * layer.kernel[1];
  const source = planning.sourceOf(layer.inputs[0]).bytes;
  const fanOut = arena.place(reachOfPixels({ ...whole, input: shape }));
  const weightOf = (tap: number, channel: number) => whole.integers.weights[channel * taps + tap];
  const plain = isPlain(layer, whole);
  // A dot product's factors are a weight of 8 bits and a level of 7.
  const small = whole.bounds.weightMax < 128 && timing.levelMax < 128;
  const dots = plain && options.relaxedSimd && small && layer.stride[1] <= 2;
  if (plain) planning.need({ lists: layer.shape[2] * channels + 64 });
  const record = {
    ...tapsRecord(planning, whole, { channels, taps, weightOf, index }),
    ...slidingRecord(shape, layer),
    source,
    sourceStride: channels,
    dilationY: layer.dilation[0],
    dilationX: layer.dilation[1],
    zeros: plain ? arena.reserve(channels * shape[2]) : 0,
    byChannel: plain ? arena.place(exactConstants(whole.integers)) : 0,
    dots: dots ? arena.place(dotConstants(whole.integers)) : 0,
  };
  const share = { amount: layer.shape[1], work: dots ? dotsWork(layer) : tapsWork(layer, taps) };
  return {
    ...PLAIN,
    steps: [
      planning.step(dots ? "depthwise" : "taps", record, share),
      countStep(planning, { source, fanOut, channels, area: shape[1] * shape[2] }),
    ],
    map: planning.maps[index],
    note: whole.wide
      ? "every neuron walked, 32 bits"
      : `closed form and bound, ${dots ? "dot products" : "16-bit lanes"}`,
  };
}

/** Several maps, each with one weight; null when their pixels are not in one order, or no lane is wide enough. */
export function planAdd(
  planning: Planning,
  layer: Extract<Layer, { kind: "add" }>,
  index: number,
): LayerPlan | null {
  const grid = planning.grids[index];
  assert(grid !== null, "an add has a grid");
  const [channels, height, width] = layer.shape;
  const sources = layer.inputs.map((input) => planning.sourceOf(input));
  // A flattened map keeps its source's order; two of them need not have the same.
  if (sources.some((source) => source.layout.join() !== layer.shape.join())) return null;
  const taps = layer.inputs.length;
  const integers: IntegerLayer = {
    weights: grid.integers,
    neurons: 1,
    fanIn: taps,
    biasLevels: new Int32Array(1),
    shift: grid.exponent,
    rectify: layer.rectify,
  };
  const bounds = boundsOf(planning.timing, integers);
  if (!bounds.fits32) return null;
  const wide = planning.options.weightBits !== 8 || !bounds.fits16;
  const positive = taps === 2 && !wide && grid.integers.every((weight) => weight > 0);
  const weightOf = (tap: number) => grid.integers[tap];
  const record = {
    ...tapsRecord(planning, { integers, bounds, wide }, { channels, taps, weightOf, index }),
    sources: planning.arena.place(Uint32Array.from(sources, (source) => source.bytes)),
    taps,
    positive: positive ? 1 : 0,
    outHeight: height,
    outWidth: width,
    sourceStride: channels,
  };
  const fanOut = planning.arena.place(new Uint32Array(height * width).fill(1));
  return {
    ...PLAIN,
    steps: [
      planning.step("taps", record, {
        amount: height,
        work: positive ? channels * height * width * 2 : tapsWork(layer, taps),
      }),
      ...sources.map(({ bytes }) => countStep(planning, { source: bytes, fanOut, channels, area: height * width })),
    ],
    map: planning.maps[index],
    note: wide ? "every neuron walked, 32 bits" : positive ? "closed form" : "closed form and bound",
  };
}

/** A step that counts the events of a map. @param options.fanOut address of u32 windows a pixel */
export function countStep(
  planning: Planning,
  options: { readonly source: number; readonly fanOut: number; readonly channels: number; readonly area: number },
): LayerPlan["steps"][number] {
  const { source, fanOut, channels, area } = options;
  const share = { amount: area, work: area * (6 + channels / 4) };
  return planning.step("count_events", { source, sourceStride: channels, channels, fanOut }, share);
}

/** Geometry of a window that slides over a map. */
export function slidingRecord(
  input: readonly number[],
  layer: Pick<Layer, "shape"> & {
    readonly kernel: readonly number[];
    readonly stride: readonly number[];
    readonly padding: readonly number[];
  },
): LayerRecord {
  return {
    inHeight: input[1],
    inWidth: input[2],
    outHeight: layer.shape[1],
    outWidth: layer.shape[2],
    kernelY: layer.kernel[0],
    kernelX: layer.kernel[1],
    strideY: layer.stride[0],
    strideX: layer.stride[1],
    padTop: layer.padding[0],
    padLeft: layer.padding[1],
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Whether the kernel for the usual depthwise convolution can run a layer: 3x3, rectified, channels by the eight. */
function isPlain(layer: Extract<Layer, { kind: "conv2d" }>, { wide }: Convolution): boolean {
  const numbers = [...layer.kernel, ...layer.dilation].join();
  return numbers === "3,3,1,1" && layer.rectify && !wide && layer.shape[0] % 8 === 0 &&
    layer.shape[2] <= PLAIN_WIDTH_MAX;
}

/** Of each channel: nine weights and that of the bias, i16, then as i32 the positive bias << 16 and what rounding down adds. */
function exactConstants({ weights, neurons, shift, biasLevels }: IntegerLayer): Int32Array {
  const constants = new Int32Array(neurons * 8);
  const shorts = new Int16Array(constants.buffer);
  for (let channel = 0; channel < neurons; channel++) {
    for (let tap = 0; tap < 9; tap++) shorts[channel * 16 + tap] = weights[channel * 9 + tap];
    shorts[channel * 16 + 9] = 2 ** shift;
    constants[channel * 8 + 5] = Math.max(0, biasLevels[channel]) << 16;
    constants[channel * 8 + 6] = Math.min(0, biasLevels[channel]) * 2 ** shift + 2 ** (shift - 1);
  }
  return constants;
}

/** Pairs of taps whose levels are multiplied at once, of a kernel in reading order; −1: none, weight 0. */
const PAIRS = [[0, 3], [1, 4], [2, 5], [6, 7], [8, -1], [-1, 6], [7, 8]] as const;

/**
 * For eight channels after eight channels: the biases as if they had come before everything (two vectors, without and with negative
 * ones), the pairs' weights, and those of them that are positive.
 */
function dotConstants({ weights, neurons, shift, biasLevels }: IntegerLayer): Int16Array {
  const constants = new Int16Array(neurons * 16);
  const bytes = new Int8Array(constants.buffer);
  for (let channel = 0; channel < neurons; channel++) {
    const lane = channel % 8;
    const first = (channel - lane) * 16;
    const bias = Math.min(32767, biasLevels[channel] * 2 ** shift);
    constants[first + lane] = Math.max(-32768, bias);
    constants[first + 8 + lane] = Math.max(0, bias);
    for (const [at, pair] of PAIRS.entries()) {
      for (const [place, tap] of pair.entries()) {
        const weight = tap < 0 ? 0 : weights[channel * 9 + tap];
        const to = first * 2 + 32 + at * 16 + lane * 2 + place;
        bytes[to] = weight;
        bytes[to + PAIRS.length * 16] = Math.max(0, weight);
      }
    }
  }
  return constants;
}

function tapsWork({ shape }: Layer, taps: number): number {
  return shape[1] * shape[2] * (20 + Math.ceil(shape[0] / 8) * (20 + TAP_WORK * taps));
}

function dotsWork({ shape }: Layer): number {
  return shape[1] * shape[2] * (8 + shape[0] / 8 * DOTS_WORK);
}

function tapsRecord(
  planning: Planning,
  layer: Pick<Convolution, "integers" | "bounds" | "wide">,
  options: {
    readonly channels: number;
    readonly taps: number;
    readonly weightOf: (tap: number, channel: number) => number;
    readonly index: number;
  },
): LayerRecord {
  const { channels, taps, weightOf, index } = options;
  const { integers, bounds, wide } = layer;
  const { arena, timing } = planning;
  const map = planning.maps[index];
  const lanes = Math.ceil(channels / 8) * 8;
  const weights = new Int16Array(taps * lanes);
  for (let tap = 0; tap < taps; tap++) {
    for (let channel = 0; channel < channels; channel++) weights[tap * lanes + channel] = weightOf(tap, channel);
  }
  const biases = Array.from({ length: channels }, (_, channel) => integers.biasLevels[channel] ?? 0);
  const constants = laneConstants(biases, lanes, { shift: integers.shift, room: 0 });
  const block = {
    start: arena.place(constants.start),
    finish: arena.place(constants.finish),
    biasLevels: arena.place(constants.biasLevels),
  };
  planning.need({ tile: lanes * 2 + 128, lists: taps * 8 + 64, unsorted: taps * 4 + 64 });
  return {
    target: map.shorts || map.bytes,
    targetStride: channels,
    channels,
    blocks: arena.placeRecords(BLOCK_FIELDS, [block]),
    blockCount: 1,
    shift: integers.shift,
    threshold: bounds.threshold,
    unit: timing.unit,
    levelMax: timing.levelMax,
    signed: map.shorts ? 1 : 0,
    wide: wide ? 1 : 0,
    weights: arena.place(weights),
    weightsUp: arena.place(weights.map((weight) => Math.max(0, weight))),
    weightsDown: arena.place(weights.map((weight) => Math.min(0, weight))),
    lanesPerTap: lanes,
  };
}
