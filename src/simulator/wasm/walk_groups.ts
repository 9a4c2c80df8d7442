/**
 * Walks of event lists in 16 bits, with weights in pairs.
 *
 *   for each level that has events: current += weights of their rows; potential += current · steps until the next level
 *
 * Between two levels a potential is a straight line, so its highest value is at an end: a flag a neuron, looked after at
 * every level, shows whether it ever reached the threshold. Potentials start so high that the threshold is 32767, where 16
 * bits saturate. A small bias is taken to have come before everything: a bound, which `readout.ts` looks into where it
 * matters. Watched walks add larger ones as they come, and show in the guards what left 16 bits at the bottom, or a current
 * that may have.
 *
 * A walk leaves potentials, flags and guards in `Work.result`. Here potentials are in memory meanwhile, as sums and flags
 * fill the registers; `walk_few.ts` has them in registers.
 */

import { atTop, lows } from "./pairs";
import { CHUNK, FLAGS, GUARDS, ROW_MASK } from "./records";

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

/** A potential and what biases add to it by now; `rises` 0: nothing. */
@inline
function raised(rises: usize, potential: v128): v128 {
  return rises != 0 ? i16x8.add_sat_s(potential, v128.load(rises)) : potential;
}

/** Copies the start of a group's potentials. @returns its flags */
@inline
function begin(result: usize, start: usize): v128 {
  const first = v128.load(start), second = v128.load(start, 16);
  v128.store(result, first);
  v128.store(result, second, 16);
  return atTop(first, second);
}

/** Adds what biases bring in all to a group's potentials. @returns their flags */
@inline
function finish(result: usize, rises: usize): v128 {
  const first = i16x8.add_sat_s(v128.load(result), v128.load(rises));
  const second = i16x8.add_sat_s(v128.load(result, 16), v128.load(rises, 16));
  v128.store(result, first);
  v128.store(result, second, 16);
  return atTop(first, second);
}

/**
 * Walks `groups` groups. Both it and `watched` are constants where this is called, so what they exclude is not compiled.
 * `currents`: they may leave 16 bits.
 */
