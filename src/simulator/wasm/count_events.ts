/** Counts synapses, the events of neurons: each source that does not code 0 has as many as there are neurons that see it. */

import { Layer, Work } from "./records";
import { sumOfEight, sumOfFour } from "./vectors";

/** Bytes from which on pixels in as many windows are worth counting together. */
const TOGETHER = 256;
/** Vectors whose counts fit a byte, and 16 bits. */
const BYTE_COUNTS_MAX = 255;
const WORD_COUNTS_MAX = 128;

/**
 * Adds, for each source that does not code 0, the number of windows it is in (u32 a pixel at `fanOut`). Pixels are beside each other.
 */
export function countEvents(layer: Layer, work: Work, from: i32, to: i32): void {
  const channels = layer.channels, fanOut = layer.fanOut;
  let source = layer.source + from * channels;
  let total: u64 = 0;
  for (let pixel = from; pixel < to;) {
    const windows = load<u32>(fanOut + (pixel << 2));
    let bytes = channels;
    for (pixel++; pixel < to && load<u32>(fanOut + (pixel << 2)) == windows; pixel++) bytes += channels;
    const end = source + bytes;
    const whole = source + (bytes & -16);
    let events = bytes & -16;
    if (bytes >= TOGETHER) {
      while (source < whole) {
        const stop = min(whole, source + (BYTE_COUNTS_MAX << 4));
        let zeros = i8x16.splat(0);
        for (; source < stop; source += 16) zeros = i8x16.sub(zeros, i8x16.eq(v128.load(source), i8x16.splat(0)));
        events -= sumOfEight(i16x8.extadd_pairwise_i8x16_u(zeros));
      }
    } else {
      for (; source < whole; source += 16) {
        events -= popcnt(i8x16.bitmask(i8x16.eq(v128.load(source), i8x16.splat(0))));
      }
    }
    if (source < end) {
      const mask = i8x16.bitmask(i8x16.ne(v128.load(source), i8x16.splat(0)));
      events += popcnt(mask & ((1 << <i32> (end - source)) - 1));
      source = end;
    }
    total += <u64> events * windows;
  }
  work.events += <f64> total;
}

/** Counts synapses of source elements `from` to `end` (exclusive): `layer.fanOut` has, a byte each, the positions that see them. */
export function countSynapses(layer: Layer, work: Work, from: i32, end: i32): void {
  const source = layer.source, seen = layer.fanOut;
  let positions: u64 = 0;
  while (from + 16 <= end) {
    const stop = min(end - 15, from + (WORD_COUNTS_MAX << 4));
    let low = i16x8.splat(0), high = i16x8.splat(0);
    for (; from < stop; from += 16) {
      const silent = i8x16.eq(v128.load(source + from), i8x16.splat(0));
      const counts = v128.andnot(v128.load(seen + from), silent);
      low = i16x8.add(low, i16x8.extend_low_i8x16_u(counts));
      high = i16x8.add(high, i16x8.extend_high_i8x16_u(counts));
    }
    positions += sumOfFour(i32x4.add(i32x4.extadd_pairwise_i16x8_u(low), i32x4.extadd_pairwise_i16x8_u(high)));
  }
  for (; from < end; from++) positions += load<u8>(source + from) != 0 ? <u32> load<u8>(seen + from) : 0;
  work.events += <f64> positions * <f64> layer.channels;
}
