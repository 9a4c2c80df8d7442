/** Lane blocks of the two gathering kernels: weights in lane order, what starts and ends a potential, biases as events. */

import type { Timing } from "../../ttfs/timing.ts";
import { laneConstants } from "./arithmetic.ts";
import type { Convolution } from "./convolution.ts";
import { type Arena, BLOCK_FIELDS, type BlockRecord, type LayerRecord, type WorkSizes } from "./records.ts";

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
  /** Rows of synapses; those of biases follow. */
  readonly rows: number;
  /** 2: walked event by event, 1: in runs. */
  readonly weightBytes: 1 | 2;
  /** Integer of a row and lane. */
  weightOf(row: number, lane: number): number;
}

/** Fields that both kernels share. */
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
    guarded: bounds.guarded ? 1 : 0,
  };
}

/** Places the blocks of `lanes` lanes, and the biases that are events. */
export function placeBlocks(arena: Arena, timing: Timing, layer: Convolution, options: TableOptions): LayerRecord {
  const { lanes, rows, weightBytes, weightOf } = options;
  const { integers, bounds, wide } = layer;
  const biasLaneLevel = (lane: number) => lane < lanes ? integers.biasLevels[lane % layer.output[0]] : 0;
  const room = wide ? 0 : 32767 - bounds.threshold;
  const byEvents = weightBytes === 2 && !wide;
  const biasRows = byEvents ? distinctPositive(integers.biasLevels) : [];
  const sizes = (byEvents ? evenBlocks(lanes) : greedyBlocks(lanes)).map((vectors) => vectors * 8);
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const table = (first: number, size: number) => {
    const values = new (weightBytes === 1 ? Int8Array : Int16Array)((rows + biasRows.length) * size);
    const end = Math.min(lanes - first, size);
    for (let row = 0; row < rows; row++) {
      for (let lane = 0; lane < end; lane++) values[row * size + lane] = weightOf(row, first + lane);
    }
    biasRows.forEach((level, index) => {
      for (let lane = 0; lane < end; lane++) {
        if (biasLaneLevel(first + lane) === level) values[(rows + index) * size + lane] = 2 ** integers.shift;
      }
    });
    return arena.place(values);
  };
  // Side by side, all blocks walked by events can read one list, whose rows are byte offsets.
  const shared = byEvents ? table(0, width) : 0;
  let first = 0;
  const blocks = sizes.map((size): BlockRecord => {
    const levels = Array.from({ length: size }, (_, lane) => biasLaneLevel(first + lane));
    const outside = biasRows.length > 0 ? levels.map((level) => Math.min(0, level)) : levels;
    const constants = laneConstants(outside, size, { shift: integers.shift, room });
    const block = {
      vectors: size / 8,
      weightBytes,
      rowBytes: byEvents ? 1 : size * weightBytes,
      table: byEvents ? shared + first * 2 : table(first, size),
      start: arena.place(constants.start),
      finish: arena.place(constants.finish),
      start32: arena.place(constants.start32),
      finish32: arena.place(constants.finish32),
      biasLevels: arena.place(constants.biasLevels),
      firstLane: first,
      lanes: Math.min(size, lanes - first),
    };
    first += size;
    return block;
  });
  const rowScale = byEvents ? width * 2 : 1;
  const events = biasRows.map((level, index) => ((level << 24) | ((rows + index) * rowScale)) >>> 0);
  const starts = Uint16Array.from({ length: timing.levelMax + 1 }, (_, level) => countAbove(biasRows, level));
  return {
    blocks: arena.placeRecords(BLOCK_FIELDS, blocks),
    blockCount: blocks.length,
    rowScale,
    biasCount: biasRows.length,
    biasEvents: arena.place(Uint32Array.from(events)),
    biasStarts: arena.place(new Uint8Array(starts.buffer)),
  };
}

/** Most steps that a current, bias included, may be multiplied by in 16 bits. */
export function stepMaxOf(layer: Convolution): number {
  return Math.max(1, Math.floor(32767 / (layer.bounds.currentMax + 2 ** layer.integers.shift)));
}

/** Fewest blocks of at most four vectors, of nearly the same size: three fit the registers best. */
export function evenBlocks(lanes: number): number[] {
  const vectors = Math.ceil(lanes / 8);
  const count = Math.ceil(vectors / 4);
  return Array.from({ length: count }, (_, i) => Math.floor((vectors + i) / count)).reverse();
}

// ---------------------------------------------------------------------------------------------------------------------

/** Large blocks first. */
function greedyBlocks(lanes: number): number[] {
  const widths = [8, 4, 2];
  let left = Math.ceil(lanes / 8);
  const blocks: number[] = [];
  for (const width of widths) {
    for (; left >= width || (left > 0 && width === 2); left -= width) blocks.push(width);
  }
  return blocks;
}

/** Highest first. */
function distinctPositive(levels: Int32Array): number[] {
  return [...new Set(levels)].filter((level) => level > 0).sort((a, b) => b - a);
}

function countAbove(levels: readonly number[], level: number): number {
  return levels.filter((other) => other > level).length;
}