@inline
function walkGroups(
  groups: i32,
  watched: bool,
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  const rowBytes = groups << 4;
  const zero = i16x8.splat(0);
  let sum0 = zero, sum1 = zero, sum2 = zero, sum3 = zero, sum4 = zero, sum5 = zero;
  let high0 = zero, high1 = zero, high2 = zero, high3 = zero, high4 = zero, high5 = zero;
  let flags0 = begin(result, start), flags1 = zero, flags2 = zero, flags3 = zero, flags4 = zero, flags5 = zero;
  if (groups > 1) flags1 = begin(result + 32, start + 32);
  if (groups > 2) flags2 = begin(result + 64, start + 64);
  if (groups > 3) flags3 = begin(result + 96, start + 96);
  if (groups > 4) flags4 = begin(result + 128, start + 128);
  if (groups > 5) flags5 = begin(result + 160, start + 160);
  let low = i16x8.splat(32767), peak = zero;
  const first = list;
  let event = load<u32>(list);
  if (watched && rises != 0) {
    // The first of the straight lines ends where the first event comes.
    const rise = rises + <usize> (event >>> 24) * (groups << 5);
    flags0 = v128.or(flags0, atTop(raised(rise, v128.load(start)), raised(rise + 16, v128.load(start, 16))));
    if (groups > 1) {
      flags1 = v128.or(flags1, atTop(raised(rise + 32, v128.load(start, 32)), raised(rise + 48, v128.load(start, 48))));
    }
    if (groups > 2) {
      flags2 = v128.or(flags2, atTop(raised(rise + 64, v128.load(start, 64)), raised(rise + 80, v128.load(start, 80))));
    }
    if (groups > 3) {
      flags3 = v128.or(flags3, atTop(raised(rise + 96, v128.load(start, 96)), raised(rise + 112, v128.load(start, 112))));
    }
    if (groups > 4) {
      flags4 = v128.or(flags4, atTop(raised(rise + 128, v128.load(start, 128)), raised(rise + 144, v128.load(start, 144))));
    }
    if (groups > 5) {
      flags5 = v128.or(flags5, atTop(raised(rise + 160, v128.load(start, 160)), raised(rise + 176, v128.load(start, 176))));
    }
  }
  while (list < end) {
    const level: i32 = event >>> 24;
    const chunk = watched && currents ? list + CHUNK * 4 : end + 4;
    do {
      const row = table + (event & ROW_MASK) * rowBytes;
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
    } while (<i32> (event >>> 24) == level);
    const offset = i16x8.splat(<i16> ((list - first) << 5));
    if (watched && currents) {
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
      const rise = watched && rises != 0 ? rises + <usize> (next + left) * (groups << 5) : 0;
      const first0 = advance(result, lows(sum0, high0, offset), steps);
      const second0 = advance(result + 16, high0, steps);
      if (watched) {
        low = i16x8.min_s(i16x8.min_s(low, first0), second0);
        if (rise != 0) flags0 = v128.or(flags0, atTop(raised(rise, first0), raised(rise + 16, second0)));
        else flags0 = v128.or(flags0, atTop(first0, second0));
      } else {
        flags0 = v128.or(flags0, atTop(first0, second0));
      }
      if (groups > 1) {
        const first1 = advance(result + 32, lows(sum1, high1, offset), steps);
        const second1 = advance(result + 48, high1, steps);
        if (watched) {
          low = i16x8.min_s(i16x8.min_s(low, first1), second1);
          if (rise != 0) flags1 = v128.or(flags1, atTop(raised(rise + 32, first1), raised(rise + 48, second1)));
          else flags1 = v128.or(flags1, atTop(first1, second1));
        } else {
          flags1 = v128.or(flags1, atTop(first1, second1));
        }
      }
      if (groups > 2) {
        const first2 = advance(result + 64, lows(sum2, high2, offset), steps);
        const second2 = advance(result + 80, high2, steps);
        if (watched) {
          low = i16x8.min_s(i16x8.min_s(low, first2), second2);
          if (rise != 0) flags2 = v128.or(flags2, atTop(raised(rise + 64, first2), raised(rise + 80, second2)));
          else flags2 = v128.or(flags2, atTop(first2, second2));
        } else {
          flags2 = v128.or(flags2, atTop(first2, second2));
        }
      }
      if (groups > 3) {
        const first3 = advance(result + 96, lows(sum3, high3, offset), steps);
        const second3 = advance(result + 112, high3, steps);
        if (watched) {
          low = i16x8.min_s(i16x8.min_s(low, first3), second3);
          if (rise != 0) flags3 = v128.or(flags3, atTop(raised(rise + 96, first3), raised(rise + 112, second3)));
          else flags3 = v128.or(flags3, atTop(first3, second3));
        } else {
          flags3 = v128.or(flags3, atTop(first3, second3));
        }
      }
      if (groups > 4) {
        const first4 = advance(result + 128, lows(sum4, high4, offset), steps);
        const second4 = advance(result + 144, high4, steps);
        if (watched) {
          low = i16x8.min_s(i16x8.min_s(low, first4), second4);
          if (rise != 0) flags4 = v128.or(flags4, atTop(raised(rise + 128, first4), raised(rise + 144, second4)));
          else flags4 = v128.or(flags4, atTop(first4, second4));
        } else {
          flags4 = v128.or(flags4, atTop(first4, second4));
        }
      }
      if (groups > 5) {
        const first5 = advance(result + 160, lows(sum5, high5, offset), steps);
        const second5 = advance(result + 176, high5, steps);
        if (watched) {
          low = i16x8.min_s(i16x8.min_s(low, first5), second5);
          if (rise != 0) flags5 = v128.or(flags5, atTop(raised(rise + 160, first5), raised(rise + 176, second5)));
          else flags5 = v128.or(flags5, atTop(first5, second5));
        } else {
          flags5 = v128.or(flags5, atTop(first5, second5));
        }
      }
    } while (left > 0);
  }
  if (watched) {
    if (rises != 0) {
      flags0 = v128.or(flags0, finish(result, rises));
      if (groups > 1) flags1 = v128.or(flags1, finish(result + 32, rises + 32));
      if (groups > 2) flags2 = v128.or(flags2, finish(result + 64, rises + 64));
      if (groups > 3) flags3 = v128.or(flags3, finish(result + 96, rises + 96));
      if (groups > 4) flags4 = v128.or(flags4, finish(result + 128, rises + 128));
      if (groups > 5) flags5 = v128.or(flags5, finish(result + 160, rises + 160));
    }
    v128.store(result, low, GUARDS);
    v128.store(result, peak, GUARDS + 16);
  }
  v128.store(result, flags0, FLAGS);
  if (groups > 1) v128.store(result, flags1, FLAGS + 16);
  if (groups > 2) v128.store(result, flags2, FLAGS + 32);
  if (groups > 3) v128.store(result, flags3, FLAGS + 48);
  if (groups > 4) v128.store(result, flags4, FLAGS + 64);
  if (groups > 5) v128.store(result, flags5, FLAGS + 80);
}

export function walk4(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkGroups(4, false, list, end, table, start, 0, false, stepMax, result);
}

export function walk5(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkGroups(5, false, list, end, table, start, 0, false, stepMax, result);
}

export function walk6(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkGroups(6, false, list, end, table, start, 0, false, stepMax, result);
}

export function walkWatched1(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(1, true, list, end, table, start, rises, currents, stepMax, result);
}

export function walkWatched2(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(2, true, list, end, table, start, rises, currents, stepMax, result);
}

export function walkWatched3(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(3, true, list, end, table, start, rises, currents, stepMax, result);
}

export function walkWatched4(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(4, true, list, end, table, start, rises, currents, stepMax, result);
}

export function walkWatched5(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(5, true, list, end, table, start, rises, currents, stepMax, result);
}

export function walkWatched6(
  list: usize,
  end: usize,
  table: usize,
  start: usize,
  rises: usize,
  currents: bool,
  stepMax: i32,
  result: usize,
): void {
  walkGroups(6, true, list, end, table, start, rises, currents, stepMax, result);
}
