/**
 * Walks of event lists in 16 bits, with weights in pairs.
 *
 *   for each level that has events: current += weights of their rows; potential += current · steps until the next level
 *
 * Between two levels a potential is a straight line, so its highest value is at an end: one look at the highest of all after
 * each level shows whether any neuron reached the limit. There the walk stops, `crossing.ts` sees to those neurons, and the
 * walk goes on. Potentials start as far below the limit as the threshold is above 0, and a small bias is taken to have come
 * before everything: a bound, which `crossing.ts` looks into. Watched walks add larger ones as they come, stop for potentials
 * that fell out of 16 bits as well, and leave in the guard the largest current, of which no lane is safe if it is too large.
 *
 * A walk leaves potentials, notes and the guard in `Work.result`. Potentials are in memory meanwhile, as sums fill the registers.
 */

import { crossGroups, noteStart, raised, riseAt } from "./crossing";
import { lows } from "./pairs";
import { Block, CHUNK, GUARD, HIGHS, Layer, NOTES, SUMS, Work } from "./records";

/** Larger of `peak` and |current|, unsigned: |−32768| is 32768. */
@inline
function higher(peak: v128, current: v128): v128 {
  return i16x8.max_u(peak, i16x8.abs(current));
}

/** Advances eight potentials in memory. @returns them */
@inline
function advance(result: usize, current: v128, steps: v128): v128 {
  const potential = i16x8.add_sat_s(v128.load(result), i16x8.mul(current, steps));
  v128.store(result, potential);
  return potential;
}

/** Whether any potential is at the limit, or was when it saturated. */
@inline
function reaches(potential: v128, limit: v128): bool {
  return i8x16.bitmask(i16x8.gt_s(potential, limit)) != 0;
}

/** Whether any is, or any is at the bottom, where it saturated. */
@inline
function leaves(highest: v128, limit: v128, lowest: v128): bool {
  const bottom = i16x8.eq(lowest, i16x8.splat(-32768));
  return i8x16.bitmask(v128.or(i16x8.gt_s(highest, limit), bottom)) != 0;
}

/**
 * Walks `groups` groups from the potentials in `Work.result` and the sums at `sums`, until a potential is at the limit, which
 * leaves the sums in `Work.result`, or to the end. Both `groups` and `watched` are constants where this is called, so what they
 * exclude is not compiled.
 *
 * @returns where in the list the next event is; 0 at the end
 */
