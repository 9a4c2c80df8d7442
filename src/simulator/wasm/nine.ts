/**
 * Neurons of a 3x3 depthwise convolution whose bound reached the threshold, one by one, exactly, without sorting or guessing.
 *
 * An event of level q adds its weight to the potential in q steps, so when the level to come is l the potential is
 *
 *   V(l) = Σ w max(q − l + 1, 0)
 *
 * which is linear between one q + 1 and the next: where it is below the threshold at all of them and at the end (l = 1), it is
 * everywhere. The nine events and the bias, an event of weight 1.0, give ten such levels, and V there is a few products each.
 * What comes of it is chosen without branches, as a mispredicted one costs more than all of this.
 */

import { Layer, Work } from "./records";

/** Bytes of what a neuron needs: ten weights of 16 bits, its positive bias, and what is added before rounding down. */
const CHANNEL: usize = 32;
/** Bytes of a note: `noteOf`. */
export const NOTE: usize = 8;

/** Neurons that wait for the exact way: a bit each of channels `lane` to `lane` + 7 at position `x`, then of those at the next. */
@inline
export function noteOf(lane: i32, x: i32, unsure: i32): u64 {
  return <u64> lane << 32 | <u64> (x << 16 | unsure);
}

/** A row of the map, or of zeros where there is none. */
@inline
export function rowAt(layer: Layer, row: i32): usize {
  return <u32> row < <u32> layer.inHeight ? layer.source + row * layer.inWidth * layer.sourceStride : layer.zeros;
}

