/** What a walk left behind, to levels: round half up, rectify, and the exact way for neurons that were early. */

import { earlyLevel, exactLevel } from "./lane";
import { Block, GUARDS, Layer, MAXIMA, roomOf, ROW_MASK, Work } from "./records";
import { advance, walkEvents1, walkEvents2, walkEvents3, walkEvents4 } from "./walk_events";
import { walk32, walkRuns2, walkRuns4, walkRuns8 } from "./walk_runs";

/** Walks a list for one block and puts its levels at `target`, a byte a lane (two where the layer is signed). */

export function walkBlock(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  let done = false;
  if (layer.wide == 0) {
    if (block.weightBytes == 2) {
      if (block.vectors == 3) done = walkEvents3(layer, work, block, list, end, target);
      else if (block.vectors == 4) done = walkEvents4(layer, work, block, list, end, target);
      else if (block.vectors == 2) done = walkEvents2(layer, work, block, list, end, target);
      else done = walkEvents1(layer, work, block, list, end, target);
    } else {
      done = walkRuns(layer, work, block, list, end, target);
    }
  }
  if (!done) walkBlock32(layer, work, block, list, end, target);
}

/** @returns false when 16 bits were too few */

function walkRuns(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): bool {
  const result = work.result;
  if (block.vectors == 8) walkRuns8(list, end, block.table, block.start, result);
  else if (block.vectors == 4) walkRuns4(list, end, block.table, block.start, result);
  else walkRuns2(list, end, block.table, block.start, result);
  const bottom = i16x8.eq(v128.load(result, GUARDS), i16x8.splat(-32768));
  const large = i16x8.gt_u(v128.load(result, GUARDS + 16), i16x8.splat(<i16> layer.currentMax));
  if (v128.any_true(v128.or(bottom, large))) return false;
  const vectors = block.vectors;
  for (let vector = 0; vector < vectors; vector++) {
    const at = vector << 4;
    const maximum = v128.load(result + at, MAXIMA);
    const crossed = i16x8.bitmask(i16x8.eq(maximum, i16x8.splat(32767)));
    storeLevels(layer, work, levelsOf(layer, block, vector, v128.load(result + at)), ~crossed, target, vector);
    if (crossed != 0) finishRuns(layer, work, block, list, end, target, vector, crossed);
  }
  return true;
}

/** The exact way for neurons of a walk in runs: in vectors, but one by one where a bias was only bounded. */
function finishRuns(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
  vector: i32,
  crossed: i32,
): void {
  const biases = block.biasLevels + (vector << 5);
  const low = i32x4.bitmask(i32x4.gt_s(v128.load(biases), i32x4.splat(0)));
  const biased = low | (i32x4.bitmask(i32x4.gt_s(v128.load(biases, 16), i32x4.splat(0))) << 4);
  const alone = crossed & biased;
  if (alone != 0) redo(layer, work, block, list, end, target, vector << 3, alone);
  if (crossed != alone) findCrossingsInRuns(layer, work, block, list, target, vector, crossed & ~alone);
}

/** `findCrossings` for weights i8 and rows by number; a current cannot be multiplied here, so every step is taken. */
function findCrossingsInRuns(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  target: usize,
  vector: i32,
  left: i32,
): void {
  const column = block.table + (vector << 3);
  const rowBytes = block.rowBytes;
  const top = i16x8.splat(32767);
  let potential = v128.load(block.start + (vector << 4));
  let current = i16x8.splat(0);
  let event = load<u32>(list);
  while (true) {
    let level: i32 = event >>> 24;
    do {
      current = i16x8.add(current, v128.load8x8_s(column + (event & ROW_MASK) * rowBytes));
      list += 4;
      event = load<u32>(list);
    } while (<i32> (event >>> 24) == level);
    for (const next: i32 = event >>> 24; level > next; level--) {
      const before = potential;
      potential = i16x8.add_sat_s(potential, current);
      const reached = i16x8.bitmask(i16x8.eq(potential, top)) & left;
      if (reached == 0) continue;
      v128.store(work.histogram, before);
      v128.store(work.histogram, current, 16);
      storeCrossings(layer, work, target, vector << 3, reached, level);
      left &= ~reached;
      if (left == 0) return;
    }
  }
}

