/**
 * One neuron of a 3x3 depthwise convolution, exactly and without sorting: for those whose bound reached the threshold.
 *
 * An event of level q adds its weight to the potential in q steps, so when the level to come is l the potential is
 *
 *   V(l) = Σ w max(q − l + 1, 0)
 *
 * which is linear between one q + 1 and the next: where it is not below the threshold at one of them or at the end (l = 1), it is
 * nowhere. The nine events and the bias, an event of weight 1.0, give ten such levels, and V there is a few products each.
 */

import { earlyLevel, late } from "./lane";
import { Layer, Work } from "./records";

/** Bytes of a channel's ten weights, i16. */
const CHANNEL: usize = 20;

/**
 * Level of a neuron; counts what it was. All pixels are inside the map's columns.
 *
 * @param row0 address of the first of its three pixels of the upper row; `row1` and `row2` likewise
 */
export function nineLevel(
  layer: Layer,
  work: Work,
  channel: i32,
  bias: i32,
  row0: usize,
  row1: usize,
  row2: usize,
): i32 {
  const pixel = layer.sourceStride;
  const low = <u64> load<u8>(row0) | <u64> load<u8>(row0 + pixel) << 16 | <u64> load<u8>(row0 + 2 * pixel) << 32 |
    <u64> load<u8>(row1) << 48;
  const high = <u64> load<u8>(row1 + pixel) | <u64> load<u8>(row1 + 2 * pixel) << 16 | <u64> load<u8>(row2) << 32 |
    <u64> load<u8>(row2 + pixel) << 48;
  return levelOf(layer, work, channel, bias, low, high, load<u8>(row2 + 2 * pixel));
}

/** The same where some columns may be outside the map. @param row0 address of the row; `row1` and `row2` likewise */
export function columnLevel(
  layer: Layer,
  work: Work,
  channel: i32,
  bias: i32,
  row0: usize,
  row1: usize,
  row2: usize,
  column: i32,
): i32 {
  const offset = column * layer.sourceStride;
  if (column >= 0 && column + 2 < layer.inWidth) {
    return nineLevel(layer, work, channel, bias, row0 + offset, row1 + offset, row2 + offset);
  }
  const low = levelAt(layer, row0, column) | levelAt(layer, row0, column + 1) << 16 |
    levelAt(layer, row0, column + 2) << 32 | levelAt(layer, row1, column) << 48;
  const high = levelAt(layer, row1, column + 1) | levelAt(layer, row1, column + 2) << 16 |
    levelAt(layer, row2, column) << 32 | levelAt(layer, row2, column + 1) << 48;
  return levelOf(layer, work, channel, bias, low, high, <u32> levelAt(layer, row2, column + 2));
}

function levelAt(layer: Layer, row: usize, column: i32): u64 {
  return <u32> column < <u32> layer.inWidth ? load<u8>(row + column * layer.sourceStride) : 0;
}

/** A row of the map, or of zeros where there is none. */
@inline
export function rowAt(layer: Layer, row: i32): usize {
  return <u32> row < <u32> layer.inHeight ? layer.source + row * layer.inWidth * layer.sourceStride : layer.zeros;
}

/** Sum of eight counts. */
@inline
export function countOf(counts: v128): i32 {
  const four = i32x4.extadd_pairwise_i16x8_u(counts);
  const two = i32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}