/** Levels of the neurons noted from `work.lists` to `end`; counts what they were. All are of the row of positions at `target`. */
export function runNoted(
  layer: Layer,
  work: Work,
  end: usize,
  row0: usize,
  row1: usize,
  row2: usize,
  target: usize,
): void {
  const pixel = layer.sourceStride, step = layer.targetStride, stride = layer.strideX, padding = layer.padLeft;
  const columns = max(layer.inWidth - 2, 0), constants = layer.byChannel;
  const threshold = layer.threshold, unit = layer.unit, levelMax = layer.levelMax, shift = layer.shift;
  const below = i32x4.splat(threshold - 1);
  let early = 0, saturated = 0, rectified = 0;
  for (let at = work.lists; at < end; at += NOTE) {
    const first = <i32> load<u16>(at, 2), lane = <i32> load<u32>(at, 4);
    let unsure = <i32> load<u16>(at);
    do {
      const bit = ctz(unsure);
      unsure &= unsure - 1;
      const x = first + (bit >>> 3), channel = lane + (bit & 7);
      const column = x * stride - padding;
      const own = constants + <usize> channel * CHANNEL;
      let low: u64, high: u64, rest = load<u32>(own, 20);
      if (<u32> column < <u32> columns) {
        const offset = column * pixel + channel;
        const a = row0 + offset, b = row1 + offset, c = row2 + offset;
        low = <u64> load<u8>(a) | <u64> load<u8>(a + pixel) << 16 | <u64> load<u8>(a + 2 * pixel) << 32 |
          <u64> load<u8>(b) << 48;
        high = <u64> load<u8>(b + pixel) | <u64> load<u8>(b + 2 * pixel) << 16 | <u64> load<u8>(c) << 32 |
          <u64> load<u8>(c + pixel) << 48;
        rest |= load<u8>(c + 2 * pixel);
      } else {
        const a = row0 + channel, b = row1 + channel, c = row2 + channel;
        low = levelAt(layer, a, column) | levelAt(layer, a, column + 1) << 16 | levelAt(layer, a, column + 2) << 32 |
          levelAt(layer, b, column) << 48;
        high = levelAt(layer, b, column + 1) | levelAt(layer, b, column + 2) << 16 | levelAt(layer, c, column) << 32 |
          levelAt(layer, c, column + 1) << 48;
        rest |= <u32> levelAt(layer, c, column + 2);
      }
      const eight = i64x2.replace_lane(i64x2.splat(low), 1, high), ninth = i64x2.splat(rest);
      const two = v128.shuffle<i32>(ninth, ninth, 0, 0, 0, 0);
      // The levels after which V turns; the last one is also 0 twice, which is the end.
      const turn0 = v128.shuffle<i16>(eight, eight, 0, 0, 1, 1, 2, 2, 3, 3);
      const turn1 = v128.shuffle<i16>(eight, eight, 4, 4, 5, 5, 6, 6, 7, 7);
      const turn2 = v128.shuffle<i16>(ninth, ninth, 0, 0, 1, 1, 2, 2, 3, 3);
      let pair = v128.shuffle<i32>(eight, eight, 0, 0, 0, 0), weight = v128.load32_splat(own);
      let at0 = past(pair, turn0, weight), at1 = past(pair, turn1, weight), at2 = past(pair, turn2, weight);
      pair = v128.shuffle<i32>(eight, eight, 1, 1, 1, 1), weight = v128.load32_splat(own, 4);
      at0 = i32x4.add(at0, past(pair, turn0, weight));
      at1 = i32x4.add(at1, past(pair, turn1, weight));
      at2 = i32x4.add(at2, past(pair, turn2, weight));
      pair = v128.shuffle<i32>(eight, eight, 2, 2, 2, 2), weight = v128.load32_splat(own, 8);
      at0 = i32x4.add(at0, past(pair, turn0, weight));
      at1 = i32x4.add(at1, past(pair, turn1, weight));
      at2 = i32x4.add(at2, past(pair, turn2, weight));
      pair = v128.shuffle<i32>(eight, eight, 3, 3, 3, 3), weight = v128.load32_splat(own, 12);
      at0 = i32x4.add(at0, past(pair, turn0, weight));
      at1 = i32x4.add(at1, past(pair, turn1, weight));
      at2 = i32x4.add(at2, past(pair, turn2, weight));
      weight = v128.load32_splat(own, 16);
      at0 = i32x4.add(at0, past(two, turn0, weight));
      at1 = i32x4.add(at1, past(two, turn1, weight));
      at2 = i32x4.add(at2, past(two, turn2, weight));
      const crossed0 = i32x4.gt_s(at0, below), crossed1 = i32x4.gt_s(at1, below), crossed2 = i32x4.gt_s(at2, below);
      const crossed = i8x16.bitmask(v128.or(crossed0, v128.or(crossed1, crossed2))) != 0 ? -1 : 0;
      // The first crossing is before the highest of the levels at which V was found past the threshold, on the line that ends
      // there; without a crossing that level is 0, the end.
      let turn = i16x8.max_s(v128.and(crossed2, turn2), i16x8.max_s(v128.and(crossed0, turn0), v128.and(crossed1, turn1)));
      turn = i16x8.max_s(turn, v128.shuffle<i32>(turn, turn, 2, 3, 0, 1));
      turn = i16x8.max_s(turn, v128.shuffle<i32>(turn, turn, 1, 0, 3, 2));
      const weights = v128.load(own), last = v128.load32_zero(own, 16);
      const potentials = i32x4.add(past(eight, turn, weights), past(two, turn, last));
      const currents = i32x4.add(
        i32x4.dot_i16x8_s(i16x8.gt_s(eight, turn), weights),
        i32x4.dot_i16x8_s(i16x8.gt_s(two, turn), last),
      );
      const four = i32x4.add(
        v128.shuffle<i32>(potentials, currents, 0, 4, 1, 5),
        v128.shuffle<i32>(potentials, currents, 2, 6, 3, 7),
      );
      const sums = i64x2.extract_lane(i32x4.add(four, v128.shuffle<i64>(four, four, 1, 0)), 0);
      const potential = <i32> sums, current = -<i32> (sums >> 32);
      const steps = <u32> (potential - threshold) / <u32> max(current, 1);
      const now = <i32> i16x8.extract_lane_u(turn, 0) + 1 + <i32> steps;
      const late = (potential + load<i32>(own, 24)) >> shift;
      early -= crossed;
      saturated += i32(now > unit) & crossed;
      rectified += late >>> 31 & ~crossed;
      const level = min(unit + now, levelMax) & crossed | max(late, 0) & ~crossed;
      store<u8>(target + x * step + channel, <u8> level);
    } while (unsure != 0);
  }
  work.early += early;
  work.saturated += saturated;
  work.rectified += rectified;
}

function levelAt(layer: Layer, row: usize, column: i32): u64 {
  return <u32> column < <u32> layer.inWidth ? load<u8>(row + column * layer.sourceStride) : 0;
}

/** What pairs of events have brought to the potential when the level after `turn` is the next to come. */
@inline
function past(levels: v128, turn: v128, weights: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.sub_sat_u(levels, turn), weights);
}
