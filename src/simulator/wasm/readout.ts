/** What a walk left behind, to levels: round half up, rectify, and the exact way for neurons that were early. */

import { exactLevel } from "./lane";
import { Block, CHUNK, GUARDS, Layer, MAXIMA, roomOf, Work } from "./records";
import { walk32, walkEvents1, walkEvents2, walkEvents4, walkRuns2, walkRuns4, walkRuns8 } from "./walk";

/** Walks a list for one block and puts its levels at `target`, a byte a lane (two where the layer is signed). */

export function walkBlock(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  if (layer.wide != 0) return walkBlock32(layer, work, block, list, end, target);
  const result = work.result;
  if (block.weightBytes == 2) {
    const guarded = layer.guarded != 0;
    if (block.vectors == 4) walkEvents4(list, end, block.table, block.start, result, layer.stepMax, guarded);
    else if (block.vectors == 2) walkEvents2(list, end, block.table, block.start, result, layer.stepMax, guarded);
    else walkEvents1(list, end, block.table, block.start, result, layer.stepMax, guarded);
    if (guarded && bottomReached(result)) return walkBlock32(layer, work, block, list, end, target);
  } else {
    if (block.vectors == 8) walkRuns8(list, end, block.table, block.start, result);
    else if (block.vectors == 4) walkRuns4(list, end, block.table, block.start, result);
    else walkRuns2(list, end, block.table, block.start, result);
    if (bottomReached(result) || currentTooLarge(layer, result)) {
      return walkBlock32(layer, work, block, list, end, target);
    }
  }
  readBlock(layer, work, block, list, end, target);
}

function bottomReached(result: usize): bool {
  return v128.any_true(i16x8.eq(v128.load(result, GUARDS), i16x8.splat(-32768)));
}

function currentTooLarge(layer: Layer, result: usize): bool {
  return v128.any_true(i16x8.gt_u(v128.load(result, GUARDS + 16), i16x8.splat(<i16> layer.currentMax)));
}

function readBlock(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  const room = i16x8.splat(<i16> roomOf(layer));
  const top = i16x8.splat(32767);
  const signed = layer.signed != 0;
  const vectors = block.vectors;
  for (let vector = 0; vector < vectors; vector++) {
    const at = vector << 4;
    const potential = i16x8.sub_sat_s(v128.load(work.result + at), room);
    const sum = i16x8.add_sat_s(potential, v128.load(block.finish + at));
    const levels = i16x8.shr_s(sum, layer.shift);
    const crossed = i16x8.bitmask(i16x8.eq(v128.load(work.result + at, MAXIMA), top));
    storeLevels(layer, work, levels, ~crossed, target, vector);
    if (crossed != 0) redo(layer, work, block, list, end, target, vector << 3, crossed);
  }
}

/** Stores eight levels and counts those of the lanes in `mask` that were rectified or saturated. */

function storeLevels(layer: Layer, work: Work, levels: v128, mask: i32, target: usize, vector: i32): void {
  if (layer.signed != 0) {
    const floor = i16x8.splat(<i16> (1 - layer.unit));
    const silent = i16x8.bitmask(i16x8.lt_s(levels, floor)) & mask;
    if (silent != 0) work.saturated += <f64> popcnt(silent);
    v128.store(target + (vector << 4), i16x8.max_s(levels, floor));
  } else {
    // Narrowing without sign turns negative levels to 0: that is the rectification.
    work.rectified += <f64> popcnt(i16x8.bitmask(levels) & mask);
    v128.store64_lane(target + (vector << 3), i8x16.narrow_i16x8_u(levels, levels), 0);
  }
}

/** The exact way for the lanes in `mask`, counted from `lane`. */
function redo(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
  lane: i32,
  mask: i32,
): void {
  const rowBytes = 1 << block.rowShift;
  while (mask != 0) {
    const at = lane + ctz(mask);
    mask &= mask - 1;
    const row0 = block.table + at * block.weightBytes;
    const bias = load<i32>(block.biasLevels + (at << 2));
    const level = exactLevel(layer, work, list, end, row0, rowBytes, block.weightBytes, bias);
    if (layer.signed != 0) store<i16>(target + (at << 1), <i16> level);
    else store<u8>(target + at, <u8> level);
  }
}

/** `walkBlock` in 32 bits. */
function walkBlock32(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  const result = work.result;
  const threshold = i32x4.splat(layer.threshold);
  for (let vector = 0; vector < block.vectors; vector++) {
    const row0 = block.table + (vector << 3) * block.weightBytes;
    const constants = vector << 5;
    walk32(list, end, row0, block.rowShift, block.weightBytes, block.start32 + constants, result);
    const low = i32x4.add(v128.load(result), v128.load(block.finish32 + constants));
    const high = i32x4.add(v128.load(result, 16), v128.load(block.finish32 + constants, 16));
    const levels = i16x8.narrow_i32x4_s(i32x4.shr_s(low, layer.shift), i32x4.shr_s(high, layer.shift));
    const crossed = i32x4.bitmask(i32x4.ge_s(v128.load(result, 32), threshold)) |
      (i32x4.bitmask(i32x4.ge_s(v128.load(result, 48), threshold)) << 4);
    storeLevels(layer, work, levels, ~crossed, target, vector);
    if (crossed != 0) redo(layer, work, block, list, end, target, vector << 3, crossed);
  }
}

/** Copies `bytes` bytes and writes none besides; may read up to 15 more. */

export function copyExact(target: usize, source: usize, bytes: i32): void {
  if (bytes >= 16) {
    const last = bytes - 16;
    for (let at = 0; at < last; at += 16) v128.store(target + at, v128.load(source + at));
    v128.store(target + last, v128.load(source + last));
  } else if (bytes >= 8) {
    store<u64>(target, load<u64>(source));
    store<u64>(target + bytes - 8, load<u64>(source + bytes - 8));
  } else if (bytes >= 4) {
    store<u32>(target, load<u32>(source));
    store<u32>(target + bytes - 4, load<u32>(source + bytes - 4));
  } else {
    for (let at = 0; at < bytes; at++) store<u8>(target + at, load<u8>(source + at));
  }
}
