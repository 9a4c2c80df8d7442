/**
 * Gather for few sources: positions one by one, whose lists are made for eight at once. Their sources are 16-bit keys, level
 * above row, a lane a position, and a sorting network puts all eight in order together. Walks are as for any list.
 */

import { Block, Layer, Work } from "./records";
import { copyExact, walkBlock } from "./readout";
import { sortKeys } from "./sort_keys";

/** Bytes of a list: as many events as there are keys at most, and what a vector more may write. */
const LIST: usize = 160;
/** In `Work.unsorted`: keys, pairs of columns, zeros of each position, then the source rows with their padding. */
const PAIRS: usize = 512;
const ZEROS: usize = 640;
const ROWS: usize = 704;

/** Runs rows of positions `from` to `to` (exclusive). A position sees at most 32 sources, 16 of them in a row. */
export function runPoints(layer: Layer, work: Work, from: i32, to: i32): void {
  const width = layer.outWidth;
  const rows = layer.kernelY * layer.kernelX * layer.inChannels;
  const channels = layer.channels;
  const bytes = layer.signed != 0 ? 1 : 0;
  const stride = layer.targetStride << bytes;
  let events = 0;
  for (let y = from; y < to; y++) {
    padRows(layer, work, y);
    let target = layer.target + y * width * stride;
    for (let x = 0; x < width; x += 8) {
      gatherKeys(layer, work, x);
      sortKeys(work.unsorted, rows);
      storeLists(work, rows);
      let list = work.lists;
      const last = list + <usize> min(8, width - x) * LIST;
      for (let zeros = work.unsorted + ZEROS; list < last; list += LIST, zeros++, target += stride) {
        const count = rows - <i32> load<u8>(zeros) - <i32> load<u8>(zeros, 8);
        events += count;
        const end = list + (count << 2);
        store<u32>(end, 0);
        walkPoint(layer, work, list, end);
        copyExact(target, work.tile, channels << bytes);
      }
    }
  }
  work.events += <f64> events * <f64> channels;
}

/** Walks all blocks of a position, and leaves their levels at `work.tile`. */
function walkPoint(layer: Layer, work: Work, list: usize, end: usize): void {
  const bytes = layer.signed != 0 ? 1 : 0;
  for (let at = 0; at < layer.blockCount; at++) {
    const block = changetype<Block>(layer.blocks + at * offsetof<Block>());
    walkBlock(layer, work, block, list, end, work.tile + (block.firstLane << bytes));
  }
}

/** Copies the source rows that row `y` of positions sees, with zeros around; `layer.bucketBytes` from one to the next. */
function padRows(layer: Layer, work: Work, y: i32): void {
  const zero = i8x16.splat(0);
  const span = layer.bucketBytes;
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

/** Keys of eight positions from column `x` on, in the order of rows, and how many of each have level 0. */
@inline
function gatherKeys(layer: Layer, work: Work, x: i32): void {
  const zero = i8x16.splat(0);
  const columns = layer.kernelX * layer.inChannels;
  const step = layer.strideX * layer.inChannels;
  const pairs = work.unsorted + PAIRS;
  const evenEnd = pairs + ((columns >> 1) << 4);
  let zeros = zero;
  let row = zero;
  let to = work.unsorted;
  let from = work.unsorted + ROWS + x * step;
  for (let ky = 0; ky < layer.kernelY; ky++, from += layer.bucketBytes) {
    transposeBytes(from, step, pairs);
    let at = pairs;
    for (; at < evenEnd; at += 16, to += 32) {
      const pair = v128.load(at);
      zeros = i8x16.sub(zeros, i8x16.eq(pair, zero));
      v128.store(to, lowBytes(row, pair));
      row = next(row);
      v128.store(to, highBytes(row, pair), 16);
      row = next(row);
    }
    if ((columns & 1) != 0) {
      // The upper half is of another pixel.
      const pair = v128.load(at);
      zeros = i8x16.sub(zeros, v128.and(i8x16.eq(pair, zero), i64x2(-1, 0)));
      v128.store(to, lowBytes(row, pair));
      row = next(row);
      to += 16;
    }
  }
  v128.store(work.unsorted, zeros, ZEROS);
  for (; to < work.unsorted + PAIRS; to += 16) v128.store(to, zero);
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

@inline
function lowBytes(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function highBytes(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

@inline
function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function highWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Sorted keys of eight positions to eight lists of events. */
@inline
function storeLists(work: Work, rows: i32): void {
  const last = work.unsorted + (rows << 4);
  let list = work.lists;
  for (let at = work.unsorted; at < last; at += 128, list += 32) {
    const k0 = v128.load(at), k1 = v128.load(at, 16), k2 = v128.load(at, 32), k3 = v128.load(at, 48);
    const k4 = v128.load(at, 64), k5 = v128.load(at, 80), k6 = v128.load(at, 96), k7 = v128.load(at, 112);
    const a0 = lowWords(k0, k4), a1 = lowWords(k1, k5), a2 = lowWords(k2, k6), a3 = lowWords(k3, k7);
    const b0 = lowWords(a0, a2), b1 = lowWords(a1, a3), b2 = highWords(a0, a2), b3 = highWords(a1, a3);
    storeEvents(list, lowWords(b0, b1));
    storeEvents(list + LIST, highWords(b0, b1));
    storeEvents(list + 2 * LIST, lowWords(b2, b3));
    storeEvents(list + 3 * LIST, highWords(b2, b3));
    const a4 = highWords(k0, k4), a5 = highWords(k1, k5), a6 = highWords(k2, k6), a7 = highWords(k3, k7);
    const b4 = lowWords(a4, a6), b5 = lowWords(a5, a7), b6 = highWords(a4, a6), b7 = highWords(a5, a7);
    storeEvents(list + 4 * LIST, lowWords(b4, b5));
    storeEvents(list + 5 * LIST, highWords(b4, b5));
    storeEvents(list + 6 * LIST, lowWords(b6, b7));
    storeEvents(list + 7 * LIST, highWords(b6, b7));
  }
}

/** Level and row, a byte each, apart by two bytes of zeros. */
@inline
function storeEvents(list: usize, keys: v128): void {
  const levels = i16x8.shl(i16x8.shr_u(keys, 8), 8);
  const rows = v128.xor(keys, levels);
  v128.store(list, lowWords(rows, levels));
  v128.store(list, highWords(rows, levels), 16);
}
