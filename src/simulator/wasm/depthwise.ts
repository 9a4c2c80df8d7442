/**
 * Depthwise 3x3 convolutions by dot products of bytes: two taps at a time, eight channels, all positions of a row, borders too.
 *
 * Bound and closed form are those of `taps.ts`. Levels are the operand of 7 bits, so `relaxed_dot` is the same on every machine;
 * so is `relaxed_q15mulr`, as no factor is −32768.
 *
 * A column is what is above each other in the three rows: the upper two interleaved, `[row 0, row 1]` a channel, and the lower.
 */

import { NOTE, noteOf, rowAt, runNoted } from "./nine";
import { Layer, Work } from "./records";
import { lowBytes } from "./vectors";

/** Bytes of what eight channels need. */
const CHANNELS: usize = 16 * 16;

/** Runs rows `from` to `to` (exclusive) of a layer of stride 1 or 2 whose levels are below 128. */
export function runDepthwise(layer: Layer, work: Work, from: i32, to: i32): void {
  for (let y = from; y < to; y++) {
    const top = y * layer.strideY - layer.padTop;
    const row0 = rowAt(layer, top), row1 = rowAt(layer, top + 1), row2 = rowAt(layer, top + 2);
    const target = layer.target + y * layer.outWidth * layer.targetStride;
    let constants = layer.dots;
    let notes = work.lists;
    for (let lane = 0; lane < layer.channels; lane += 8) {
      notes = layer.strideX == 1
        ? runSideBySide(layer, work, constants, lane, row0 + lane, row1 + lane, row2 + lane, target + lane, notes)
        : runByTwo(layer, work, constants, lane, row0 + lane, row1 + lane, row2 + lane, target + lane, notes);
      constants += CHANNELS;
    }
    runNoted(layer, work, notes, row0, row1, row2, target);
  }
}

/** Dot products of pairs of levels and of weights. */
@inline
function dot(levels: v128, weights: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(weights, levels);
}

/** Upper rows of a column; zeros outside the map. */
@inline
function upperAt(layer: Layer, row0: usize, row1: usize, column: i32): v128 {
  if (<u32> column >= <u32> layer.inWidth) return i8x16.splat(0);
  const offset = column * layer.sourceStride;
  return lowBytes(v128.load64_zero(row0 + offset), v128.load64_zero(row1 + offset));
}

/** Lower row of a column, eight bytes; zeros outside the map. */
@inline
function lowerAt(layer: Layer, row2: usize, column: i32): v128 {
  if (<u32> column >= <u32> layer.inWidth) return i8x16.splat(0);
  return v128.load64_zero(row2 + column * layer.sourceStride);
}

/** `start` and the products of nine taps: three columns' upper rows, and the lower row by pairs. */
@inline
function nineTaps(
  start: v128,
  a: v128,
  w0: v128,
  b: v128,
  w1: v128,
  c: v128,
  w2: v128,
  low: v128,
  w3: v128,
  high: v128,
  w4: v128,
): v128 {
  return i16x8.add_sat_s(
    i16x8.add_sat_s(i16x8.add_sat_s(start, dot(a, w0)), i16x8.add_sat_s(dot(b, w1), dot(c, w2))),
    i16x8.add_sat_s(dot(low, w3), dot(high, w4)),
  );
}

/** A bit for each of 16 lanes that is negative, as are those of a comparison that holds. */
@inline
function signsOf(first: v128, second: v128): i32 {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(first, second));
}

/** Stride 1: two positions at a time, which share two columns. @returns where the next notes will be */
function runSideBySide(
  layer: Layer,
  work: Work,
  constants: usize,
  lane: i32,
  row0: usize,
  row1: usize,
  row2: usize,
  target: usize,
  notes: usize,
): usize {
  const start = v128.load(constants), startUp = v128.load(constants, 16);
  const w0 = v128.load(constants, 32), w1 = v128.load(constants, 48), w2 = v128.load(constants, 64);
  const w34 = v128.load(constants, 80), w5x = v128.load(constants, 96);
  const wx3 = v128.load(constants, 112), w45 = v128.load(constants, 128);
  const u0 = v128.load(constants, 144), u1 = v128.load(constants, 160), u2 = v128.load(constants, 176);
  const u34 = v128.load(constants, 192), u5x = v128.load(constants, 208);
  const ux3 = v128.load(constants, 224), u45 = v128.load(constants, 240);
  const below = i16x8.splat(<i16> (layer.threshold - 1)), scale = i16x8.splat(<i16> (<i32> 1 << (15 - layer.shift)));
  const pixel = layer.sourceStride, step = layer.targetStride;
  const last = layer.outWidth - 1;
  let rectified = 0;
  let column = -layer.padLeft;
  let a = upperAt(layer, row0, row1, column), b = upperAt(layer, row0, row1, column + 1);
  let ab = lowBytes(lowerAt(layer, row2, column), lowerAt(layer, row2, column + 1));
  let offset: usize = (column + 2) * pixel;
  for (let x = 0; x <= last; x += 2) {
    let c: v128, d: v128, cd: v128;
    if (column >= -2 && column + 3 < layer.inWidth) {
      c = lowBytes(v128.load64_zero(row0 + offset), v128.load64_zero(row1 + offset));
      d = lowBytes(v128.load64_zero(row0 + offset + pixel), v128.load64_zero(row1 + offset + pixel));
      cd = lowBytes(v128.load64_zero(row2 + offset), v128.load64_zero(row2 + offset + pixel));
    } else {
      c = upperAt(layer, row0, row1, column + 2);
      d = upperAt(layer, row0, row1, column + 3);
      cd = lowBytes(lowerAt(layer, row2, column + 2), lowerAt(layer, row2, column + 3));
    }
    const first = nineTaps(start, a, w0, b, w1, c, w2, ab, w34, cd, w5x);
    const firstUp = nineTaps(startUp, a, u0, b, u1, c, u2, ab, u34, cd, u5x);
    const second = nineTaps(start, b, w0, c, w1, d, w2, ab, wx3, cd, w45);
    const secondUp = nineTaps(startUp, b, u0, c, u1, d, u2, ab, ux3, cd, u45);
    // Rounds half up: (sum · 2^(15 − shift) + 2^14) >> 15.
    const level0 = i16x8.relaxed_q15mulr_s(first, scale), level1 = i16x8.relaxed_q15mulr_s(second, scale);
    const levels = i8x16.narrow_i16x8_u(level0, level1);
    let unsure = signsOf(i16x8.gt_s(firstUp, below), i16x8.gt_s(secondUp, below));
    let negative = signsOf(level0, level1);
    v128.store64_lane(target, levels, 0);
    if (x != last) {
      v128.store64_lane(target + step, levels, 1);
    } else {
      unsure &= 255;
      negative &= 255;
    }
    rectified += popcnt(negative & ~unsure);
    // Noted without a branch, as which ones they are cannot be foreseen.
    store<u64>(notes, noteOf(lane, x, unsure));
    notes += unsure != 0 ? NOTE : 0;
    a = c;
    b = d;
    ab = cd;
    target += 2 * step;
    offset += 2 * pixel;
    column += 2;
  }
  work.rectified += rectified;
  return notes;
}

