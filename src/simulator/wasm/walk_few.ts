/** Walks of at most three groups, as in `walk_groups.ts`, with potentials in registers: short lists have few events a level. */

import { atTop, lows } from "./pairs";
import { FLAGS, ROW_MASK } from "./records";

/** Walks `groups` groups, a constant where this is called; not watched. */
@inline
function walkFew(groups: i32, list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  const rowBytes = groups << 4;
  const zero = i16x8.splat(0);
  let sum0 = zero, high0 = zero, sum1 = zero, high1 = zero, sum2 = zero, high2 = zero;
  let first0 = v128.load(start), second0 = v128.load(start, 16);
  let first1 = zero, second1 = zero, first2 = zero, second2 = zero;
  if (groups > 1) {
    first1 = v128.load(start, 32);
    second1 = v128.load(start, 48);
  }
  if (groups > 2) {
    first2 = v128.load(start, 64);
    second2 = v128.load(start, 80);
  }
  let flags0 = atTop(first0, second0), flags1 = atTop(first1, second1), flags2 = atTop(first2, second2);
  const begin = list;
  let event = load<u32>(list);
  while (list < end) {
    const level: i32 = event >>> 24;
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
    } while (<i32> (event >>> 24) == level);
    const offset = i16x8.splat(<i16> ((list - begin) << 5));
    let left = level - <i32> (event >>> 24);
    do {
      const few = min(left, stepMax);
      const steps = i16x8.splat(<i16> few);
      left -= few;
      first0 = i16x8.add_sat_s(first0, i16x8.mul(lows(sum0, high0, offset), steps));
      second0 = i16x8.add_sat_s(second0, i16x8.mul(high0, steps));
      flags0 = v128.or(flags0, atTop(first0, second0));
      if (groups > 1) {
        first1 = i16x8.add_sat_s(first1, i16x8.mul(lows(sum1, high1, offset), steps));
        second1 = i16x8.add_sat_s(second1, i16x8.mul(high1, steps));
        flags1 = v128.or(flags1, atTop(first1, second1));
      }
      if (groups > 2) {
        first2 = i16x8.add_sat_s(first2, i16x8.mul(lows(sum2, high2, offset), steps));
        second2 = i16x8.add_sat_s(second2, i16x8.mul(high2, steps));
        flags2 = v128.or(flags2, atTop(first2, second2));
      }
    } while (left > 0);
  }
  v128.store(result, first0, 0);
  v128.store(result, second0, 16);
  v128.store(result, flags0, FLAGS + 0);
  if (groups > 1) {
    v128.store(result, first1, 32);
    v128.store(result, second1, 48);
    v128.store(result, flags1, FLAGS + 16);
  }
  if (groups > 2) {
    v128.store(result, first2, 64);
    v128.store(result, second2, 80);
    v128.store(result, flags2, FLAGS + 32);
  }
}

export function walk1(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkFew(1, list, end, table, start, stepMax, result);
}

export function walk2(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkFew(2, list, end, table, start, stepMax, result);
}

export function walk3(list: usize, end: usize, table: usize, start: usize, stepMax: i32, result: usize): void {
  walkFew(3, list, end, table, start, stepMax, result);
}
