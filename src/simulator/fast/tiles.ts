/** Tables for `wasm/tiles.ts`: which positions share a tile, and where a source's events go. */

import type { WeightBits } from "../../model/quantise.ts";
import type { Timing } from "../../ttfs/timing.ts";
import {
  commonRecord,
  evenBlocks,
  type GatherPlan,
  placeBlocks,
  ROWS_MAX,
  SHORT_LANES,
  shortLimit,
  type TableOptions,
  TYPICAL_DENSITY,
} from "./blocks.ts";
import { type Convolution, reachOnAxis, windowOf } from "./convolution.ts";
import type { Arena } from "./records.ts";

/** Positions that a tile spans, `[rows, columns]`. */
export type Tile = readonly [number, number];

/** Lists of a band of tile rows: appending goes all over them, so they should fit the first-level cache. */
const BAND_BYTES = 128 * 1024;
/** Tiles of a pixel along one axis are counted in 4 bits. */
const PLACES_MAX = 15;
/** Positions that see a source are counted in a byte. */
const REACH_MAX = 255;
/** Levels that a list of many events holds, where costs are compared. */
const LEVELS_TYPICAL = 14;
/** Sources of a tile whose list is short. */
const SHORT_ROWS = 64;

/**
 * Best tile for a layer with few channels, or null when one position at a time suits it better.
 *
 * @param pool a 2x2 pool follows and could be done on the way
 */
export function chooseTile(timing: Timing, layer: Convolution, pool: boolean): Tile | null {
  const [channels, height, width] = layer.output;
  if (height * width === 1 || (channels > 32 && layer.input[0] > 4)) return null;
  if (Math.max(...reachOnAxis(layer, 0)) * Math.max(...reachOnAxis(layer, 1)) > REACH_MAX) return null;
  const candidates: Tile[] = [[1, 1], [1, 2], [2, 1], [2, 2], [1, 3], [1, 4], [2, 3], [2, 4], [4, 2], [4, 4]];
  const fitting = candidates.filter((tile) => {
    if (height % tile[0] !== 0 || width % tile[1] !== 0 || tile[0] * tile[1] * channels > 256) return false;
    const rows = windowOf(layer, 0, tile[0]) * windowOf(layer, 1, tile[1]) * layer.input[0];
    if (rows >= ROWS_MAX) return false;
    return [0, 1].every((axis) => tilesOfPixel(layer, axis as 0 | 1, tile) <= PLACES_MAX);
  });
  const pooling = pool ? fitting.filter(takesPool) : [];
  const usable = pooling.length > 0 ? pooling : fitting;
  const short = usable.filter((tile) => isShort(layer, tile)).at(-1);
  if (short !== undefined && shortLimit(timing, layer) !== null) return short;
  return usable.reduce<Tile | null>(
    (best, tile) => best === null || tileCost(layer, tile) < tileCost(layer, best) ? tile : best,
    null,
  );
}

/** Whether a 2x2 pool can be done on the way. */
export function takesPool(tile: Tile): boolean {
  return tile[0] % 2 === 0 && tile[1] % 2 === 0;
}