@inline
function walkGroups(
  groups: i32,
  watched: bool,
  layer: Layer,
  block: Block,
  result: usize,
  sums: usize,
  first: usize,
  list: usize,
  end: usize,
): usize {
  const rowBytes = groups << 4;
  const table = block.table, stepMax = layer.stepMax;
  const rises = watched ? block.rises : 0;
  const currents = watched && layer.currentMax != ANY_CURRENT;
  const limit = i16x8.splat(<i16> (layer.limit - 1));
  const zero = i16x8.splat(0);
  let sum0 = v128.load(sums), high0 = v128.load(sums, 96);
  let sum1 = zero, sum2 = zero, sum3 = zero, sum4 = zero, sum5 = zero;
  let high1 = zero, high2 = zero, high3 = zero, high4 = zero, high5 = zero;
  if (groups > 1) {
    sum1 = v128.load(sums, 16);
    high1 = v128.load(sums, 112);
  }
  if (groups > 2) {
    sum2 = v128.load(sums, 32);
    high2 = v128.load(sums, 128);
  }
  if (groups > 3) {
    sum3 = v128.load(sums, 48);
    high3 = v128.load(sums, 144);
  }
  if (groups > 4) {
    sum4 = v128.load(sums, 64);
    high4 = v128.load(sums, 160);
  }
  if (groups > 5) {
    sum5 = v128.load(sums, 80);
    high5 = v128.load(sums, 176);
  }
  let peak = zero, most = zero, least = zero;
  let event = load<u32>(list);
  while (list < end) {
    const level: i32 = event >>> 24;
    // Events of this level are no smaller. Rows are right modulo 2^32, which spares a mask.
    const base = <u32> level << 24;
    const rows = table - base * rowBytes;
    const chunk = currents ? list + CHUNK * 4 : end + 4;
    do {
      const row = rows + event * rowBytes;
      list += 4;
      event = load<u32>(list);
      const w0 = v128.load(row);
      sum0 = i16x8.add(sum0, w0);
      high0 = i16x8.add(high0, i16x8.shr_s(w0, 8));
      if (groups > 1) {
        const w1 = v128.load(row, 16);
        sum1 = i16x8.add(sum1, w1);
        high1 = i16x8.add(high1, i16x8.shr_s(w1, 8));
      }
      if (groups > 2) {
        const w2 = v128.load(row, 32);
        sum2 = i16x8.add(sum2, w2);
        high2 = i16x8.add(high2, i16x8.shr_s(w2, 8));
      }
      if (groups > 3) {
        const w3 = v128.load(row, 48);
        sum3 = i16x8.add(sum3, w3);
        high3 = i16x8.add(high3, i16x8.shr_s(w3, 8));
      }
      if (groups > 4) {
        const w4 = v128.load(row, 64);
        sum4 = i16x8.add(sum4, w4);
        high4 = i16x8.add(high4, i16x8.shr_s(w4, 8));
      }
      if (groups > 5) {
        const w5 = v128.load(row, 80);
        sum5 = i16x8.add(sum5, w5);
        high5 = i16x8.add(high5, i16x8.shr_s(w5, 8));
      }
      if (watched && list >= chunk) break;
    } while (event >= base);
    const offset = i16x8.splat(<i16> ((list - first) << 5));
    if (currents) {
      peak = higher(higher(peak, lows(sum0, high0, offset)), high0);
      if (groups > 1) peak = higher(higher(peak, lows(sum1, high1, offset)), high1);
      if (groups > 2) peak = higher(higher(peak, lows(sum2, high2, offset)), high2);
      if (groups > 3) peak = higher(higher(peak, lows(sum3, high3, offset)), high3);
      if (groups > 4) peak = higher(higher(peak, lows(sum4, high4, offset)), high4);
      if (groups > 5) peak = higher(higher(peak, lows(sum5, high5, offset)), high5);
    }
    const next: i32 = event >>> 24;
    let left = level - next;
    do {
      const few = min(left, stepMax);
      const steps = i16x8.splat(<i16> few);
      left -= few;
      const rise = riseAt(rises, next + left, groups);
      const first0 = advance(result, lows(sum0, high0, offset), steps);
      const second0 = advance(result + 16, high0, steps);
      if (watched) least = i16x8.min_s(first0, second0);
      if (rise != 0) most = i16x8.max_s(raised(rise, first0), raised(rise + 16, second0));
      else most = i16x8.max_s(first0, second0);
      if (groups > 1) {
        const first1 = advance(result + 32, lows(sum1, high1, offset), steps);
        const second1 = advance(result + 48, high1, steps);
        if (watched) least = i16x8.min_s(least, i16x8.min_s(first1, second1));
        if (rise != 0) most = i16x8.max_s(most, i16x8.max_s(raised(rise + 32, first1), raised(rise + 48, second1)));
        else most = i16x8.max_s(most, i16x8.max_s(first1, second1));
      }
      if (groups > 2) {
        const first2 = advance(result + 64, lows(sum2, high2, offset), steps);
        const second2 = advance(result + 80, high2, steps);
        if (watched) least = i16x8.min_s(least, i16x8.min_s(first2, second2));
        if (rise != 0) most = i16x8.max_s(most, i16x8.max_s(raised(rise + 64, first2), raised(rise + 80, second2)));
        else most = i16x8.max_s(most, i16x8.max_s(first2, second2));
      }
      if (groups > 3) {
        const first3 = advance(result + 96, lows(sum3, high3, offset), steps);
        const second3 = advance(result + 112, high3, steps);
        if (watched) least = i16x8.min_s(least, i16x8.min_s(first3, second3));
        if (rise != 0) most = i16x8.max_s(most, i16x8.max_s(raised(rise + 96, first3), raised(rise + 112, second3)));
        else most = i16x8.max_s(most, i16x8.max_s(first3, second3));
      }
      if (groups > 4) {
        const first4 = advance(result + 128, lows(sum4, high4, offset), steps);
        const second4 = advance(result + 144, high4, steps);
        if (watched) least = i16x8.min_s(least, i16x8.min_s(first4, second4));
        if (rise != 0) most = i16x8.max_s(most, i16x8.max_s(raised(rise + 128, first4), raised(rise + 144, second4)));
        else most = i16x8.max_s(most, i16x8.max_s(first4, second4));
      }
      if (groups > 5) {
        const first5 = advance(result + 160, lows(sum5, high5, offset), steps);
        const second5 = advance(result + 176, high5, steps);
        if (watched) least = i16x8.min_s(least, i16x8.min_s(first5, second5));
        if (rise != 0) most = i16x8.max_s(most, i16x8.max_s(raised(rise + 160, first5), raised(rise + 176, second5)));
        else most = i16x8.max_s(most, i16x8.max_s(first5, second5));
      }
    } while (left > 0);
    if (watched ? leaves(most, limit, least) : reaches(most, limit)) {
      v128.store(result, sum0, SUMS);
      v128.store(result, high0, HIGHS);
      if (groups > 1) {
        v128.store(result, sum1, SUMS + 16);
        v128.store(result, high1, HIGHS + 16);
      }
      if (groups > 2) {
        v128.store(result, sum2, SUMS + 32);
        v128.store(result, high2, HIGHS + 32);
      }
      if (groups > 3) {
        v128.store(result, sum3, SUMS + 48);
        v128.store(result, high3, HIGHS + 48);
      }
      if (groups > 4) {
        v128.store(result, sum4, SUMS + 64);
        v128.store(result, high4, HIGHS + 64);
      }
      if (groups > 5) {
        v128.store(result, sum5, SUMS + 80);
        v128.store(result, high5, HIGHS + 80);
      }
      if (currents) guard(result, peak);
      return list;
    }
  }
  if (currents) guard(result, peak);
  return 0;
}

