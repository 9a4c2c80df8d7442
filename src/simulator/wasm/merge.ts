/**
 * Gather for many channels: one position at a time, its neurons in blocks of up to 96 channels.
 *
 * Each source pixel's channels are sorted once. For a row of positions, the pixels that are seen together above one another are
 * merged, level by level; a position's list is merged from such columns, most of which its neighbours see too. Lists of a chunk
 * of positions are made first, so that a block's weights stay in cache while the chunk is walked.
 */

import { BOUNDS } from "./key_lists";
import { mergeParts, PART } from "./merge_parts";
import { walkBlock } from "./readout";
import { Block, Layer, Work } from "./records";
import { levelBytes, sortEvents } from "./sort";
import { sortEight, sortsByEight } from "./sort_eight";
import { copyExact } from "./vectors";

/** Runs positions `from` to `to` (exclusive), row by row, of blocks `firstBlock` to `lastBlock` (exclusive). */
export function runMerged(layer: Layer, work: Work, from: i32, to: i32, firstBlock: i32, lastBlock: i32): void {
  const single = layer.single != 0;
  if (!single) sortPixels(layer, work, from, to);
  for (let position = from; position < to; position += layer.chunk) {
    const end = min(to, position + layer.chunk);
    const lists = single ? pointLists(layer, work, position, end) : mergedLists(layer, work, position, end);
    // A list ends with a word that is no event.
    const events = ((lists - work.lists) >> 2) - (end - position);
    if (firstBlock == 0) work.events += <f64> events * <f64> layer.channels;
    walkChunk(layer, work, position, end, firstBlock, lastBlock);
  }
}

function walkChunk(layer: Layer, work: Work, from: i32, to: i32, firstBlock: i32, lastBlock: i32): void {
  const bytes = layer.signed != 0 ? 1 : 0;
  for (let at = firstBlock; at < lastBlock; at++) {
    const block = changetype<Block>(layer.blocks + at * offsetof<Block>());
    fetchTable(layer, work, block);
    let bounds = work.cursors;
    for (let position = from; position < to; position++) {
      walkBlock(layer, work, block, <usize> load<u32>(bounds), <usize> load<u32>(bounds, 4), work.tile);
      const target = layer.target + ((position * layer.targetStride + block.firstLane) << bytes);
      copyExact(target, work.tile, block.lanes << bytes);
      bounds += 8;
    }
  }
}

/**
 * Reads a byte of every cache line of a block's table. The walk reads it in the order of the events, which no prefetcher
 * follows: with cold weights that took four times as long. From sixteen places at once: the lines of each are foreseen by
 * themselves, so more of them are on the way.
 */
function fetchTable(layer: Layer, work: Work, block: Block): void {
  const bytes: usize = layer.kernelY * layer.kernelX * layer.inChannels * block.rowBytes;
  // May read past the table: it is followed by the block's other constants, or by scratch memory.
  const part: usize = ((bytes >> 4) + 63) & ~63;
  const end = block.table + part;
  let sum: u32 = 0;
  for (let at = block.table; at < end; at += 64) {
    sum += touch(at, part) + touch(at + 4 * part, part) + touch(at + 8 * part, part) + touch(at + 12 * part, part);
  }
  // Stored, so that the loop is not taken for useless.
  store<u32>(work.histogram, sum);
}

@inline
function touch(at: usize, part: usize): u32 {
  return <u32> load<u8>(at) + <u32> load<u8>(at + part) + <u32> load<u8>(at + 2 * part) + <u32> load<u8>(at + 3 * part);
}

/** Notes where a list begins and ends. @returns where the next may begin */
@inline
function note(bounds: usize, list: usize, end: usize): usize {
  store<u32>(bounds, <u32> list);
  store<u32>(bounds, <u32> end, 4);
  return end + 4;
}

/** Lists of positions that see one pixel each, one behind the other. @returns the end of the last, with the word behind it */
function pointLists(layer: Layer, work: Work, from: i32, to: i32): usize {
  const channels = layer.inChannels, levelMax = layer.levelMax, width = layer.outWidth;
  const step = layer.strideX * layer.sourceStride;
  let bounds = work.cursors, list = work.lists;
  let y = from / width, x = from % width;
  let source = sourceOf(layer, y, x);
  const byEight = sortsByEight(channels);
  for (let position = from; position < to;) {
    if (byEight && x + 8 <= width && position + 8 <= to) {
      list = sortEight(work, source, step, channels, bounds, list);
      bounds += BOUNDS;
      source += step << 3;
      position += 8;
      x += 8;
    } else {
      list = note(bounds, list, sortEvents(work, source, channels, levelMax, list, work.histogram));
      bounds += 8;
      source += step;
      position++;
      x++;
    }
    if (x == width) {
      x = 0;
      source = sourceOf(layer, ++y, 0);
    }
  }
  return list;
}

