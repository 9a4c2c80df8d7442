/** Pools: by maximum, and by average (neurons whose weights are all 1 and whose weight 1.0 is the number of positions). */

import { earlyLevel } from "./lane";
import { Layer, Work } from "./records";
import { copyExact } from "./vectors";

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
      level = walkSources(layer, work, layer.source + channel, count, firstY, lastY, firstX, lastX);
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
function walkSources(
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
  return earlyLevel(layer, work, level);
}