@inline
function guard(result: usize, peak: v128): void {
  v128.store(result, i16x8.max_u(v128.load(result, GUARD), peak), GUARD);
}

/** `Layer.currentMax` where no current can leave 16 bits. */
const ANY_CURRENT = 65535;

/** Walks a list for one block. @returns false when 16 bits were too few, and what was noted is of no use */
export function walk16(layer: Layer, work: Work, block: Block, list: usize, end: usize): bool {
  const result = work.result;
  const early = work.early, saturated = work.saturated;
  prepare(layer, block, list, result);
  let at = walkPart(layer, block, result, block.start + (block.groups << 5), list, list, end);
  while (at != 0) {
    crossGroups(layer, work, block, list, at);
    at = walkPart(layer, block, result, result + SUMS, list, at, end);
  }
  if (layer.watched == 0) return true;
  if (block.rises != 0) addRises(block, result);
  const largest = i16x8.splat(<i16> layer.currentMax);
  if (!v128.any_true(i16x8.gt_u(v128.load(result, GUARD), largest))) return true;
  work.early = early;
  work.saturated = saturated;
  return false;
}

/** Everything at its start: potentials, notes, guard. Neurons that a bias alone takes to the limit are noted. */
function prepare(layer: Layer, block: Block, list: usize, result: usize): void {
  const zero = i16x8.splat(0);
  const bytes = block.groups << 5, start = block.start;
  let most = i16x8.splat(-32768);
  for (let at = 0; at < bytes; at += 32) {
    const first = v128.load(start + at), second = v128.load(start + at, 16);
    v128.store(result + at, first);
    v128.store(result + at, second, 16);
    v128.store(result + (at >> 1), zero, NOTES);
    most = i16x8.max_s(most, i16x8.max_s(first, second));
  }
  v128.store(result, zero, GUARD);
  if (block.rises != 0 || reaches(most, i16x8.splat(<i16> (layer.limit - 1)))) noteStart(layer, block, list, result);
}

/** Adds what biases bring in all. */
function addRises(block: Block, result: usize): void {
  for (let at = 0; at < block.groups << 5; at += 16) {
    v128.store(result + at, i16x8.add_sat_s(v128.load(result + at), v128.load(block.rises + at)));
  }
}

@inline
function walkPart(
  layer: Layer,
  block: Block,
  result: usize,
  sums: usize,
  first: usize,
  list: usize,
  end: usize,
): usize {
  const groups = block.groups;
  if (layer.watched == 0) {
    if (groups == 6) return walk6(layer, block, result, sums, first, list, end);
    if (groups == 3) return walk3(layer, block, result, sums, first, list, end);
    if (groups == 4) return walk4(layer, block, result, sums, first, list, end);
    if (groups == 5) return walk5(layer, block, result, sums, first, list, end);
    if (groups == 2) return walk2(layer, block, result, sums, first, list, end);
    return walk1(layer, block, result, sums, first, list, end);
  }
  if (groups == 6) return walkWatched6(layer, block, result, sums, first, list, end);
  if (groups == 3) return walkWatched3(layer, block, result, sums, first, list, end);
  if (groups == 4) return walkWatched4(layer, block, result, sums, first, list, end);
  if (groups == 5) return walkWatched5(layer, block, result, sums, first, list, end);
  if (groups == 2) return walkWatched2(layer, block, result, sums, first, list, end);
  return walkWatched1(layer, block, result, sums, first, list, end);
}

function walk1(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(1, false, layer, block, result, sums, first, list, end);
}

function walk2(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(2, false, layer, block, result, sums, first, list, end);
}

function walk3(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(3, false, layer, block, result, sums, first, list, end);
}

function walk4(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(4, false, layer, block, result, sums, first, list, end);
}

function walk5(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(5, false, layer, block, result, sums, first, list, end);
}

function walk6(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(6, false, layer, block, result, sums, first, list, end);
}

function walkWatched1(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(1, true, layer, block, result, sums, first, list, end);
}

function walkWatched2(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(2, true, layer, block, result, sums, first, list, end);
}

function walkWatched3(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(3, true, layer, block, result, sums, first, list, end);
}

function walkWatched4(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(4, true, layer, block, result, sums, first, list, end);
}

function walkWatched5(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(5, true, layer, block, result, sums, first, list, end);
}

function walkWatched6(layer: Layer, block: Block, result: usize, sums: usize, first: usize, list: usize, end: usize): usize {
  return walkGroups(6, true, layer, block, result, sums, first, list, end);
}
