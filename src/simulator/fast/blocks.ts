/** Lane blocks of the gathering kernels: weights in lane order, what starts and ends a potential. */

import type { WeightBits } from "../../model/quantise.ts";
import type { Timing } from "../../ttfs/timing.ts";
import { LANE_MAX, laneConstants } from "./arithmetic.ts";
import type { Convolution } from "./convolution.ts";
import { type Arena, BLOCK_FIELDS, type BlockRecord, type LayerRecord, type WorkSizes } from "./records.ts";

/** Share of sources that is taken to have events where costs are compared. */
export const TYPICAL_DENSITY = 0.3;
/** Rows of a table are numbered in 24 bits. */
export const ROWS_MAX = 2 ** 24;

/** What a kernel needs beside the addresses of its maps. */
export interface GatherPlan {
  readonly record: LayerRecord;
  readonly sizes: Partial<WorkSizes>;
  /** For `describe`. */
  readonly note: string;
}

/** What a table holds. */
export interface TableOptions {
  readonly lanes: number;
  readonly rows: number;
  readonly weightBits: WeightBits;
  /** Integer of a row and lane. */
  weightOf(row: number, lane: number): number;
}

/** Lanes that share words: see `wasm/pairs.ts`. */
const GROUP = 16;
/** Groups of a block: what the registers hold. */
const GROUPS_MAX = 6;
/** Lanes of a walk event by event: currents and potentials are all in registers. */
export const SHORT_LANES = 48;
/** Largest bias, in levels, that walks take to come before everything. */
const SMALL_BIAS = 8;
/** Events after which `wasm/walk_groups.ts` looks at currents that may leave 16 bits. */
const CHUNK = 128;

