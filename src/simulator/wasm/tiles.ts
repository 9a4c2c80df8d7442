/**
 * Gather for few channels: neurons of some neighbouring positions share registers and one event list.
 *
 * All events of a band of rows are sorted once, then each is appended to the lists of the tiles that see it, so the lists are
 * sorted too. A tile sees a window of source pixels, and its weight table has a row for each of them and channel, with zeros
 * where a position does not reach. Tiles beyond the edges take what falls there and are never walked.
 */

import { countSynapses } from "./count_events";
import { Block, Layer, ROW_MASK, Work } from "./records";
import { walkBlocks } from "./readout";
import { sortIntoBuckets } from "./sort";
import { copyExact } from "./vectors";

/** Runs tile rows `from` to `to` (exclusive). */
export function runTiles(layer: Layer, work: Work, from: i32, to: i32): void {
  walkBlank(layer, work);
  for (let row = from; row < to; row += layer.bandRows) runBand(layer, work, row, min(to, row + layer.bandRows));
}

function runBand(layer: Layer, work: Work, from: i32, to: i32): void {
  const tileStride = layer.tileHeight * layer.strideY;
  const window = (layer.tileHeight - 1) * layer.strideY + (layer.kernelY - 1) * layer.dilationY + 1;
  const firstRow = max(0, from * tileStride - layer.padTop);
  const lastRow = min(layer.inHeight, (to - 1) * tileStride - layer.padTop + window);
  // One row more: what appends to two rows of tiles writes to the second even where it keeps nothing there.
  resetCursors(layer, work, from, to + 2 * layer.marginY + 1);
  if (firstRow < lastRow) {
    const rowElements = layer.inWidth * layer.inChannels;
    const first = firstRow * rowElements;
    sortIntoBuckets(work, layer.source + first, (lastRow - firstRow) * rowElements, layer.levelMax, layer.bucketBytes);
    // A band counts the rows that no earlier band did.
    const counted = from == 0 ? 0 : from * tileStride + window - tileStride - layer.padTop;
    countSynapses(layer, work, max(first, counted * rowElements), lastRow * rowElements);
    let bucket = work.unsorted + layer.levelMax * layer.bucketBytes;
    for (let level = layer.levelMax; level > 0; level--, bucket -= layer.bucketBytes) {
      const end = <usize> load<u32>(work.histogram + (level << 2));
      if (end == bucket) continue;
      if (layer.reach == 3) appendThrees(layer, work, bucket, end, first);
      else appendEvents(layer, work, bucket, end, first);
    }
  }
  const tilesX = layer.outWidth / layer.tileWidth;
  for (let y = from; y < to; y++) {
    let index = (y + layer.marginY) * layer.rowTiles + layer.marginX;
    for (let x = 0; x < tilesX; x++, index++) runTile(layer, work, index, y, x);
  }
}

/** Lists of rows `from` to `to` (margins included) to empty. */
function resetCursors(layer: Layer, work: Work, from: i32, to: i32): void {
  const first = (from * layer.rowTiles) << 2;
  const end = (to * layer.rowTiles) << 2;
  const base = i32x4.splat(<i32> work.lists);
  for (let at = first; at < end; at += 16) {
    v128.store(work.cursors + at, i32x4.add(base, v128.load(layer.cursors + at)));
  }
}

/**
 * Appends events to the lists of their tiles.
 * `layer.places` holds, for each source element: u32 row in the first tile and columns of tiles << 28; u32 first tile and rows
 * of tiles << 28.
 */
function appendEvents(layer: Layer, work: Work, events: usize, end: usize, first: i32): void {
  const places = layer.places + (first << 3);
  const stepX = layer.rowStepX;
  const stepY = layer.rowStepY;
  const rowTiles = layer.rowTiles << 2;
  const cursors = work.cursors;
  const reach = layer.reach;
  for (; events < end; events += 4) {
    const event = load<u32>(events);
    const element = event & ROW_MASK;
    const x = load<u32>(places + (element << 3));
    const y = load<u32>(places + (element << 3), 4);
    const entry = (event & ~ROW_MASK) | (x & 0xfffffff);
    const cursor = cursors + ((y & 0xfffffff) << 2);
    if (reach == 2) {
      const right: u32 = (x >>> 29) << 2, below: u32 = (y >>> 29) << 2;
      append(cursor, entry, 4);
      append(cursor + 4, entry - stepX, right);
      append(cursor + rowTiles, entry - stepY, below);
      append(cursor + rowTiles + 4, entry - stepY - stepX, right & below);
    } else {
      appendAnywhere(cursor, entry, x >>> 28, y >>> 28, layer);
    }
  }
}

