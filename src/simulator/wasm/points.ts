/**
 * Gather for few sources: positions one by one, whose lists are made for eight at once. Their sources are 16-bit keys, level
 * above row, a lane a position, and a sorting network puts all eight in order together. Walks are as for any list.
 */

import { spreadKeys } from "./key_lists";
import { walkBlocks } from "./readout";
import { Block, Layer, Work } from "./records";
import { EIGHT, sortKeys } from "./sort_keys";
import { copyExact, highBytes, lowBytes } from "./vectors";

/** Bytes of a list: as many events as there are keys at most, and the word that ends it, in whole vectors. */
const LIST: usize = 144;
/** In `Work.unsorted`: keys, pairs of columns, then the source rows with their padding. */
const PAIRS: usize = 512;
const ROWS: usize = 640;

/** Runs rows of positions `from` to `to` (exclusive). A position sees at most 32 sources, 16 of them in a row. */
export function runPoints(layer: Layer, work: Work, from: i32, to: i32): void {
  const width = layer.outWidth;
  const rows = layer.kernelY * layer.kernelX * layer.inChannels;
  const channels = layer.channels;
  const bytes = layer.signed != 0 ? 1 : 0;
  const stride = layer.targetStride << bytes;
  const keys = work.unsorted, keysEnd = keys + (((rows + 7) & ~7) << 4);
  const silent = work.histogram;
  for (let lane = 0; lane < 8; lane++) store<u32>(work.cursors + (lane << 3), <u32> (work.lists + lane * LIST));
  let events = 0;
  for (let y = from; y < to; y++) {
    padRows(layer, work, y);
    let target = layer.target + y * width * stride;
    for (let x = 0; x < width; x += 8) {
      v128.store(silent, gatherKeys(layer, work, x));
      sortKeys(keys, keysEnd);
      for (let at = keys, offset = 0; at < keysEnd; at += EIGHT, offset += 32) spreadKeys(at, work.cursors, offset);
      let list = work.lists;
      for (let lane = 0; lane < min(8, width - x); lane++, list += LIST, target += stride) {
        const count = rows - <i32> load<u8>(silent + lane) - <i32> load<u8>(silent + lane, 8);
        const end = list + (count << 2);
        store<u32>(end, 0);
        events += count;
        walkPoint(layer, work, list, end);
        copyExact(target, work.tile, channels << bytes);
      }
    }
  }
  work.events += <f64> events * <f64> channels;
}

/** Walks all blocks of a position, and leaves their levels at `work.tile`. */
function walkPoint(layer: Layer, work: Work, list: usize, end: usize): void {
  walkBlocks(layer, work, list, end, work.tile);
}

/** Copies the source rows that row `y` of positions sees, with zeros around; `layer.mapRowBytes` from one to the next. */
function padRows(layer: Layer, work: Work, y: i32): void {
  const zero = i8x16.splat(0);
  const span = layer.mapRowBytes;
  const rowBytes = layer.inWidth * layer.inChannels;
  const left = layer.padLeft * layer.inChannels;
  const end = min(left + rowBytes, span);
  let to = work.unsorted + ROWS;
  for (let ky = 0; ky < layer.kernelY; ky++, to += span) {
    const row = y * layer.strideY + ky - layer.padTop;
    let at = 0;
    if (<u32> row < <u32> layer.inHeight) {
      const source = layer.source + row * rowBytes - left;
      for (; at < min(left, span); at += 16) v128.store(to + at, zero);
      for (at = left; at < end; at += 16) v128.store(to + at, v128.load(source + at));
      at = end;
    }
    for (; at < span; at += 16) v128.store(to + at, zero);
  }
}

/** Keys of eight positions from column `x` on, in the order of rows. @returns how many of each have level 0, as two bytes */
@inline
function gatherKeys(layer: Layer, work: Work, x: i32): v128 {
  const zero = i8x16.splat(0);
  const columns = layer.kernelX * layer.inChannels;
  const step = layer.strideX * layer.inChannels;
  const pairs = work.unsorted + PAIRS;
  const evenEnd = pairs + ((columns >> 1) << 4);
  let silent = zero;
  let row = zero;
  let to = work.unsorted;
  let from = work.unsorted + ROWS + x * step;
  for (let ky = 0; ky < layer.kernelY; ky++, from += layer.mapRowBytes) {
    transposeBytes(from, step, pairs);
    let at = pairs;
    for (; at < evenEnd; at += 16, to += 32) {
      const pair = v128.load(at);
      silent = i8x16.sub(silent, i8x16.eq(pair, zero));
      v128.store(to, lowBytes(row, pair));
      row = next(row);
      v128.store(to, highBytes(row, pair), 16);
      row = next(row);
    }
    if ((columns & 1) != 0) {
      // The upper half is of another pixel.
      const pair = v128.load(at);
      silent = i8x16.sub(silent, v128.and(i8x16.eq(pair, zero), i64x2(-1, 0)));
      v128.store(to, lowBytes(row, pair));
      row = next(row);
      to += 16;
    }
  }
  for (; to < work.unsorted + PAIRS; to += 16) v128.store(to, zero);
  return silent;
}

@inline
function next(row: v128): v128 {
  return i8x16.sub(row, i8x16.splat(-1));
}

/** Sixteen bytes of eight places, `step` apart, to eight vectors: the first bytes of all and the second ones, and so on. */
@inline
function transposeBytes(from: usize, step: usize, to: usize): void {
  const p0 = v128.load(from);
  const p1 = v128.load(from += step);
  const p2 = v128.load(from += step);
  const p3 = v128.load(from += step);
  const p4 = v128.load(from += step);
  const p5 = v128.load(from += step);
  const p6 = v128.load(from += step);
  const p7 = v128.load(from + step);
  const even0 = lowBytes(p0, p4), even1 = lowBytes(p2, p6), odd0 = lowBytes(p1, p5), odd1 = lowBytes(p3, p7);
  storePairs(to, lowBytes(even0, even1), lowBytes(odd0, odd1));
  storePairs(to + 32, highBytes(even0, even1), highBytes(odd0, odd1));
  const even2 = highBytes(p0, p4), even3 = highBytes(p2, p6), odd2 = highBytes(p1, p5), odd3 = highBytes(p3, p7);
  storePairs(to + 64, lowBytes(even2, even3), lowBytes(odd2, odd3));
  storePairs(to + 96, highBytes(even2, even3), highBytes(odd2, odd3));
}

@inline
function storePairs(to: usize, even: v128, odd: v128): void {
  v128.store(to, lowBytes(even, odd));
  v128.store(to, highBytes(even, odd), 16);
}
