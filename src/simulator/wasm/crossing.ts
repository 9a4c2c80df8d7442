/**
 * Neurons that a walk found at the limit: which step they spiked at, told on the spot, as a potential and a current tell the
 * straight line that led there. And those whose potential fell out of 16 bits, which have to be walked again by themselves.
 *
 * A neuron's note is 0, or `SETTLED` once its bias has come for good, or `UNSURE` where 16 bits saturated, or else the level of
 * its early spike. What has a note of the last two kinds is sunk: its potential has no meaning any more.
 */

import { earlyLevel } from "./lane";
import { lows } from "./pairs";
import { Block, CURRENTS, HIGHS, Layer, NOTES, SETTLED, SUMS, UNSURE, Work } from "./records";

/** Where a potential goes that is of no use any more: far from both ends, as either costs time. */
const SUNK: i16 = -4096;

/** Which notes leave a level to the closed form: a settled neuron is as late as one without a note. */
@inline
export function openNotes(notes: v128): v128 {
  return v128.or(i8x16.eq(notes, i8x16.splat(0)), i8x16.eq(notes, i8x16.splat(<i8> SETTLED)));
}

/** A potential and what biases add to it by now. */
@inline
export function raised(rise: usize, potential: v128): v128 {
  return rise != 0 ? i16x8.add_sat_s(potential, v128.load(rise)) : potential;
}

/** What biases add by the time at which events of `level` come; 0: nothing. */
@inline
export function riseAt(rises: usize, level: i32, groups: i32): usize {
  return rises != 0 ? rises + <usize> level * (groups << 5) : 0;
}

/** Lanes of a group, from `lane` on, at the limit, or at the bottom of 16 bits, a bit each. */
@inline
function leavingLanes(layer: Layer, result: usize, rises: usize, lane: i32): i32 {
  const at = result + (lane << 1), rise = rises == 0 ? 0 : rises + (lane << 1);
  const first = v128.load(at), second = v128.load(at, 16);
  return i8x16.bitmask(
    i8x16.narrow_i16x8_s(leaving(layer, first, rise), leaving(layer, second, rise == 0 ? 0 : rise + 16)),
  );
}

@inline
function leaving(layer: Layer, potential: v128, rise: usize): v128 {
  const reached = i16x8.gt_s(raised(rise, potential), i16x8.splat(<i16> (layer.limit - 1)));
  return v128.or(reached, i16x8.eq(potential, i16x8.splat(-32768)));
}

/** Notes what is at the limit before any event came. */
export function noteStart(layer: Layer, block: Block, list: usize, result: usize): void {
  const rises = riseAt(block.rises, load<u32>(list) >>> 24, block.groups);
  for (let lane = 0; lane < block.groups << 4; lane += 16) {
    for (let mask = leavingLanes(layer, result, rises, lane); mask != 0; mask &= mask - 1) {
      const at = lane + ctz(mask);
      store<u8>(result + at, <u8> UNSURE, NOTES);
      store<i16>(result + (at << 1), SUNK);
    }
  }
}

/** Sees to all neurons for which a walk in pairs stopped at `at`. */
export function crossGroups(layer: Layer, work: Work, block: Block, list: usize, at: usize): void {
  const result = work.result;
  const now: i32 = load<u32>(at - 4) >>> 24, next: i32 = load<u32>(at) >>> 24;
  const offset = i16x8.splat(<i16> ((at - list) << 5));
  const rises = riseAt(block.rises, next, block.groups);
  for (let lane = 0; lane < block.groups << 4; lane += 16) {
    const mask = leavingLanes(layer, result, rises, lane);
    if (mask == 0) continue;
    const potentials = result + (lane << 1);
    let high = v128.load(result + lane, HIGHS);
    const currents = result + CURRENTS;
    v128.store(currents, lows(v128.load(result + lane, SUMS), high, offset));
    v128.store(currents, high, 16);
    const biases = block.biasLevels + (lane << 2);
    crossLanes(layer, work, biases, rises != 0, currents, potentials, result + NOTES + lane, SUNK, mask, now, next);
    high = v128.load(currents, 16);
    v128.store(result + lane, i16x8.add(i16x8.add(v128.load(currents), i16x8.shl(high, 8)), offset), SUMS);
    v128.store(result + lane, high, HIGHS);
  }
}

/**
 * Sees to the lanes in `mask` after the line from level `now` to `next`. A potential that has its small bias from the start may
 * only seem to have crossed: where the bias has come by `next`, the neuron is settled, i.e. its potential is made exact.
 *
 * @param biases levels, i32 a lane
 * @param apart potentials leave biases out
 */
export function crossLanes(
  layer: Layer,
  work: Work,
  biases: usize,
  apart: bool,
  currents: usize,
  potentials: usize,
  notes: usize,
  sunk: i16,
  mask: i32,
  now: i32,
  next: i32,
): void {
  const one = 1 << layer.shift;
  for (; mask != 0; mask &= mask - 1) {
    const lane = ctz(mask);
    const place = potentials + (lane << 1);
    const note = <i32> load<u8>(notes + lane);
    const current = <i32> load<i16>(currents + (lane << 1));
    let potential = <i32> load<i16>(place);
    let level = now;
    let crossed = false;
    const told = note != 0 && note != SETTLED;
    if (told || potential == 32767 || potential == -32768 || layer.levelMax >= UNSURE) {
      // Sunk before, and climbed; or without a trace of where the line began.
      if (!told) store<u8>(notes + lane, <u8> UNSURE);
      store<i16>(place, sunk);
      continue;
    }
    const bias = note == SETTLED ? 0 : max(load<i32>(biases + (lane << 2)), 0);
    potential -= current * (now - next);
    while (level > next && !crossed) {
      level--;
      potential += current;
      crossed = potential + (apart ? max(bias - level, 0) : -min(bias, level)) * one >= layer.limit;
    }
    if (crossed) {
      store<u8>(notes + lane, <u8> earlyLevel(layer, work, level + 1));
      store<i16>(place, sunk);
    } else if (next < bias && !apart) {
      store<u8>(notes + lane, <u8> SETTLED);
      store<i16>(currents + (lane << 1), <i16> (current + one));
      store<i16>(place, <i16> (potential - next * one));
    }
  }
}