/** @param low levels of the first four taps, 16 bits each; `high` of the next four, `ninth` of the last */
function levelOf(layer: Layer, work: Work, channel: i32, bias: i32, low: u64, high: u64, ninth: u32): i32 {
  const rest = ninth | max(bias, 0) << 16;
  const weights = layer.byChannel + <usize> channel * CHANNEL;
  const eight = i64x2.replace_lane(i64x2.splat(low), 1, high), two = i32x4.splat(rest);
  // The levels after which V turns; the last one is also 0 twice, which is the end.
  const turn0 = v128.shuffle<i16>(eight, eight, 0, 0, 1, 1, 2, 2, 3, 3);
  const turn1 = v128.shuffle<i16>(eight, eight, 4, 4, 5, 5, 6, 6, 7, 7);
  const turn2 = v128.shuffle<i16>(two, i16x8.splat(0), 0, 0, 1, 1, 8, 8, 8, 8);
  let pair = v128.shuffle<i32>(eight, eight, 0, 0, 0, 0), weight = v128.load32_splat(weights);
  let at0 = past(pair, turn0, weight), at1 = past(pair, turn1, weight), at2 = past(pair, turn2, weight);
  pair = v128.shuffle<i32>(eight, eight, 1, 1, 1, 1), weight = v128.load32_splat(weights, 4);
  at0 = i32x4.add(at0, past(pair, turn0, weight));
  at1 = i32x4.add(at1, past(pair, turn1, weight));
  at2 = i32x4.add(at2, past(pair, turn2, weight));
  pair = v128.shuffle<i32>(eight, eight, 2, 2, 2, 2), weight = v128.load32_splat(weights, 8);
  at0 = i32x4.add(at0, past(pair, turn0, weight));
  at1 = i32x4.add(at1, past(pair, turn1, weight));
  at2 = i32x4.add(at2, past(pair, turn2, weight));
  pair = v128.shuffle<i32>(eight, eight, 3, 3, 3, 3), weight = v128.load32_splat(weights, 12);
  at0 = i32x4.add(at0, past(pair, turn0, weight));
  at1 = i32x4.add(at1, past(pair, turn1, weight));
  at2 = i32x4.add(at2, past(pair, turn2, weight));
  weight = v128.load32_splat(weights, 16);
  at0 = i32x4.add(at0, past(two, turn0, weight));
  at1 = i32x4.add(at1, past(two, turn1, weight));
  at2 = i32x4.add(at2, past(two, turn2, weight));
  const below = i32x4.splat(layer.threshold - 1);
  const crossed0 = i32x4.gt_s(at0, below), crossed1 = i32x4.gt_s(at1, below), crossed2 = i32x4.gt_s(at2, below);
  if (!v128.any_true(v128.or(crossed0, v128.or(crossed1, crossed2)))) {
    return late(layer, work, i32x4.extract_lane(at2, 3) + (min(bias, 0) << layer.shift));
  }
  // The first crossing is before the highest of the levels at which V was found past the threshold, on the line that ends there.
  let turn = i16x8.max_s(v128.and(crossed2, turn2), i16x8.max_s(v128.and(crossed0, turn0), v128.and(crossed1, turn1)));
  turn = i16x8.max_s(turn, v128.shuffle<i32>(turn, turn, 2, 3, 0, 1));
  turn = i16x8.max_s(turn, v128.shuffle<i32>(turn, turn, 1, 0, 3, 2));
  const weights8 = v128.load(weights), active = v128.and(weights8, i16x8.gt_s(eight, turn));
  const active2 = v128.and(weight, i16x8.gt_s(two, turn));
  // In lane 0 of `two` only, as all its lanes are alike.
  const potentials = sumOf(past(eight, turn, weights8)) + i32x4.extract_lane(past(two, turn, weight), 0);
  const current = sumOf(i32x4.extadd_pairwise_i16x8_s(active)) +
    i32x4.extract_lane(i32x4.extadd_pairwise_i16x8_s(active2), 0);
  const end = i16x8.extract_lane_u(turn, 0) + 1;
  return earlyLevel(layer, work, end + (potentials - layer.threshold) / current);
}

/** What pairs of events have brought to the potential when the level after `turn` is the next to come. */
@inline
function past(levels: v128, turn: v128, weights: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.sub_sat_u(levels, turn), weights);
}

@inline
function sumOf(four: v128): i32 {
  const two = i32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1));
  return i32x4.extract_lane(i32x4.add(two, v128.shuffle<i32>(two, two, 1, 0, 3, 2)), 0);
}