/** The same where every event goes to three tiles side by side, of any number of rows. */
function appendThrees(layer: Layer, work: Work, events: usize, end: usize, first: i32): void {
  const places = layer.places + (first << 3);
  const stepX = layer.rowStepX;
  const stepY = layer.rowStepY;
  const rowTiles = layer.rowTiles << 2;
  const cursors = work.cursors;
  do {
    const event = load<u32>(events);
    const element = event & ROW_MASK;
    const y = load<u32>(places + (element << 3), 4);
    let down = (event & ~ROW_MASK) | load<u32>(places + (element << 3));
    let row = cursors + ((y & 0xfffffff) << 2);
    // Events of a level come row by row, so this loop is well foreseen.
    for (let rows = y >>> 28; rows > 0; rows--) {
      append3(row, down, stepX);
      row += rowTiles;
      down -= stepY;
    }
    events += 4;
  } while (events < end);
}

/** To a list, which grows by `bytes`: 4, or 0 to keep nothing. */
@inline
function append(cursor: usize, event: u32, bytes: u32): void {
  const free = load<u32>(cursor);
  store<u32>(free, event);
  store<u32>(cursor, free + bytes);
}

/** To three tiles side by side. */
@inline
function append3(cursor: usize, event: u32, step: u32): void {
  append(cursor, event, 4);
  append(cursor + 4, event - step, 4);
  append(cursor + 8, event - 2 * step, 4);
}

function appendAnywhere(cursor: usize, entry: u32, columns: u32, rows: u32, layer: Layer): void {
  for (; rows > 0; rows--) {
    for (let column: u32 = 0; column < columns; column++) {
      append(cursor + (column << 2), entry - column * layer.rowStepX, 4);
    }
    cursor += layer.rowTiles << 2;
    entry -= layer.rowStepY;
  }
}

/** Walks one tile, unless nothing came to it: such tiles are all alike. */
@inline
function runTile(layer: Layer, work: Work, index: i32, y: i32, x: i32): void {
  const list = work.lists + index * layer.listBytes;
  const end = <usize> load<u32>(work.cursors + (index << 2));
  if (end == list) {
    work.early += work.blankEarly;
    work.rectified += work.blankRectified;
    work.saturated += work.blankSaturated;
    storeTile(layer, work.blank, y, x);
    return;
  }
  store<u32>(end, 0);
  walkTile(layer, work, list, end, work.tile);
  storeTile(layer, work.tile, y, x);
}

/** Walks a tile to which nothing comes, and notes what it counts. */
function walkBlank(layer: Layer, work: Work): void {
  const early = work.early, rectified = work.rectified, saturated = work.saturated;
  store<u32>(work.lists, 0);
  walkTile(layer, work, work.lists, work.lists, work.blank);
  work.blankEarly = work.early - early;
  work.blankRectified = work.rectified - rectified;
  work.blankSaturated = work.saturated - saturated;
  work.early = early;
  work.rectified = rectified;
  work.saturated = saturated;
}

/** Levels of a tile, and behind them their pool where there is one. */
@inline
function walkTile(layer: Layer, work: Work, list: usize, end: usize, tile: usize): void {
  walkBlocks(layer, work, list, end, tile);
  if (layer.pooled != 0) poolTile(layer, tile);
}

/** Copies a tile's levels, or their pool, to the map. */
@inline
function storeTile(layer: Layer, tile: usize, y: i32, x: i32): void {
  const channels = layer.channels;
  if (layer.pooled != 0) {
    const run = (layer.tileWidth >> 1) * channels;
    let from = tile + pooledOffset(layer);
    for (let row = 0; row < layer.tileHeight; row += 2) {
      const position = ((y * layer.tileHeight + row) >> 1) * (layer.outWidth >> 1) + x * (layer.tileWidth >> 1);
      copyExact(layer.pooled + position * channels, from, run);
      from += run;
    }
    if (layer.keep == 0) return;
  }
  const bytes = layer.signed != 0 ? 1 : 0;
  const run = (layer.tileWidth * channels) << bytes;
  for (let row = 0; row < layer.tileHeight; row++) {
    const position = (y * layer.tileHeight + row) * layer.outWidth + x * layer.tileWidth;
    copyExact(layer.target + ((position * layer.targetStride) << bytes), tile + row * run, run);
  }
}

/** Where a tile's pool is: far enough behind its levels for whole vectors. */
@inline
function pooledOffset(layer: Layer): usize {
  return layer.tileHeight * layer.tileWidth * layer.channels + 64;
}

/** Highest level of each two by two positions of a tile. */
@inline
function poolTile(layer: Layer, tile: usize): void {
  const channels = layer.channels;
  const row = layer.tileWidth * channels;
  let to = tile + pooledOffset(layer);
  for (let half = 0; half < layer.tileHeight; half += 2) {
    for (let column = 0; column < layer.tileWidth; column += 2) {
      const from = tile + half * row + column * channels;
      for (let at = 0; at < channels; at += 16) {
        const upper = i8x16.max_u(v128.load(from + at), v128.load(from + at + channels));
        const lower = i8x16.max_u(v128.load(from + at + row), v128.load(from + at + row + channels));
        v128.store(to + at, i8x16.max_u(upper, lower));
      }
      to += channels;
    }
  }
}