/** Levels of eight neurons by the closed form. */

function levelsOf(layer: Layer, block: Block, vector: i32, potential: v128): v128 {
  const weights = i16x8.sub_sat_s(potential, i16x8.splat(<i16> roomOf(layer)));
  return i16x8.shr_s(i16x8.add_sat_s(weights, v128.load(block.finish + (vector << 4))), layer.shift);
}

/** Ends the walk of eight neurons of an event list: their levels to `target`. */

export function leaveBlock(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  target: usize,
  vector: i32,
  potential: v128,
  maximum: v128,
): void {
  const crossed = i16x8.bitmask(i16x8.eq(maximum, i16x8.splat(32767)));
  storeLevels(layer, work, levelsOf(layer, block, vector, potential), ~crossed, target, vector);
  if (crossed != 0) findCrossings(layer, work, block, list, target, vector, crossed);
}

/** Walks eight neurons again, those in `left` being known to cross, to see when each does. */
function findCrossings(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  target: usize,
  vector: i32,
  left: i32,
): void {
  const column = block.table + (vector << 4);
  const stepMax = layer.stepMax;
  const top = i16x8.splat(32767);
  let potential = v128.load(block.start + (vector << 4));
  let current = i16x8.splat(0);
  let event = load<u32>(list);
  while (true) {
    list += 4;
    const next = load<u32>(list);
    let level: i32 = event >>> 24;
    current = i16x8.add(current, v128.load(column + (event & ROW_MASK)));
    do {
      const steps = min(level - <i32> (next >>> 24), stepMax);
      const before = potential;
      potential = advance(potential, current, i16x8.splat(<i16> steps));
      const reached = i16x8.bitmask(i16x8.eq(potential, top)) & left;
      if (reached != 0) {
        v128.store(work.histogram, before);
        v128.store(work.histogram, current, 16);
        storeCrossings(layer, work, target, vector << 3, reached, level);
        left &= ~reached;
        if (left == 0) return;
      }
      level -= steps;
    } while (level > <i32> (next >>> 24));
    event = next;
  }
}

/** Levels of the neurons in `mask`, which cross from their potential before the step of `level`, by their current. */
function storeCrossings(layer: Layer, work: Work, target: usize, lane: i32, mask: i32, level: i32): void {
  while (mask != 0) {
    const at = ctz(mask);
    mask &= mask - 1;
    const before = <i32> load<i16>(work.histogram + (at << 1));
    const current = <i32> load<i16>(work.histogram + (at << 1), 16);
    const found = earlyLevel(layer, work, level - (32767 - before - 1) / current);
    if (layer.signed != 0) store<i16>(target + ((lane + at) << 1), <i16> found);
    else store<u8>(target + lane + at, <u8> found);
  }
}

/** Stores eight levels and counts those of the lanes in `mask` that were rectified or saturated. */

function storeLevels(layer: Layer, work: Work, levels: v128, mask: i32, target: usize, vector: i32): void {
  if (layer.signed != 0) {
    const floor = i16x8.splat(<i16> (1 - layer.unit));
    const silent = i16x8.bitmask(i16x8.lt_s(levels, floor)) & mask;
    if (silent != 0) work.saturated += popcnt(silent);
    v128.store(target + (vector << 4), i16x8.max_s(levels, floor));
  } else {
    // Narrowing without sign turns negative levels to 0: that is the rectification.
    work.rectified += popcnt(i16x8.bitmask(levels) & mask);
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
  const rowBytes = block.rowBytes;
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
    walk32(list, end, row0, block.rowBytes, block.weightBytes, block.start32 + constants, result);
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
