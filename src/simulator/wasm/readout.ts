/** What a walk left behind, to levels: round half up, rectify, and the exact way for neurons that were early. */

import { openNotes } from "./crossing";
import { exactLevel } from "./lane";
import { levelsOf, roomOf } from "./levels";
import { pairOffset, pairShift } from "./pairs";
import { Block, Layer, NOTES, UNSURE, Work } from "./records";
import { walk32 } from "./walk_32";
import { walkShortBlock } from "./walk_short";
import { walk16 } from "./walk_groups";

/** Walks a list for one block and puts its levels at `target`, a byte a lane (two where the layer is signed). */
@inline
export function walkBlock(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  if (layer.short != 0) walkShortBlock(layer, work, block, list, end, target);
  else if (layer.wide != 0 || !walk16(layer, work, block, list, end)) walkBlock32(layer, work, block, list, end, target);
  else leaveBlock(layer, work, block, list, target);
}

/** Walks a list for all blocks, and puts their levels side by side at `target`. */
@inline
export function walkBlocks(layer: Layer, work: Work, list: usize, end: usize, target: usize): void {
  const bytes = layer.signed != 0 ? 1 : 0;
  for (let at = 0; at < layer.blockCount; at++) {
    const block = changetype<Block>(layer.blocks + at * offsetof<Block>());
    walkBlock(layer, work, block, list, end, target + (block.firstLane << bytes));
  }
}

/** Levels of all lanes by the closed form; then those of neurons that spiked early, or may have. */
@inline
function leaveBlock(layer: Layer, work: Work, block: Block, list: usize, target: usize): void {
  const room = i16x8.splat(<i16> roomOf(layer));
  const bytes = block.groups << 5;
  for (let at = 0; at < bytes; at += 32) {
    const from = work.result + at;
    const finish = block.finish + at;
    const low = levelsOf(layer, v128.load(from), room, v128.load(finish));
    const high = levelsOf(layer, v128.load(from, 16), room, v128.load(finish, 16));
    const crossed = ~i8x16.bitmask(openNotes(v128.load(work.result + (at >> 1), NOTES))) & 0xffff;
    if (layer.signed != 0) {
      const floor = i16x8.splat(<i16> (1 - layer.unit));
      const silent = i8x16.narrow_i16x8_s(i16x8.lt_s(low, floor), i16x8.lt_s(high, floor));
      work.saturated += popcnt(i8x16.bitmask(silent) & ~crossed);
      v128.store(target + at, i16x8.max_s(low, floor));
      v128.store(target + at, i16x8.max_s(high, floor), 16);
    } else {
      // Narrowing without sign turns negative levels to 0: that is the rectification.
      work.rectified += popcnt(i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)) & ~crossed);
      v128.store(target + (at >> 1), i8x16.narrow_i16x8_u(low, high));
    }
    if (crossed != 0) storeNotes(layer, work, block, list, target, at >> 1, crossed);
  }
}

@inline
function storeLevel(layer: Layer, target: usize, lane: i32, level: i32): void {
  if (layer.signed != 0) store<i16>(target + (lane << 1), <i16> level);
  else store<u8>(target + lane, <u8> level);
}

/** Levels of the lanes in `mask`, counted from `lane`: as noted, or the exact way. */
function storeNotes(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  target: usize,
  lane: i32,
  mask: i32,
): void {
  for (; mask != 0; mask &= mask - 1) {
    const at = lane + ctz(mask);
    const note = <i32> load<u8>(work.result + at, NOTES);
    storeLevel(layer, target, at, note == UNSURE ? levelOf(layer, work, block, list, at) : note);
  }
}

/** Level of a lane, the exact way. */
function levelOf(layer: Layer, work: Work, block: Block, list: usize, lane: i32): i32 {
  const pairs = block.weightBytes == 1;
  const row0 = block.table + (pairs ? pairOffset(lane) : lane << 1);
  const bias = load<i32>(block.biasLevels + (lane << 2));
  return exactLevel(layer, work, list, row0, block.rowBytes, pairs ? pairShift(lane) : -1, bias);
}

/** `walkBlock` in 32 bits. */
function walkBlock32(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  const result = work.result;
  const threshold = i32x4.splat(layer.threshold);
  const pairs = block.weightBytes == 1;
  for (let lane = 0; lane < block.groups << 4; lane += 8) {
    const row0 = block.table + (pairs ? pairOffset(lane) : lane << 1);
    const constants = lane << 2;
    walk32(list, end, row0, block.rowBytes, pairs ? pairShift(lane) : -1, block.start32 + constants, result);
    const low = i32x4.add(v128.load(result), v128.load(block.finish32 + constants));
    const high = i32x4.add(v128.load(result, 16), v128.load(block.finish32 + constants, 16));
    const levels = i16x8.narrow_i32x4_s(i32x4.shr_s(low, layer.shift), i32x4.shr_s(high, layer.shift));
    let crossed = i32x4.bitmask(i32x4.ge_s(v128.load(result, 32), threshold)) |
      (i32x4.bitmask(i32x4.ge_s(v128.load(result, 48), threshold)) << 4);
    storeLevels(layer, work, levels, ~crossed, target, lane);
    for (; crossed != 0; crossed &= crossed - 1) {
      const at = lane + ctz(crossed);
      storeLevel(layer, target, at, levelOf(layer, work, block, list, at));
    }
  }
}

/** Stores eight levels and counts those of the lanes in `mask` that were rectified or saturated. */
@inline
function storeLevels(layer: Layer, work: Work, levels: v128, mask: i32, target: usize, lane: i32): void {
  if (layer.signed != 0) {
    const floor = i16x8.splat(<i16> (1 - layer.unit));
    work.saturated += popcnt(i16x8.bitmask(i16x8.lt_s(levels, floor)) & mask);
    v128.store(target + (lane << 1), i16x8.max_s(levels, floor));
  } else {
    work.rectified += popcnt(i16x8.bitmask(levels) & mask);
    v128.store64_lane(target + lane, i8x16.narrow_i16x8_u(levels, levels), 0);
  }
}
