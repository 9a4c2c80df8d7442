/**
 * Gather for many channels: one position at a time, its neurons in blocks of up to 64 channels.
 *
 * Each source pixel's channels are sorted once; a position's list is merged from the pixels under its kernel, level by level.
 * Lists of a chunk of positions are made first, so that a block's weights stay in cache while the chunk is walked.
 */

import { Block, Layer, Work } from "./records";
import { copyExact, walkBlock } from "./readout";
import { sortEvents } from "./sort";

/** Bytes of the record of one tap: list, starts, row of its first channel. */
const TAP: usize = 12;

/** Runs positions `from` to `to` (exclusive), row by row, of blocks `firstBlock` to `lastBlock` (exclusive). */
export function runMerged(layer: Layer, work: Work, from: i32, to: i32, firstBlock: i32, lastBlock: i32): void {
  const single = layer.single != 0;
  if (!single) sortPixels(layer, work, from, to);
  for (let position = from; position < to; position += layer.chunk) {
    runChunk(layer, work, position, min(to, position + layer.chunk), single, firstBlock, lastBlock);
  }
}

/** Sorts the channels of every pixel that the positions see. */
function sortPixels(layer: Layer, work: Work, from: i32, to: i32): void {
  const levels = layer.levelMax;
  const firstY = from / layer.outWidth * layer.strideY - layer.padTop;
  const lastY = (to - 1) / layer.outWidth * layer.strideY - layer.padTop + (layer.kernelY - 1) * layer.dilationY;
  const first = max(0, firstY) * layer.inWidth;
  const end = min(layer.inHeight, lastY + 1) * layer.inWidth;
  for (let pixel = first; pixel < end; pixel++) {
    const list = work.pixels + pixel * pixelBytes(layer);
    sortEvents(work, layer.source + pixel * layer.sourceStride, layer.inChannels, levels, list);
    // The sort leaves, for each level, where its events end: that is where the next lower level starts.
    const starts = work.starts + pixel * startBytes(layer);
    store<u16>(starts + (levels << 1), 0);
    for (let level = levels; level > 0; level--) {
      store<u16>(starts + ((level - 1) << 1), <u16> load<u32>(work.histogram + (level << 2)));
    }
  }
}

@inline
function pixelBytes(layer: Layer): i32 {
  return (layer.inChannels + 8) << 2;
}

@inline
function startBytes(layer: Layer): i32 {
  return (layer.levelMax + 1) << 1;
}

function runChunk(
  layer: Layer,
  work: Work,
  from: i32,
  to: i32,
  single: bool,
  firstBlock: i32,
  lastBlock: i32,
): void {
  const bounds = work.cursors;
  let free = work.lists;
  for (let position = from; position < to; position++) {
    store<u32>(bounds + ((position - from) << 3), <u32> free);
    const end = single ? pointList(layer, work, position, free) : mergeList(layer, work, position, free);
    store<u32>(bounds + ((position - from) << 3), <u32> end, 4);
    if (firstBlock == 0) work.events += <f64> ((end - free) >> 2) * <f64> layer.channels;
    free = end + 4;
  }
  const bytes = layer.signed != 0 ? 1 : 0;
  for (let at = firstBlock; at < lastBlock; at++) {
    const block = changetype<Block>(layer.blocks + at * offsetof<Block>());
    fetchTable(layer, work, block);
    for (let position = from; position < to; position++) {
      const list = <usize> load<u32>(bounds + ((position - from) << 3));
      const end = <usize> load<u32>(bounds + ((position - from) << 3), 4);
      walkBlock(layer, work, block, list, end, work.tile);
      const target = layer.target + ((position * layer.targetStride + block.firstLane) << bytes);
      copyExact(target, work.tile, block.lanes << bytes);
    }
  }
}

/**
 * Reads a block's table from end to end, a byte a cache line. The walk reads it in the order of the events, which no
 * prefetcher follows: with cold weights that took four times as long.
 */
function fetchTable(layer: Layer, work: Work, block: Block): void {
  const end = block.table + layer.kernelY * layer.kernelX * layer.inChannels * block.rowBytes;
  let sum: u32 = 0;
  // May read up to 192 bytes past the table: it is followed by the block's other constants, or by scratch memory.
  for (let at = block.table; at < end; at += 256) {
    sum += <u32> load<u8>(at) + <u32> load<u8>(at, 64) + <u32> load<u8>(at, 128) + <u32> load<u8>(at, 192);
  }
  // Stored, so that the loop is not taken for useless.
  store<u32>(work.histogram, sum);
}

/** List of a position that sees one pixel. */

@inline
function pointList(layer: Layer, work: Work, position: i32, list: usize): usize {
  const y = position / layer.outWidth * layer.strideY;
  const x = position % layer.outWidth * layer.strideX;
  const source = layer.source + (y * layer.inWidth + x) * layer.sourceStride;
  return sortEvents(work, source, layer.inChannels, layer.levelMax, list);
}

/** List of a position that sees several. */
function mergeList(layer: Layer, work: Work, position: i32, list: usize): usize {
  const taps = work.unsorted;
  const lastTap = findTaps(layer, work, position, taps);
  for (let level = layer.levelMax; level > 0; level--) {
    const at = level << 1;
    for (let tap = taps; tap < lastTap; tap += TAP) {
      const starts = <usize> load<u32>(tap, 4) + at;
      const first = <i32> load<u16>(starts);
      const count = <i32> load<u16>(starts - 2) - first;
      const from = <usize> load<u32>(tap) + (first << 2);
      const rows = i32x4.splat(load<i32>(tap, 8));
      // Whole vectors; what is too much is overwritten by what follows.
      let done = 0;
      do {
        v128.store(list + (done << 2), i32x4.add(v128.load(from + (done << 2)), rows));
        done += 4;
      } while (done < count);
      list += count << 2;
    }
  }
  store<u32>(list, 0);
  return list;
}

/** Records of the pixels under a position's kernel. @returns their end */
function findTaps(layer: Layer, work: Work, position: i32, taps: usize): usize {
  const top = position / layer.outWidth * layer.strideY - layer.padTop;
  const left = position % layer.outWidth * layer.strideX - layer.padLeft;
  for (let ky = 0; ky < layer.kernelY; ky++) {
    const y = top + ky * layer.dilationY;
    if (<u32> y >= <u32> layer.inHeight) continue;
    for (let kx = 0; kx < layer.kernelX; kx++) {
      const x = left + kx * layer.dilationX;
      if (<u32> x >= <u32> layer.inWidth) continue;
      const pixel = y * layer.inWidth + x;
      store<u32>(taps, <u32> (work.pixels + pixel * pixelBytes(layer)));
      store<u32>(taps, <u32> (work.starts + pixel * startBytes(layer)), 4);
      store<u32>(taps, (ky * layer.kernelX + kx) * layer.inChannels, 8);
      taps += TAP;
    }
  }
  return taps;
}
