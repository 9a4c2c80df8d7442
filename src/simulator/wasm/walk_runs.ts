/**
 * Walks of long event lists, and the walk in 32 bits that everything can fall back on.
 *
 * As `walk_events.ts`, but only distinct levels advance the potentials, and weights are i8. What saturates at the bottom, or
 * might have left 16 bits, shows in the guards; such a block is walked again in 32 bits.
 */

import { CHUNK, GUARDS, MAXIMA, ROW_MASK } from "./records";

/** Larger of `peak` and |current|, unsigned: |−32768| is 32768. */

function higher(peak: v128, current: v128): v128 {
  return i16x8.max_u(peak, i16x8.abs(current));
}

/** Only distinct levels advance the potential. For long lists. Weights i8; guarded. */
export function walkRuns8(list: usize, end: usize, table: usize, start: usize, result: usize): void {
  let v0 = v128.load(start), v1 = v128.load(start, 16), v2 = v128.load(start, 32), v3 = v128.load(start, 48);
  let v4 = v128.load(start, 64), v5 = v128.load(start, 80), v6 = v128.load(start, 96), v7 = v128.load(start, 112);
  let m0 = v0, m1 = v1, m2 = v2, m3 = v3, m4 = v4, m5 = v5, m6 = v6, m7 = v7;
  let i0 = i16x8.splat(0), i1 = i0, i2 = i0, i3 = i0, i4 = i0, i5 = i0, i6 = i0, i7 = i0;
  let low = i16x8.splat(32767), peak = i16x8.splat(0);
  let event = load<u32>(list);
  while (list < end) {
    const level = event >>> 24;
    const chunk = list + CHUNK * 4;
    do {
      const row = table + ((event & ROW_MASK) << 6);
      list += 4;
      event = load<u32>(list);
      const w0 = v128.load(row);
      i0 = i16x8.add(i0, i16x8.extend_low_i8x16_s(w0));
      i1 = i16x8.add(i1, i16x8.extend_high_i8x16_s(w0));
      const w1 = v128.load(row, 16);
      i2 = i16x8.add(i2, i16x8.extend_low_i8x16_s(w1));
      i3 = i16x8.add(i3, i16x8.extend_high_i8x16_s(w1));
      const w2 = v128.load(row, 32);
      i4 = i16x8.add(i4, i16x8.extend_low_i8x16_s(w2));
      i5 = i16x8.add(i5, i16x8.extend_high_i8x16_s(w2));
      const w3 = v128.load(row, 48);
      i6 = i16x8.add(i6, i16x8.extend_low_i8x16_s(w3));
      i7 = i16x8.add(i7, i16x8.extend_high_i8x16_s(w3));
    } while (event >>> 24 == level && list < chunk);
    peak = higher(higher(higher(higher(peak, i0), i1), i2), i3);
    peak = higher(higher(higher(higher(peak, i4), i5), i6), i7);
    for (let steps: u32 = level - (event >>> 24); steps > 0; steps--) {
      v0 = i16x8.add_sat_s(v0, i0);
      v1 = i16x8.add_sat_s(v1, i1);
      v2 = i16x8.add_sat_s(v2, i2);
      v3 = i16x8.add_sat_s(v3, i3);
      v4 = i16x8.add_sat_s(v4, i4);
      v5 = i16x8.add_sat_s(v5, i5);
      v6 = i16x8.add_sat_s(v6, i6);
      v7 = i16x8.add_sat_s(v7, i7);
    }
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    m2 = i16x8.max_s(m2, v2);
    m3 = i16x8.max_s(m3, v3);
    m4 = i16x8.max_s(m4, v4);
    m5 = i16x8.max_s(m5, v5);
    m6 = i16x8.max_s(m6, v6);
    m7 = i16x8.max_s(m7, v7);
    low = i16x8.min_s(i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2), v3);
    low = i16x8.min_s(i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v4), v5), v6), v7);
  }
  v128.store(result, v0);
  v128.store(result, v1, 16);
  v128.store(result, v2, 32);
  v128.store(result, v3, 48);
  v128.store(result, v4, 64);
  v128.store(result, v5, 80);
  v128.store(result, v6, 96);
  v128.store(result, v7, 112);
  v128.store(result, m0, MAXIMA);
  v128.store(result, m1, MAXIMA + 16);
  v128.store(result, m2, MAXIMA + 32);
  v128.store(result, m3, MAXIMA + 48);
  v128.store(result, m4, MAXIMA + 64);
  v128.store(result, m5, MAXIMA + 80);
  v128.store(result, m6, MAXIMA + 96);
  v128.store(result, m7, MAXIMA + 112);
  v128.store(result, low, GUARDS);
  v128.store(result, peak, GUARDS + 16);
}

