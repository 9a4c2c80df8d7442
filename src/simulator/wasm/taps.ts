/**
 * Depthwise convolutions and adds: few synapses a neuron, each from one place of a map. Eight channels at a time.
 *
 *   up = Σ max(w, 0) q    down = Σ min(w, 0) q    level = floor(up + down + bias + 1/2)
 *
 * `up` plus a positive bias is the highest that the potential can get; only where that reaches the threshold is the neuron
 * walked. Both sums run one way only, so 16-bit saturation cannot hide: at the top it is past the threshold, at the bottom
 * it is looked for.
 */

import { NOTE, noteOf, rowAt, runNoted } from "./nine";
import { Block, Layer, Work } from "./records";
import { runSum } from "./sums";
import { placeTaps, slideTaps, TAP, walkLanes } from "./tap_lists";
import { copyExact, sumOfEight } from "./vectors";

/** Runs rows `from` to `to` (exclusive) of a layer with one block for all channels. */
export function runTaps(layer: Layer, work: Work, from: i32, to: i32): void {
  if (layer.positive != 0) {
    runSum(layer, work, from, to);
    return;
  }
  const bytes = layer.signed != 0 ? 1 : 0;
  const taps = work.lists;
  for (let y = from; y < to; y++) {
    const inside = layer.zeros != 0 ? runInside(layer, work, y) : 0;
    for (let x = 0; x < layer.outWidth; x++) {
      if (inside != 0 && x == firstInside(layer)) x += inside;
      if (x >= layer.outWidth) break;
      const end = layer.sources != 0 ? placeTaps(layer, y * layer.outWidth + x, taps) : slideTaps(layer, y, x, taps);
      const target = layer.target + (((y * layer.outWidth + x) * layer.targetStride) << bytes);
      runPosition(layer, work, taps, end, target);
    }
  }
}

/** First position of a row whose kernel is wholly inside the map. */
@inline
function firstInside(layer: Layer): i32 {
  return (layer.padLeft + layer.strideX - 1) / layer.strideX;
}

/**
 * Positions of a row whose 3x3 kernels are inside the map's columns, as `runPosition`, but eight channels after eight channels,
 * so that their weights stay at hand; rows outside the map are read from zeros. @returns how many there are
 */
function runInside(layer: Layer, work: Work, y: i32): i32 {
  const first = firstInside(layer);
  const count = min(layer.outWidth, (layer.inWidth - 3 + layer.padLeft) / layer.strideX + 1) - first;
  if (layer.inWidth < 3 || count <= 0) return 0;
  const top = y * layer.strideY - layer.padTop;
  const start = (first * layer.strideX - layer.padLeft) * layer.sourceStride;
  const row0 = rowAt(layer, top), row1 = rowAt(layer, top + 1), row2 = rowAt(layer, top + 2);
  const target = layer.target + y * layer.outWidth * layer.targetStride;
  let notes = work.lists;
  for (let lane = 0; lane < layer.channels; lane += 8) {
    const row = target + lane + first * layer.targetStride;
    notes = runChannels(layer, work, first, count, lane, row0 + start + lane, row1 + start + lane, row2 + start + lane, row, notes);
  }
  runNoted(layer, work, notes, row0, row1, row2, target);
  return count;
}

