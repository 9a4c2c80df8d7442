/** The walk in 32 bits that everything can fall back on. */

import { pairWeights } from "./pairs";
import { ROW_MASK } from "./records";

/**
 * Eight lanes in 32 bits, for any list and either width of weights. Results as i32: eight potentials, eight maxima.
 *
 * @param row0 words of the eight lanes in row 0
 * @param shift of weights in pairs; negative: weights are i16
 */
export function walk32(
  list: usize,
  end: usize,
  row0: usize,
  rowBytes: usize,
  shift: i32,
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
    const words = v128.load(row0 + <usize> (event & ROW_MASK) * rowBytes);
    const weights = shift < 0 ? words : pairWeights(words, shift);
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