/** `walkRuns8` for four vectors. */
export function walkRuns4(list: usize, end: usize, table: usize, start: usize, result: usize): void {
  let v0 = v128.load(start), v1 = v128.load(start, 16), v2 = v128.load(start, 32), v3 = v128.load(start, 48);
  let m0 = v0, m1 = v1, m2 = v2, m3 = v3;
  let i0 = i16x8.splat(0), i1 = i0, i2 = i0, i3 = i0;
  let low = i16x8.splat(32767), peak = i16x8.splat(0);
  let event = load<u32>(list);
  while (list < end) {
    const level = event >>> 24;
    const chunk = list + CHUNK * 4;
    do {
      const row = table + ((event & ROW_MASK) << 5);
      list += 4;
      event = load<u32>(list);
      const w0 = v128.load(row);
      i0 = i16x8.add(i0, i16x8.extend_low_i8x16_s(w0));
      i1 = i16x8.add(i1, i16x8.extend_high_i8x16_s(w0));
      const w1 = v128.load(row, 16);
      i2 = i16x8.add(i2, i16x8.extend_low_i8x16_s(w1));
      i3 = i16x8.add(i3, i16x8.extend_high_i8x16_s(w1));
    } while (event >>> 24 == level && list < chunk);
    peak = higher(higher(higher(higher(peak, i0), i1), i2), i3);
    for (let steps: u32 = level - (event >>> 24); steps > 0; steps--) {
      v0 = i16x8.add_sat_s(v0, i0);
      v1 = i16x8.add_sat_s(v1, i1);
      v2 = i16x8.add_sat_s(v2, i2);
      v3 = i16x8.add_sat_s(v3, i3);
    }
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    m2 = i16x8.max_s(m2, v2);
    m3 = i16x8.max_s(m3, v3);
    low = i16x8.min_s(i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2), v3);
  }
  v128.store(result, v0);
  v128.store(result, v1, 16);
  v128.store(result, v2, 32);
  v128.store(result, v3, 48);
  v128.store(result, m0, MAXIMA);
  v128.store(result, m1, MAXIMA + 16);
  v128.store(result, m2, MAXIMA + 32);
  v128.store(result, m3, MAXIMA + 48);
  v128.store(result, low, GUARDS);
  v128.store(result, peak, GUARDS + 16);
}

/** `walkRuns8` for two vectors. */
export function walkRuns2(list: usize, end: usize, table: usize, start: usize, result: usize): void {
  let v0 = v128.load(start), v1 = v128.load(start, 16);
  let m0 = v0, m1 = v1;
  let i0 = i16x8.splat(0), i1 = i0;
  let low = i16x8.splat(32767), peak = i16x8.splat(0);
  let event = load<u32>(list);
  while (list < end) {
    const level = event >>> 24;
    const chunk = list + CHUNK * 4;
    do {
      const row = table + ((event & ROW_MASK) << 4);
      list += 4;
      event = load<u32>(list);
      const w0 = v128.load(row);
      i0 = i16x8.add(i0, i16x8.extend_low_i8x16_s(w0));
      i1 = i16x8.add(i1, i16x8.extend_high_i8x16_s(w0));
    } while (event >>> 24 == level && list < chunk);
    peak = higher(higher(peak, i0), i1);
    for (let steps: u32 = level - (event >>> 24); steps > 0; steps--) {
      v0 = i16x8.add_sat_s(v0, i0);
      v1 = i16x8.add_sat_s(v1, i1);
    }
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    low = i16x8.min_s(i16x8.min_s(low, v0), v1);
  }
  v128.store(result, v0);
  v128.store(result, v1, 16);
  v128.store(result, m0, MAXIMA);
  v128.store(result, m1, MAXIMA + 16);
  v128.store(result, low, GUARDS);
  v128.store(result, peak, GUARDS + 16);
}

/**
 * Eight lanes in 32 bits, for any list and either width of weights. Results as i32: eight potentials, eight maxima.
 *
 * @param row first weight of the eight lanes in row 0
 */
export function walk32(
  list: usize,
  end: usize,
  row0: usize,
  rowBytes: usize,
  weightBytes: i32,
  start: usize,
  result: usize,
): void {
  let v0 = v128.load(start), v1 = v128.load(start, 16);
  let m0 = v0, m1 = v1;
  let i0 = i32x4.splat(0), i1 = i0;
  let event = load<u32>(list);
  while (list < end) {
    list += 4;
    const next = load<u32>(list);
    const row = row0 + <usize> (event & ROW_MASK) * rowBytes;
    const weights = weightBytes == 1 ? v128.load8x8_s(row) : v128.load(row);
    const steps = i32x4.splat((event >>> 24) - (next >>> 24));
    i0 = i32x4.add(i0, i32x4.extend_low_i16x8_s(weights));
    i1 = i32x4.add(i1, i32x4.extend_high_i16x8_s(weights));
    v0 = i32x4.add(v0, i32x4.mul(i0, steps));
    v1 = i32x4.add(v1, i32x4.mul(i1, steps));
    m0 = i32x4.max_s(m0, v0);
    m1 = i32x4.max_s(m1, v1);
    event = next;
  }
  v128.store(result, v0);
  v128.store(result, v1, 16);
  v128.store(result, m0, 32);
  v128.store(result, m1, 48);
}
