/**
 * Gather for few channels: neurons of some neighbouring positions share registers and one event list.
 *
 * All events of a band of rows are sorted once, then each is appended to the lists of the tiles that see it, so the lists are
 * sorted too. A tile sees a window of source pixels, and its weight table has a row for each of them and channel, with zeros
 * where a position does not reach. Tiles beyond the edges take what falls there and are never walked.
 */

import { Block, Layer, Work } from "./records";
import { copyExact, walkBlock } from "./readout";
import { sortEvents } from "./sort";

/** Runs tile rows `from` to `to` (exclusive). */
export function runTiles(layer: Layer, work: Work, from: i32, to: i32): void {
  for (let row = from; row < to; row += layer.bandRows) runBand(layer, work, row, min(to, row + layer.bandRows));
}

function runBand(layer: Layer, work: Work, from: i32, to: i32): void {
  const tileStride = layer.tileHeight * layer.strideY;
  const window = (layer.tileHeight - 1) * layer.strideY + (layer.kernelY - 1) * layer.dilationY + 1;
  const firstRow = max(0, from * tileStride - layer.padTop);
  const lastRow = min(layer.inHeight, (to - 1) * tileStride - layer.padTop + window);
  resetCursors(layer, work, from, to + 2 * layer.marginY);
  if (firstRow >= lastRow) {
    for (let bias = 0; bias < layer.biasCount; bias++) {
      appendBias(layer, work, load<u32>(layer.biasEvents + (bias << 2)), from, to);
    }
  } else {
    const rowElements = layer.inWidth * layer.inChannels;
    const first = firstRow * rowElements;
    const events = work.unsorted + (lastRow - firstRow) * rowElements * 4 + 64;
    const end = sortEvents(
      work,
      layer.source + first,
      (lastRow - firstRow) * rowElements,
      layer.levelMax,
      events,
      1,
      0,
      0,
    );
    appendAll(layer, work, events, end, first, from, to);
    // A band counts the rows that no earlier band did.
    countEvents(
      layer,
      work,
      events,
      end,
      first,
      from == 0 ? 0 : from * tileStride + window - tileStride - layer.padTop,
    );
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

/** Appends the sorted events, and those of the biases where they belong, to the lists of tile rows `from` to `to`. */

function appendAll(layer: Layer, work: Work, events: usize, end: usize, first: i32, from: i32, to: i32): void {
  let next = events;
  for (let bias = 0; bias < layer.biasCount; bias++) {
    const event = load<u32>(layer.biasEvents + (bias << 2));
    // The sort left, for each level, where its events end.
    const place = events + (load<u32>(work.histogram + ((event >>> 24) << 2)) << 2);
    appendEvents(layer, work, next, place, first);
    appendBias(layer, work, event, from, to);
    next = place;
  }
  appendEvents(layer, work, next, end, first);
}

function appendBias(layer: Layer, work: Work, event: u32, from: i32, to: i32): void {
  const tilesX = layer.outWidth / layer.tileWidth;
  for (let y = from; y < to; y++) {
    let cursor = work.cursors + (((y + layer.marginY) * layer.rowTiles + layer.marginX) << 2);
    for (let x = 0; x < tilesX; x++, cursor += 4) append(cursor, event);
  }
}

function append(cursor: usize, event: u32): void {
  const free = load<u32>(cursor);
  store<u32>(free, event);
  store<u32>(cursor, free + 4);
}

/**
 * Appends each event to the lists of its tiles. `layer.places` holds, for each source element: u32 row in the first tile and
 * columns of tiles << 28; u32 first tile and rows of tiles << 28.
 */
function appendEvents(layer: Layer, work: Work, events: usize, end: usize, first: i32): void {
  const places = layer.places + (first << 3);
  const stepX = layer.rowStepX;
  const stepY = layer.rowStepY;
  const rowTiles = layer.rowTiles << 2;
  const cursors = work.cursors;
  if (layer.threeByThree != 0) {
    for (; events < end; events += 4) {
      const event = load<u32>(events);
      const place = places + ((event & 0xffffff) << 3);
      const entry = (event & 0xff000000) | (load<u32>(place) & 0xfffffff);
      const cursor = cursors + ((load<u32>(place, 4) & 0xfffffff) << 2);
      append3(cursor, entry, stepX);
      append3(cursor + rowTiles, entry - stepY, stepX);
      append3(cursor + 2 * rowTiles, entry - 2 * stepY, stepX);
    }
    return;
  }
  for (; events < end; events += 4) {
    const event = load<u32>(events);
    const place = places + ((event & 0xffffff) << 3);
    const x = load<u32>(place);
    const y = load<u32>(place, 4);
    let entry = (event & 0xff000000) | (x & 0xfffffff);
    let cursor = cursors + ((y & 0xfffffff) << 2);
    const columns = x >>> 28;
    for (let rows = y >>> 28; rows > 0; rows--) {
      for (let column: u32 = 0; column < columns; column++) append(cursor + (column << 2), entry - column * stepX);
      cursor += rowTiles;
      entry -= stepY;
    }
  }
}

/** To three tiles side by side. */

function append3(cursor: usize, event: u32, step: u32): void {
  append(cursor, event);
  append(cursor + 4, event - step);
  append(cursor + 8, event - 2 * step);
}

function countEvents(layer: Layer, work: Work, events: usize, end: usize, first: i32, firstRow: i32): void {
  const fanOut = layer.fanOut + (first << 2);
  const least = <u32> max(0, firstRow * layer.inWidth * layer.inChannels - first);
  let sum: u64 = 0;
  for (; events < end; events += 4) {
    const index = load<u32>(events) & 0xffffff;
    if (index >= least) sum += load<u32>(fanOut + (index << 2));
  }
  work.events += <f64> sum;
}

function runTile(layer: Layer, work: Work, index: i32, y: i32, x: i32): void {
  const list = work.lists + index * layer.listBytes;
  const end = <usize> load<u32>(work.cursors + (index << 2));
  store<u32>(end, 0);
  const bytes = layer.signed != 0 ? 1 : 0;
  const count = layer.blockCount;
  for (let at = 0; at < count; at++) {
    const block = changetype<Block>(layer.blocks + at * offsetof<Block>());
    walkBlock(layer, work, block, list, end, work.tile + (block.firstLane << bytes));
  }
  if (layer.pooled != 0) {
    poolTile(layer, work, (y * (layer.outWidth >> 1) + x) * layer.channels);
    if (layer.keep == 0) return;
  }
  const run = (layer.tileWidth * layer.channels) << bytes;
  for (let row = 0; row < layer.tileHeight; row++) {
    const position = (y * layer.tileHeight + row) * layer.outWidth + x * layer.tileWidth;
    copyExact(layer.target + ((position * layer.targetStride) << bytes), work.tile + row * run, run);
  }
}

/** Highest level of the four positions of a 2x2 tile. */

function poolTile(layer: Layer, work: Work, offset: i32): void {
  const tile = work.tile;
  const channels = layer.channels;
  // The tile's own memory behind its levels takes the result, so that whole vectors can be used.
  const pooled = tile + (channels << 2) + 64;
  for (let at = 0; at < channels; at += 16) {
    const from = tile + at;
    const upper = i8x16.max_u(v128.load(from), v128.load(from + channels));
    const lower = i8x16.max_u(v128.load(from + 2 * channels), v128.load(from + 3 * channels));
    v128.store(pooled + at, i8x16.max_u(upper, lower));
  }
  copyExact(layer.pooled + offset, pooled, channels);
}