/** Fields that all of these kernels share, and scatter. */
export function commonRecord(timing: Timing, layer: Convolution, groups: number): LayerRecord {
  const { integers, bounds, input, output, kernel, stride, padding, dilation } = layer;
  return {
    inHeight: input[1],
    inWidth: input[2],
    inChannels: input[0],
    sourceStride: input[0] * groups,
    outHeight: output[1],
    outWidth: output[2],
    channels: output[0],
    targetStride: output[0] * groups,
    kernelY: kernel[0],
    kernelX: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    padTop: padding[0],
    padLeft: padding[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
    shift: integers.shift,
    threshold: bounds.threshold,
    unit: timing.unit,
    levelMax: timing.levelMax,
    signed: integers.rectify ? 0 : 1,
    wide: layer.wide ? 1 : 0,
    watched: bounds.guarded || hasLargeBias(layer) ? 1 : 0,
    limit: bounds.limit,
    stepMax: Math.max(1, Math.floor(LANE_MAX / bounds.currentMax)),
    // Where no current can leave 16 bits, no sum of them is too large.
    currentMax: bounds.currentMax <= LANE_MAX ? 2 * LANE_MAX + 1 : Math.max(0, LANE_MAX - CHUNK * bounds.weightMax),
  };
}

/** Whether a bias is too large for the bound that takes it to come first: most neurons would have to be walked again. */
function hasLargeBias({ integers: { biasLevels, shift } }: Convolution): boolean {
  const largest = biasLevels.reduce((most, level) => Math.max(most, level), 0);
  return largest > SMALL_BIAS && largest * 2 ** shift <= LANE_MAX;
}

/** What `wasm/walk_short.ts` needs; null where it cannot be used, as with weights of 16 bits, which are wide. */
export function shortLimit(timing: Timing, layer: Convolution): number | null {
  const { bounds, wide, integers } = layer;
  const biasMax = integers.biasLevels.reduce((most, level) => Math.max(most, level), 0);
  // Of a bias alone no neuron may spike.
  if (wide || !integers.rectify || biasMax > SMALL_BIAS || biasMax >= timing.unit) return null;
  // Levels above are notes of their own: `UNSURE` in `wasm/records.ts`.
  if (timing.levelMax >= 254) return null;
  const one = 2 ** integers.shift;
  const travel = bounds.currentMax * timing.levelMax;
  const limit = LANE_MAX - biasMax * one - travel;
  const lowest = limit - bounds.threshold - travel;
  return travel <= LANE_MAX && lowest >= -LANE_MAX && -LANE_MAX - 1 + travel < limit ? limit : null;
}

/** Places the blocks of `lanes` lanes; where lists are `short`, for walks event by event if the layer allows them. */
export function placeBlocks(
  arena: Arena,
  timing: Timing,
  layer: Convolution,
  options: TableOptions & { readonly short: boolean },
): LayerRecord {
  const limit = options.short ? shortLimit(timing, layer) : null;
  return limit !== null
    ? placeShortBlocks(arena, layer, limit, options)
    : placeGroupBlocks(arena, timing, layer, options);
}

/** Table of single positions: a row for each tap and channel. */
export function positionTable({ input, output, kernel, integers }: Convolution, weightBits: WeightBits): TableOptions {
  const inputs = input[0];
  const taps = kernel[0] * kernel[1];
  return {
    lanes: output[0],
    rows: taps * inputs,
    weightBits,
    weightOf: (row, lane) => integers.weights[(lane * inputs + row % inputs) * taps + Math.floor(row / inputs)],
  };
}

/** Fewest blocks, of nearly the same number of groups. */
export function evenBlocks(lanes: number, groupsMax = GROUPS_MAX): number[] {
  const groups = Math.ceil(lanes / GROUP);
  const count = Math.ceil(groups / groupsMax);
  return Array.from({ length: count }, (_, i) => Math.floor((groups + i) / count)).reverse();
}

// ---------------------------------------------------------------------------------------------------------------------

/** Blocks of `wasm/walk_short.ts`. */
function placeShortBlocks(arena: Arena, layer: Convolution, limit: number, options: TableOptions): LayerRecord {
  const { integers, bounds } = layer;
  let first = 0;
  const blocks = evenBlocks(options.lanes, SHORT_LANES / GROUP).map((groups): Partial<BlockRecord> => {
    const size = groups * GROUP;
    const lanes = Math.min(size, options.lanes - first);
    const biases = Array.from({ length: lanes }, (_, lane) => integers.biasLevels[(first + lane) % layer.output[0]]);
    const constants = laneConstants(biases, size, { shift: integers.shift, room: limit - bounds.threshold });
    const block = {
      groups,
      weightBytes: 2,
      rowBytes: size * 2,
      table: arena.place(plainTable(options, first, size)),
      start: arena.place(stateOf(constants.start)),
      finish: arena.place(constants.finish),
      biasLevels: arena.place(constants.biasLevels),
      firstLane: first,
      lanes,
    };
    first += size;
    return block;
  });
  return { blocks: arena.placeRecords(BLOCK_FIELDS, blocks), blockCount: blocks.length, limit, short: 1 };
}

/** Currents and potentials as `wasm/walk_short.ts` keeps them. */
function stateOf(potentials: Int16Array): Int16Array {
  const state = new Int16Array(SHORT_LANES + potentials.length);
  state.set(potentials, SHORT_LANES);
  return state;
}

/** Potentials, and behind them the sums that a walk starts from. */
function withSums(potentials: Int16Array): Int16Array {
  const state = new Int16Array(potentials.length + 2 * GROUPS_MAX * 8);
  state.set(potentials);
  return state;
}

/** Blocks of `wasm/walk_groups.ts`, and of the walk in 32 bits. */
function placeGroupBlocks(arena: Arena, timing: Timing, layer: Convolution, options: TableOptions): LayerRecord {
  const { lanes, weightBits } = options;
  const { integers, bounds, wide } = layer;
  const room = wide ? 0 : bounds.limit - bounds.threshold;
  let first = 0;
  const blocks = evenBlocks(lanes).map((groups): BlockRecord => {
    const size = groups * GROUP;
    const count = Math.min(size, lanes - first);
    const biases = Array.from({ length: count }, (_, lane) => integers.biasLevels[(first + lane) % layer.output[0]]);
    const constants = laneConstants(biases, size, { shift: integers.shift, room });
    const apart = !wide && hasLargeBias(layer);
    const block = {
      groups,
      weightBytes: weightBits / 8,
      rowBytes: size * weightBits / 8,
      table: arena.place(weightBits === 8 ? pairTable(options, first, size) : plainTable(options, first, size)),
      start: arena.place(withSums(apart ? new Int16Array(size).fill(room) : constants.start)),
      rises: apart ? arena.place(risesOf(timing, biases, size, 2 ** integers.shift)) : 0,
      finish: arena.place(constants.finish),
      start32: arena.place(constants.start32),
      finish32: arena.place(constants.finish32),
      biasLevels: arena.place(constants.biasLevels),
      firstLane: first,
      lanes: count,
    };
    first += size;
    return block;
  });
  return { blocks: arena.placeRecords(BLOCK_FIELDS, blocks), blockCount: blocks.length };
}

/** What positive biases have brought once a level is the next to come, `[level][lane]`. */
function risesOf(timing: Timing, biases: readonly number[], size: number, one: number): Int16Array {
  const rises = new Int16Array((timing.levelMax + 1) * size);
  for (let level = 0; level <= timing.levelMax; level++) {
    biases.forEach((bias, lane) => rises[level * size + lane] = Math.max(0, bias - level) * one);
  }
  return rises;
}

/** `[row][lane]`. */
function plainTable({ lanes, rows, weightOf }: TableOptions, first: number, size: number): Int16Array {
  const values = new Int16Array(rows * size);
  const end = Math.min(lanes - first, size);
  for (let row = 0; row < rows; row++) {
    for (let lane = 0; lane < end; lane++) values[row * size + lane] = weightOf(row, first + lane);
  }
  return values;
}

/** Of 16 lanes, lanes j and j + 8 in word j: the first plus 128 below, the second above. */
function pairTable({ lanes, rows, weightOf }: TableOptions, first: number, size: number): Uint8Array {
  const bytes = new Uint8Array(rows * size);
  const end = lanes - first;
  for (let row = 0; row < rows; row++) {
    for (let lane = 0; lane < size; lane++) {
      const weight = lane < end ? weightOf(row, first + lane) : 0;
      const half = (lane >> 3) & 1;
      bytes[row * size + (lane & ~15) + (lane & 7) * 2 + half] = half === 0 ? weight + 128 : weight;
    }
  }
  return bytes;
}
