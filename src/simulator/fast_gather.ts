/**
 * Tables of the two gathering kernels: which positions share a tile, where a source's events go, weights in lane order.
 *
 * A dense layer is a convolution over one pixel. Groups are layers of their own.
 */

import type { Timing } from "../ttfs/timing.ts";
import type { Bounds, IntegerLayer } from "./fast_arithmetic.ts";
import { laneConstants } from "./fast_arithmetic.ts";
import { type Arena, BLOCK_FIELDS, type BlockRecord, type LayerRecord, type WorkSizes } from "./fast_records.ts";

/** A convolution, one group of it. Weights of `integers` are `[out, in, kernel y, kernel x]`. */
export interface Convolution {
  readonly integers: IntegerLayer;
  readonly bounds: Bounds;
  readonly input: readonly [channels: number, height: number, width: number];
  readonly output: readonly [channels: number, height: number, width: number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilation: readonly [number, number];
  /** Lanes of 32 bits from the start. */
  readonly wide: boolean;
}

/** Positions that a tile spans, `[rows, columns]`. */
export type Tile = readonly [number, number];

/** What a kernel needs beside the addresses of its maps. */
export interface GatherPlan {
  readonly record: LayerRecord;
  readonly sizes: Partial<WorkSizes>;
  /** For `describe`. */
  readonly note: string;
}

/** Lists of a chunk of positions take at most about this much, so that they stay in cache beside the weights. */
const CHUNK_BYTES = 256 * 1024;
/** Lists of a band of tile rows: appending goes all over them, so they should fit the first-level cache. */
const BAND_BYTES = 128 * 1024;
/** Rows of a table are numbered in 24 bits. */
export const ROWS_MAX = 2 ** 24;
/** Tiles of a pixel along one axis are counted in 4 bits. */
const PLACES_MAX = 15;
/** Lists of at most this many sources are short: a step for each event costs less than a branch for each level. */
const SHORT_ROWS_MAX = 320;
/** Share of sources that is taken to have events where costs are compared. */
const TYPICAL_DENSITY = 0.3;

/** Fields that both kernels share. */
function commonRecord(timing: Timing, layer: Convolution, groups: number): LayerRecord {
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

/** Fewest blocks of at most four vectors, of nearly the same size: three fit the registers best. */
function evenBlocks(lanes: number): number[] {
  const vectors = Math.ceil(lanes / 8);
  const count = Math.ceil(vectors / 4);
  return Array.from({ length: count }, (_, i) => Math.floor((vectors + i) / count)).reverse();
}

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

/** What a table holds. */
interface TableOptions {
  readonly lanes: number;
  /** Rows of synapses; those of biases follow. */
  readonly rows: number;
  /** 2: walked event by event, 1: in runs. */
  readonly weightBytes: 1 | 2;
  /** Integer of a row and lane. */
  weightOf(row: number, lane: number): number;
}

/** Places the blocks of `lanes` lanes, and the biases that are events. */
function placeBlocks(arena: Arena, timing: Timing, layer: Convolution, options: TableOptions): LayerRecord {
  const { lanes, rows, weightBytes, weightOf } = options;
  const { integers, bounds, wide } = layer;
  const biasLaneLevel = (lane: number) => lane < lanes ? integers.biasLevels[lane % layer.output[0]] : 0;
  const room = wide ? 0 : 32767 - bounds.threshold;
  const byEvents = weightBytes === 2 && !wide;
  const biasRows = byEvents ? distinctPositive(integers.biasLevels) : [];
  const sizes = (byEvents ? evenBlocks(lanes) : greedyBlocks(lanes)).map((vectors) => vectors * 8);
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const integerOf = (row: number, lane: number): number => {
    if (lane >= lanes) return 0;
    if (row < rows) return weightOf(row, lane);
    return biasLaneLevel(lane) === biasRows[row - rows] ? 2 ** integers.shift : 0;
  };
  const table = (first: number, size: number) => {
    const values = new (weightBytes === 1 ? Int8Array : Int16Array)((rows + biasRows.length) * size);
    for (let i = 0; i < values.length; i++) values[i] = integerOf(Math.floor(i / size), first + i % size);
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

/** Highest first. */
function distinctPositive(levels: Int32Array): number[] {
  return [...new Set(levels)].filter((level) => level > 0).sort((a, b) => b - a);
}

function countAbove(levels: readonly number[], level: number): number {
  return levels.filter((other) => other > level).length;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Source rows (or columns) that `count` neighbouring positions see. */
function windowOf(layer: Convolution, axis: 0 | 1, count: number): number {
  return (count - 1) * layer.stride[axis] + (layer.kernel[axis] - 1) * layer.dilation[axis] + 1;
}

/** Rough cost of a layer in tiles, in instructions; measured weights, used to compare tiles only. */
function tileCost(layer: Convolution, tile: Tile): number {
  const [channels, height, width] = layer.output;
  const tiles = height * width / (tile[0] * tile[1]);
  const blocks = evenBlocks(tile[0] * tile[1] * channels);
  const vectors = blocks.reduce((sum, count) => sum + count, 0);
  const events = windowOf(layer, 0, tile[0]) * windowOf(layer, 1, tile[1]) * layer.input[0] * TYPICAL_DENSITY;
  return tiles * (60 + 12 * vectors + events * (10 + 5 * vectors + 7 * blocks.length));
}

/**
 * Best tile for a layer with few channels, or null when one position at a time suits it better.
 *
 * @param pool a 2x2 pool follows and could be done on the way
 */
export function chooseTile(layer: Convolution, pool: boolean): Tile | null {
  const [channels, height, width] = layer.output;
  if (height * width === 1 || (channels > 32 && layer.input[0] > 4)) return null;
  if (layer.bounds.currentMax + 2 ** layer.integers.shift > 32767 && !layer.wide) return null;
  const candidates: Tile[] = [[1, 1], [1, 2], [2, 1], [2, 2], [1, 3], [1, 4], [2, 3], [2, 4]];
  const fitting = candidates.filter((tile) => {
    if (height % tile[0] !== 0 || width % tile[1] !== 0 || tile[0] * tile[1] * channels > 256) return false;
    const rows = windowOf(layer, 0, tile[0]) * windowOf(layer, 1, tile[1]) * layer.input[0];
    if ((rows + channels) * (tile[0] * tile[1] * channels + 8) * 2 >= ROWS_MAX) return false;
    return [0, 1].every((axis) => tilesOfPixel(layer, axis as 0 | 1, tile) <= PLACES_MAX);
  });
  if (pool) {
    const square = fitting.find((tile) => tile[0] === 2 && tile[1] === 2);
    if (square !== undefined) return square;
  }
  return fitting.reduce<Tile | null>(
    (best, tile) => best === null || tileCost(layer, tile) < tileCost(layer, best) ? tile : best,
    null,
  );
}

/** Most tiles along an axis that see one pixel. */
function tilesOfPixel(layer: Convolution, axis: 0 | 1, tile: Tile): number {
  return Math.ceil(windowOf(layer, axis, tile[axis]) / (tile[axis] * layer.stride[axis]));
}

/** Along one axis: for each pixel the first tile that sees it, how many do, and where it is in the first one's window. */
function placesOnAxis(
  layer: Convolution,
  axis: 0 | 1,
  tile: Tile,
): { margin: number; tiles: number; places: { first: number; count: number; offset: number }[] } {
  const step = tile[axis] * layer.stride[axis];
  const window = windowOf(layer, axis, tile[axis]);
  const margin = tilesOfPixel(layer, axis, tile);
  const tiles = layer.output[axis + 1] / tile[axis];
  const places = Array.from({ length: layer.input[axis + 1] }, (_, pixel) => {
    const padded = pixel + layer.padding[axis];
    const first = Math.max(-margin, Math.ceil((padded - window + 1) / step));
    const last = Math.min(tiles - 1 + margin, Math.floor(padded / step));
    // A stride may leap over a pixel.
    if (last < first) return { first: 0, count: 0, offset: 0 };
    return { first: first + margin, count: last - first + 1, offset: padded - first * step };
  });
  return { margin, tiles, places };
}

/** Tables for `runTiles`. */
export function planTiles(arena: Arena, timing: Timing, layer: Convolution, tile: Tile): GatherPlan {
  const { input, output, kernel, stride, dilation, integers } = layer;
  const [inputs, height, width] = input;
  const channels = output[0];
  const windowX = windowOf(layer, 1, tile[1]);
  const rows = windowOf(layer, 0, tile[0]) * windowX * inputs;
  const onY = placesOnAxis(layer, 0, tile);
  const onX = placesOnAxis(layer, 1, tile);
  const rowTiles = onX.tiles + 2 * onX.margin;
  const listBytes = (rows + output[0] + 4) * 4;
  const totalTiles = rowTiles * (onY.tiles + 2 * onY.margin);
  const blocks = placeBlocks(arena, timing, layer, {
    lanes: tile[0] * tile[1] * channels,
    rows,
    weightBytes: 2,
    weightOf(row, lane) {
      const position = Math.floor(lane / channels);
      const pixel = Math.floor(row / inputs);
      const y = Math.floor(pixel / windowX) - Math.floor(position / tile[1]) * stride[0];
      const x = pixel % windowX - position % tile[1] * stride[1];
      const ky = y / dilation[0];
      const kx = x / dilation[1];
      if (!isTap(ky, kernel[0]) || !isTap(kx, kernel[1])) return 0;
      return integers.weights[(((lane % channels) * inputs + row % inputs) * kernel[0] + ky) * kernel[1] + kx];
    },
  });
  const scale = blocks.rowScale!;
  const places = new Uint32Array(height * width * inputs * 2);
  const fanOut = new Uint32Array(height * width * inputs);
  const reach = [reachOnAxis(layer, 0), reachOnAxis(layer, 1)];
  onY.places.forEach((y, row) => {
    onX.places.forEach((x, column) => {
      for (let channel = 0; channel < inputs; channel++) {
        const element = (row * width + column) * inputs + channel;
        places[element * 2] = (((y.offset * windowX + x.offset) * inputs + channel) * scale) | (x.count << 28);
        places[element * 2 + 1] = (y.first * rowTiles + x.first) | (y.count << 28);
        fanOut[element] = reach[0][row] * reach[1][column] * channels;
      }
    });
  });
  const bandRows = Math.max(1, Math.min(onY.tiles, Math.floor(BAND_BYTES / (rowTiles * listBytes))));
  const bandElements = Math.min(height, windowOf(layer, 0, bandRows * tile[0])) * width * inputs;
  return {
    record: {
      ...commonRecord(timing, layer, 1),
      ...blocks,
      tileHeight: tile[0],
      tileWidth: tile[1],
      stepMax: stepMaxOf(layer),
      places: arena.place(places),
      fanOut: arena.place(fanOut),
      threeByThree: [...onY.places, ...onX.places].every((place) => place.count === 3) ? 1 : 0,
      cursors: arena.place(Uint32Array.from({ length: totalTiles + 4 }, (_, index) => index * listBytes)),
      marginY: onY.margin,
      marginX: onX.margin,
      rowTiles,
      listBytes,
      rowStepX: tile[1] * stride[1] * inputs * scale,
      rowStepY: tile[0] * stride[0] * windowX * inputs * scale,
      bandRows,
    },
    sizes: {
      tile: tile[0] * tile[1] * channels * 2 + channels + 512,
      lists: totalTiles * listBytes,
      unsorted: bandElements * 8 + 256,
      cursors: totalTiles * 4 + 64,
    },
    note: `tiles of ${tile[0]}x${tile[1]}`,
  };
}

/** Most steps that a current, bias included, may be multiplied by in 16 bits. */
function stepMaxOf(layer: Convolution): number {
  return Math.max(1, Math.floor(32767 / (layer.bounds.currentMax + 2 ** layer.integers.shift)));
}

function isTap(index: number, kernel: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < kernel;
}

/** For each pixel along an axis, how many positions' kernels cover it. */
export function reachOnAxis(
  layer: Pick<Convolution, "input" | "output" | "kernel" | "stride" | "padding" | "dilation">,
  axis: 0 | 1,
): Uint32Array {
  const reach = new Uint32Array(layer.input[axis + 1]);
  for (let position = 0; position < layer.output[axis + 1]; position++) {
    for (let tap = 0; tap < layer.kernel[axis]; tap++) {
      const pixel = position * layer.stride[axis] - layer.padding[axis] + tap * layer.dilation[axis];
      if (pixel >= 0 && pixel < reach.length) reach[pixel]++;
    }
  }
  return reach;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Tables for `runMerged`; `groups`: layers of this shape side by side in the same maps. */
export function planMerged(
  arena: Arena,
  timing: Timing,
  layer: Convolution,
  options: { readonly groups: number; readonly weightBits: 8 | 16 },
): GatherPlan {
  const { input, output, kernel, integers, bounds } = layer;
  const inputs = input[0];
  const taps = kernel[0] * kernel[1];
  const area = output[1] * output[2];
  const rows = taps * inputs;
  const fits = bounds.currentMax + 2 ** integers.shift <= 32767 && (rows + output[0]) * (output[0] + 8) * 2 < ROWS_MAX;
  const short = !layer.wide && rows <= SHORT_ROWS_MAX && fits;
  const weightBytes = short || options.weightBits === 16 ? 2 : 1;
  const blocks = placeBlocks(arena, timing, layer, {
    lanes: output[0],
    rows,
    weightBytes,
    weightOf: (row, lane) => integers.weights[(lane * inputs + row % inputs) * taps + Math.floor(row / inputs)],
  });
  const listBytes = (rows + output[0] + 16) * 4;
  const chunk = Math.max(1, Math.min(area, Math.floor(CHUNK_BYTES / listBytes)));
  const single = taps === 1 && layer.padding.every((pixels) => pixels === 0);
  const pixels = single ? 0 : input[1] * input[2];
  return {
    record: {
      ...commonRecord(timing, layer, options.groups),
      ...blocks,
      chunk,
      single: single ? 1 : 0,
      stepMax: stepMaxOf(layer),
      currentMax: Math.max(0, 32767 - 128 * bounds.weightMax),
    },
    sizes: {
      lists: chunk * listBytes + 256,
      unsorted: Math.max((inputs + output[0]) * 4, (taps + 1) * 12) + 64,
      cursors: chunk * 8,
      pixels: pixels * (inputs + 8) * 4,
      starts: pixels * (timing.levelMax + 1) * 2,
    },
    note: `merged lists, ${short ? "event by event" : "in runs"}`,
  };
}