/** Stride 2: two positions at a time, which share a column. @returns where the next notes will be */
function runByTwo(
  layer: Layer,
  work: Work,
  constants: usize,
  lane: i32,
  row0: usize,
  row1: usize,
  row2: usize,
  target: usize,
  notes: usize,
): usize {
  const start = v128.load(constants), startUp = v128.load(constants, 16);
  const w0 = v128.load(constants, 32), w1 = v128.load(constants, 48), w2 = v128.load(constants, 64);
  const w34 = v128.load(constants, 80), w5x = v128.load(constants, 96);
  const u0 = v128.load(constants, 144), u1 = v128.load(constants, 160), u2 = v128.load(constants, 176);
  const u34 = v128.load(constants, 192), u5x = v128.load(constants, 208);
  const below = i16x8.splat(<i16> (layer.threshold - 1)), scale = i16x8.splat(<i16> (<i32> 1 << (15 - layer.shift)));
  const pixel = layer.sourceStride, step = layer.targetStride;
  const last = layer.outWidth - 1;
  let rectified = 0;
  let column = -layer.padLeft;
  let a = upperAt(layer, row0, row1, column), lowA = lowerAt(layer, row2, column);
  let offset: usize = (column + 1) * pixel;
  for (let x = 0; x <= last; x += 2) {
    let b: v128, c: v128, d: v128, e: v128, lowE: v128, ab: v128, cd: v128;
    if (column >= -1 && column + 4 < layer.inWidth) {
      b = lowBytes(v128.load64_zero(row0 + offset), v128.load64_zero(row1 + offset));
      c = lowBytes(v128.load64_zero(row0 + offset + pixel), v128.load64_zero(row1 + offset + pixel));
      d = lowBytes(v128.load64_zero(row0 + offset + 2 * pixel), v128.load64_zero(row1 + offset + 2 * pixel));
      e = lowBytes(v128.load64_zero(row0 + offset + 3 * pixel), v128.load64_zero(row1 + offset + 3 * pixel));
      ab = lowBytes(lowA, v128.load64_zero(row2 + offset));
      cd = lowBytes(v128.load64_zero(row2 + offset + pixel), v128.load64_zero(row2 + offset + 2 * pixel));
      lowE = v128.load64_zero(row2 + offset + 3 * pixel);
    } else {
      b = upperAt(layer, row0, row1, column + 1);
      c = upperAt(layer, row0, row1, column + 2);
      d = upperAt(layer, row0, row1, column + 3);
      e = upperAt(layer, row0, row1, column + 4);
      ab = lowBytes(lowA, lowerAt(layer, row2, column + 1));
      cd = lowBytes(lowerAt(layer, row2, column + 2), lowerAt(layer, row2, column + 3));
      lowE = lowerAt(layer, row2, column + 4);
    }
    // Weight 0 is what the second of each pair has in w5x and u5x.
    const ee = lowBytes(lowE, lowE);
    const first = nineTaps(start, a, w0, b, w1, c, w2, ab, w34, cd, w5x);
    const firstUp = nineTaps(startUp, a, u0, b, u1, c, u2, ab, u34, cd, u5x);
    const second = nineTaps(start, c, w0, d, w1, e, w2, cd, w34, ee, w5x);
    const secondUp = nineTaps(startUp, c, u0, d, u1, e, u2, cd, u34, ee, u5x);
    const level0 = i16x8.relaxed_q15mulr_s(first, scale), level1 = i16x8.relaxed_q15mulr_s(second, scale);
    const levels = i8x16.narrow_i16x8_u(level0, level1);
    let unsure = signsOf(i16x8.gt_s(firstUp, below), i16x8.gt_s(secondUp, below));
    let negative = signsOf(level0, level1);
    v128.store64_lane(target, levels, 0);
    if (x != last) {
      v128.store64_lane(target + step, levels, 1);
    } else {
      unsure &= 255;
      negative &= 255;
    }
    rectified += popcnt(negative & ~unsure);
    store<u64>(notes, noteOf(lane, x, unsure));
    notes += unsure != 0 ? NOTE : 0;
    a = e;
    lowA = lowE;
    target += 2 * step;
    offset += 4 * pixel;
    column += 4;
  }
  work.rectified += rectified;
  return notes;
}