/** Eight channels of `count` positions. @returns where the next notes will be, see `nine.ts` */
function runChannels(
  layer: Layer,
  work: Work,
  first: i32,
  count: i32,
  lane: i32,
  row0: usize,
  row1: usize,
  row2: usize,
  target: usize,
  notes: usize,
): usize {
  const block = changetype<Block>(layer.blocks);
  const tap = layer.lanesPerTap << 1;
  let at = layer.weightsUp + (lane << 1);
  const u0 = v128.load(at), u1 = v128.load(at + tap), u2 = v128.load(at + 2 * tap);
  const u3 = v128.load(at + 3 * tap), u4 = v128.load(at + 4 * tap), u5 = v128.load(at + 5 * tap);
  const u6 = v128.load(at + 6 * tap), u7 = v128.load(at + 7 * tap), u8 = v128.load(at + 8 * tap);
  at = layer.weightsDown + (lane << 1);
  const d0 = v128.load(at), d1 = v128.load(at + tap), d2 = v128.load(at + 2 * tap);
  const d3 = v128.load(at + 3 * tap), d4 = v128.load(at + 4 * tap), d5 = v128.load(at + 5 * tap);
  const d6 = v128.load(at + 6 * tap), d7 = v128.load(at + 7 * tap), d8 = v128.load(at + 8 * tap);
  const begin = v128.load(block.start + (lane << 1)), finish = v128.load(block.finish + (lane << 1));
  const below = i16x8.splat(<i16> (layer.threshold - 1));
  const shift = layer.shift, pixel = layer.sourceStride, step = layer.strideX * layer.sourceStride;
  const targetStep = layer.targetStride;
  let silent = i16x8.splat(0);
  for (let x = 0; x < count; x++) {
    let q = v128.load8x8_u(row0);
    let up = i16x8.add_sat_s(begin, i16x8.mul(q, u0)), down = i16x8.mul(q, d0);
    q = v128.load8x8_u(row0 + pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u1));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d1));
    q = v128.load8x8_u(row0 + 2 * pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u2));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d2));
    q = v128.load8x8_u(row1);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u3));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d3));
    q = v128.load8x8_u(row1 + pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u4));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d4));
    q = v128.load8x8_u(row1 + 2 * pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u5));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d5));
    q = v128.load8x8_u(row2);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u6));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d6));
    q = v128.load8x8_u(row2 + pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u7));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d7));
    q = v128.load8x8_u(row2 + 2 * pixel);
    up = i16x8.add_sat_s(up, i16x8.mul(q, u8));
    down = i16x8.add_sat_s(down, i16x8.mul(q, d8));
    // A sum that saturated at the bottom is below 0 whatever is added to it short of the threshold.
    const hot = i16x8.gt_s(up, below);
    const levels = i16x8.shr_s(i16x8.add_sat_s(i16x8.add_sat_s(up, down), finish), shift);
    v128.store64_lane(target, i8x16.narrow_i16x8_u(levels, levels), 0);
    silent = i16x8.add(silent, i16x8.shr_u(v128.andnot(levels, hot), 15));
    // Noted without a branch, as which ones they are cannot be foreseen.
    const unsure = i8x16.bitmask(i8x16.narrow_i16x8_s(hot, i16x8.splat(0)));
    store<u64>(notes, noteOf(lane, first + x, unsure));
    notes += unsure != 0 ? NOTE : 0;
    row0 += step;
    row1 += step;
    row2 += step;
    target += targetStep;
  }
  work.rectified += sumOfEight(silent);
  return notes;
}

@inline
function runPosition(layer: Layer, work: Work, taps: usize, end: usize, target: usize): void {
  const block = changetype<Block>(layer.blocks);
  const threshold = i16x8.splat(<i16> layer.threshold);
  const floor = i16x8.splat(<i16> (1 - layer.unit));
  const signed = layer.signed != 0;
  const tile = work.tile;
  for (let lane = 0; lane < layer.channels; lane += 8) {
    const at = lane << 1;
    let up = i16x8.splat(0), down = up;
    for (let tap = taps; tap < end; tap += TAP) {
      const weights = <usize> load<u32>(tap, 4) + at;
      const levels = v128.load8x8_u(<usize> load<u32>(tap) + lane);
      up = i16x8.add_sat_s(up, i16x8.mul(levels, v128.load(layer.weightsUp + weights)));
      down = i16x8.add_sat_s(down, i16x8.mul(levels, v128.load(layer.weightsDown + weights)));
    }
    const highest = i16x8.add_sat_s(up, v128.load(block.start + at));
    const unsure = v128.or(i16x8.ge_s(highest, threshold), i16x8.eq(down, i16x8.splat(-32768)));
    const sum = i16x8.add_sat_s(i16x8.add_sat_s(highest, down), v128.load(block.finish + at));
    const levels = i16x8.shr_s(sum, layer.shift);
    const walked = layer.wide != 0 ? 255 : i16x8.bitmask(unsure);
    const known = ~walked & (layer.channels - lane < 8 ? (1 << (layer.channels - lane)) - 1 : 255);
    if (signed) {
      work.saturated += popcnt(i16x8.bitmask(i16x8.lt_s(levels, floor)) & known);
      v128.store(tile + at, i16x8.max_s(levels, floor));
    } else {
      work.rectified += popcnt(i16x8.bitmask(levels) & known);
      v128.store64_lane(tile + lane, i8x16.narrow_i16x8_u(levels, levels), 0);
    }
    if (walked != 0) walkLanes(layer, work, taps, end, lane, walked);
  }
  copyExact(target, tile, signed ? layer.channels << 1 : layer.channels);
}