/** Address of the pixel that a position sees. */
@inline
function sourceOf(layer: Layer, y: i32, x: i32): usize {
  return layer.source + (y * layer.strideY * layer.inWidth + x * layer.strideX) * layer.sourceStride;
}

/** Lists of positions that see several pixels, as `pointLists`. */
function mergedLists(layer: Layer, work: Work, from: i32, to: i32): usize {
  const width = layer.outWidth;
  const counts = unusedCounts(layer, work);
  let bounds = work.cursors, list = work.lists;
  let y = from / width, x = from % width;
  mergeColumns(layer, work, y, x, min(width, x + to - from));
  for (let position = from; position < to; position++) {
    const end = mergeParts(layer, work.unsorted, findColumns(layer, work, x), list, counts);
    list = note(bounds, list, end);
    bounds += 8;
    if (++x == width && position + 1 < to) {
      x = 0;
      mergeColumns(layer, work, ++y, 0, min(width, to - position - 1));
    }
  }
  return list;
}

/** Sorts the channels of every pixel that the positions see. */
function sortPixels(layer: Layer, work: Work, from: i32, to: i32): void {
  const firstY = from / layer.outWidth * layer.strideY - layer.padTop;
  const lastY = (to - 1) / layer.outWidth * layer.strideY - layer.padTop + (layer.kernelY - 1) * layer.dilationY;
  const first = max(0, firstY) * layer.inWidth;
  const end = min(layer.inHeight, lastY + 1) * layer.inWidth;
  for (let pixel = first; pixel < end; pixel++) {
    const list = pixelList(layer, work, pixel), counts = pixelCounts(layer, work, pixel);
    sortEvents(work, layer.source + pixel * layer.sourceStride, layer.inChannels, layer.levelMax, list, counts);
    // Events above one unit are the first: they end where those of one unit begin.
    store<u32>(counts, load<u32>(work.histogram + ((layer.unit + 1) << 2)) - <u32> list);
  }
}

/** Merges the pixels above one another that positions `from` to `to` (exclusive) of row `y` see. */
function mergeColumns(layer: Layer, work: Work, y: i32, from: i32, to: i32): void {
  const top = y * layer.strideY - layer.padTop;
  const first = max(0, from * layer.strideX - layer.padLeft);
  const end = min(layer.inWidth, (to - 1) * layer.strideX - layer.padLeft + (layer.kernelX - 1) * layer.dilationX + 1);
  for (let x = first; x < end; x++) {
    let part = work.unsorted;
    for (let ky = 0; ky < layer.kernelY; ky++) {
      const row = top + ky * layer.dilationY;
      if (<u32> row >= <u32> layer.inHeight) continue;
      const pixel = row * layer.inWidth + x;
      store<u32>(part, <u32> pixelList(layer, work, pixel));
      store<u32>(part, <u32> pixelCounts(layer, work, pixel), 4);
      store<u32>(part, ky * layer.kernelX * layer.inChannels, 8);
      part += PART;
    }
    mergeParts(layer, work.unsorted, part, columnList(layer, work, x), columnCounts(layer, work, x));
  }
}

/** Makes parts of the columns under a position's kernel. @returns their end */
@inline
function findColumns(layer: Layer, work: Work, x: i32): usize {
  let part = work.unsorted;
  const left = x * layer.strideX - layer.padLeft;
  for (let kx = 0; kx < layer.kernelX; kx++) {
    const column = left + kx * layer.dilationX;
    if (<u32> column >= <u32> layer.inWidth) continue;
    store<u32>(part, <u32> columnList(layer, work, column));
    store<u32>(part, <u32> columnCounts(layer, work, column), 4);
    store<u32>(part, kx * layer.inChannels, 8);
    part += PART;
  }
  return part;
}

// Lists of pixels, then those of columns; the same for counts, and one more record of them that nobody reads.

@inline
function pixelList(layer: Layer, work: Work, pixel: i32): usize {
  return work.pixels + pixel * ((layer.inChannels + 8) << 2);
}

@inline
function columnList(layer: Layer, work: Work, x: i32): usize {
  return pixelList(layer, work, layer.inHeight * layer.inWidth) + x * ((layer.kernelY * layer.inChannels + 16) << 2);
}

@inline
function pixelCounts(layer: Layer, work: Work, pixel: i32): usize {
  return work.starts + pixel * levelBytes(layer.levelMax);
}

@inline
function columnCounts(layer: Layer, work: Work, x: i32): usize {
  return pixelCounts(layer, work, layer.inHeight * layer.inWidth + x);
}

@inline
function unusedCounts(layer: Layer, work: Work): usize {
  return columnCounts(layer, work, layer.inWidth);
}