/** Tables for `runTiles`. */
export function planTiles(
  arena: Arena,
  timing: Timing,
  layer: Convolution,
  options: { readonly tile: Tile; readonly weightBits: WeightBits },
): GatherPlan {
  const { tile, weightBits } = options;
  const { input, output, kernel, stride, dilation, integers } = layer;
  const [inputs, height, width] = input;
  const channels = output[0];
  const windowX = windowOf(layer, 1, tile[1]);
  const rows = windowOf(layer, 0, tile[0]) * windowX * inputs;
  const onX = placesOnAxis(layer, 1, tile, tilesOfPixel(layer, 1, tile));
  const byThree = onX.places.every((place) => place.count === 3);
  const onY = placesOnAxis(layer, 0, tile, byThree ? 0 : tilesOfPixel(layer, 0, tile));
  const rowTiles = onX.tiles + 2 * onX.margin;
  const listBytes = (rows + 4) * 4;
  // A row more than there are: see `runBand`.
  const totalTiles = rowTiles * (onY.tiles + 2 * onY.margin + 1);
  const table: TableOptions = {
    lanes: tile[0] * tile[1] * channels,
    rows,
    weightBits,
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
  };
  const blocks = placeBlocks(arena, timing, layer, { ...table, short: isShort(layer, tile) });
  const places = new Uint32Array(height * width * inputs * 2);
  const fanOut = new Uint8Array(height * width * inputs);
  const reach = [reachOnAxis(layer, 0), reachOnAxis(layer, 1)];
  onY.places.forEach((y, row) => {
    onX.places.forEach((x, column) => {
      for (let channel = 0; channel < inputs; channel++) {
        const element = (row * width + column) * inputs + channel;
        places[element * 2] = ((y.offset * windowX + x.offset) * inputs + channel) | (byThree ? 0 : x.count << 28);
        places[element * 2 + 1] = (y.first * rowTiles + x.first) | (y.count << 28);
        fanOut[element] = reach[0][row] * reach[1][column];
      }
    });
  });
  const bandRows = Math.max(1, Math.min(onY.tiles, Math.floor(BAND_BYTES / (rowTiles * listBytes))));
  const bandElements = Math.min(height, windowOf(layer, 0, bandRows * tile[0])) * width * inputs;
  const tileBytes = tile[0] * tile[1] * channels * 3 + 512;
  const bucketBytes = bandElements * 4 + 64;
  return {
    record: {
      ...commonRecord(timing, layer, 1),
      ...blocks,
      tileHeight: tile[0],
      tileWidth: tile[1],
      places: arena.place(places),
      fanOut: arena.place(fanOut),
      reach: byThree ? 3 : reachesTwo([...onY.places, ...onX.places]) ? 2 : 0,
      bucketBytes,
      cursors: arena.place(Uint32Array.from({ length: totalTiles + 5 }, (_, index) => index * listBytes)),
      marginY: onY.margin,
      marginX: onX.margin,
      rowTiles,
      listBytes,
      rowStepX: tile[1] * stride[1] * inputs,
      rowStepY: tile[0] * stride[0] * windowX * inputs,
      bandRows,
    },
    sizes: {
      tile: tileBytes,
      blank: tileBytes,
      lists: (totalTiles + 5) * listBytes,
      unsorted: bucketBytes * (timing.levelMax + 1),
      cursors: (totalTiles + 5) * 4 + 64,
    },
    note: `tiles of ${tile[0]}x${tile[1]}${blocks.short ? ", event by event" : ""}`,
  };
}

/** Whether a tile's lists are so short that most levels have one event or two, and its lanes fit a walk event by event. */
function isShort(layer: Convolution, tile: Tile): boolean {
  const rows = windowOf(layer, 0, tile[0]) * windowOf(layer, 1, tile[1]);
  return layer.input[0] === 1 && rows <= SHORT_ROWS && tile[0] * tile[1] * layer.output[0] <= SHORT_LANES;
}

/** Rough cost of a layer in tiles, in instructions; measured weights, used to compare tiles only. */
export function tileCost(layer: Convolution, tile: Tile): number {
  const [channels, height, width] = layer.output;
  const tiles = height * width / (tile[0] * tile[1]);
  const blocks = evenBlocks(tile[0] * tile[1] * channels);
  const groups = blocks.reduce((sum, count) => sum + count, 0);
  const events = windowOf(layer, 0, tile[0]) * windowOf(layer, 1, tile[1]) * layer.input[0] * TYPICAL_DENSITY;
  const levels = Math.min(events, LEVELS_TYPICAL);
  return tiles *
    (100 + 80 * groups + events * (12 + 6 * groups + 8 * blocks.length) + levels * (40 * blocks.length + 26 * groups));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Whether every element's events go to one or two tiles along each axis. */
function reachesTwo(places: readonly { readonly count: number }[]): boolean {
  return places.every(({ count }) => count === 1 || count === 2);
}

/** Most tiles along an axis that see one pixel. */
function tilesOfPixel(layer: Convolution, axis: 0 | 1, tile: Tile): number {
  return Math.ceil(windowOf(layer, axis, tile[axis]) / (tile[axis] * layer.stride[axis]));
}

/**
 * Along one axis: for each pixel the first tile that sees it, how many do, and where it is in the first one's window.
 *
 * @param margin tiles beyond each edge that take part
 */
function placesOnAxis(
  layer: Convolution,
  axis: 0 | 1,
  tile: Tile,
  margin: number,
): { margin: number; tiles: number; places: { first: number; count: number; offset: number }[] } {
  const step = tile[axis] * layer.stride[axis];
  const window = windowOf(layer, axis, tile[axis]);
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

function isTap(index: number, kernel: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < kernel;
}
