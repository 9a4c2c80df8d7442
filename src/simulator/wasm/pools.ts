/** Pools: by maximum, and by average (neurons whose weights are all 1 and whose weight 1.0 is the number of positions). */

import { Layer, Work } from "./records";
import { copyExact } from "./readout";

/** Pool by maximum, rows `from` to `to` (exclusive): the earliest spike of a window passes. */
export function runMaxPool(layer: Layer, work: Work, from: i32, to: i32): void {
  const channels = layer.channels;
  for (let y = from; y < to; y++) {
    for (let x = 0; x < layer.outWidth; x++) {
      const top = y * layer.strideY - layer.padTop, left = x * layer.strideX - layer.padLeft;
      const firstY = max(0, top), lastY = min(layer.inHeight, top + layer.kernelY);
      const firstX = max(0, left), lastX = min(layer.inWidth, left + layer.kernelX);
      for (let channel = 0; channel < channels; channel += 16) {
        let best = i8x16.splat(0);
        for (let row = firstY; row < lastY; row++) {
          let from = layer.source + (row * layer.inWidth + firstX) * layer.sourceStride + channel;
          for (let column = firstX; column < lastX; column++) {
            best = i8x16.max_u(best, v128.load(from));
            from += layer.sourceStride;
          }
        }
        v128.store(work.tile + channel, best);
      }
      copyExact(layer.target + (y * layer.outWidth + x) * layer.targetStride, work.tile, channels);
    }
  }
}

/** Pool by average, rows `from` to `to` (exclusive). A global one has the whole map for a kernel. */
export function runAveragePool(layer: Layer, work: Work, from: i32, to: i32): void {
  for (let y = from; y < to; y++) {
    for (let x = 0; x < layer.outWidth; x++) averagePosition(layer, work, y, x);
  }
}

function averagePosition(layer: Layer, work: Work, y: i32, x: i32): void {
  const top = y * layer.strideY - layer.padTop, left = x * layer.strideX - layer.padLeft;
  const firstY = max(0, top), lastY = min(layer.inHeight, top + layer.kernelY);
  const firstX = max(0, left), lastX = min(layer.inWidth, left + layer.kernelX);
  const count = layer.countPadding != 0 ? layer.kernelY * layer.kernelX : (lastY - firstY) * (lastX - firstX);
  const bytes = layer.signed != 0 ? 1 : 0;
  const target = layer.target + (((y * layer.outWidth + x) * layer.targetStride) << bytes);
  const sums = work.tile;
  for (let channel = 0; channel < layer.channels; channel++) {
    if ((channel & 7) == 0) sumEight(layer, channel, firstY, lastY, firstX, lastX, sums);
    const sum = load<i32>(sums + ((channel & 7) << 2));
    // All weights are positive, so the potential is highest at read-out, and is Σ q there.
    let level = (2 * sum + count) / (2 * count);
    if (2 * sum >= (2 * layer.unit + 1) * count) {
      level = earlyLevel(layer, work, layer.source + channel, count, firstY, lastY, firstX, lastX);
    }
    if (bytes != 0) store<i16>(target + (channel << 1), <i16> level);
    else store<u8>(target + channel, <u8> level);
  }
}

/** Sums of eight channels from `channel` on, i32, to `target`. */
@inline
function sumEight(layer: Layer, channel: i32, firstY: i32, lastY: i32, firstX: i32, lastX: i32, target: usize): void {
  const pixel = layer.sourceStride;
  let low = i32x4.splat(0), high = low;
  for (let row = firstY; row < lastY; row++) {
    let from = layer.source + (row * layer.inWidth + firstX) * pixel + channel;
    for (let column = firstX; column < lastX; column++) {
      const levels = v128.load8x8_u(from);
      low = i32x4.add(low, i32x4.extend_low_i16x8_u(levels));
      high = i32x4.add(high, i32x4.extend_high_i16x8_u(levels));
      from += pixel;
    }
  }
  v128.store(target, low);
  v128.store(target, high, 16);
}

/** Level of a neuron that is known to be early: counts its sources by level and takes every step. */
function earlyLevel(
  layer: Layer,
  work: Work,
  source: usize,
  count: i32,
  firstY: i32,
  lastY: i32,
  firstX: i32,
  lastX: i32,
): i32 {
  const histogram = work.histogram;
  memory.fill(histogram, 0, 1024);
  for (let row = firstY; row < lastY; row++) {
    for (let column = firstX; column < lastX; column++) {
      const bin = histogram + (<i32> load<u8>(source + (row * layer.inWidth + column) * layer.sourceStride) << 2);
      store<u32>(bin, load<u32>(bin) + 1);
    }
  }
  let current = 0;
  let potential = 0;
  let level = layer.levelMax + 1;
  do {
    level--;
    current += load<i32>(histogram + (level << 2));
    potential += current;
  } while (2 * potential < (2 * layer.unit + 1) * count);
  work.early += 1;
  if (level <= layer.unit) return layer.unit + level;
  work.saturated += 1;
  return layer.levelMax;
}

/** Bytes from which on pixels in as many windows are worth counting together. */
const TOGETHER = 256;
/** Vectors whose counts fit a byte. */
const COUNTS_MAX = 255;

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
        const stop = min(whole, source + (COUNTS_MAX << 4));
        let zeros = i8x16.splat(0);
        for (; source < stop; source += 16) zeros = i8x16.sub(zeros, i8x16.eq(v128.load(source), i8x16.splat(0)));
        events -= sumOf(zeros);
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

/** Sum of sixteen counts. */
@inline
function sumOf(counts: v128): i32 {
  const four = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(counts));
  const two = i32x4.add(four, v128.shuffle<i32>(four, four, 2, 3, 0, 1));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}
