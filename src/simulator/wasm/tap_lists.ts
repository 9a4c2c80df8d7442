/** Taps of one position one by one: where their levels and weights are, and the exact way along them in order of time. */

import { exactLevel } from "./lane";
import { Block, Layer, Work } from "./records";

/** Bytes of the record of one tap: source, offset of its weights. */
export const TAP: usize = 8;

/** The same place of several maps. */
export function placeTaps(layer: Layer, pixel: i32, taps: usize): usize {
  const offset = pixel * layer.sourceStride;
  for (let tap = 0; tap < layer.taps; tap++) {
    store<u32>(taps, load<u32>(layer.sources + (tap << 2)) + offset);
    store<u32>(taps, (tap * layer.lanesPerTap) << 1, 4);
    taps += TAP;
  }
  return taps;
}

/** The pixels of one map under the kernel. */
export function slideTaps(layer: Layer, y: i32, x: i32, taps: usize): usize {
  for (let ky = 0; ky < layer.kernelY; ky++) {
    const row = y * layer.strideY - layer.padTop + ky * layer.dilationY;
    if (<u32> row >= <u32> layer.inHeight) continue;
    for (let kx = 0; kx < layer.kernelX; kx++) {
      const column = x * layer.strideX - layer.padLeft + kx * layer.dilationX;
      if (<u32> column >= <u32> layer.inWidth) continue;
      store<u32>(taps, <u32> (layer.source + (row * layer.inWidth + column) * layer.sourceStride));
      store<u32>(taps, ((ky * layer.kernelX + kx) * layer.lanesPerTap) << 1, 4);
      taps += TAP;
    }
  }
  return taps;
}

/** The exact way for the lanes in `mask`, counted from `lane`. */
export function walkLanes(layer: Layer, work: Work, taps: usize, end: usize, lane: i32, mask: i32): void {
  const block = changetype<Block>(layer.blocks);
  while (mask != 0) {
    const channel = lane + ctz(mask);
    mask &= mask - 1;
    if (channel >= layer.channels) return;
    const list = work.unsorted;
    sortTaps(taps, end, channel, list);
    const bias = load<i32>(block.biasLevels + (channel << 2));
    const level = exactLevel(layer, work, list, layer.weights + (channel << 1), 2, -1, bias);
    if (layer.signed != 0) store<i16>(work.tile + (channel << 1), <i16> level);
    else store<u8>(work.tile + channel, <u8> level);
  }
}

/** Events of one channel's taps by insertion; a row is a tap's offset among the weights, in weights. */
function sortTaps(taps: usize, end: usize, channel: i32, list: usize): void {
  let free = list;
  for (let tap = taps; tap < end; tap += TAP) {
    const level = <u32> load<u8>(<usize> load<u32>(tap) + channel);
    if (level == 0) continue;
    const event = (level << 24) | (load<u32>(tap, 4) >>> 1);
    let place = free;
    for (; place > list && load<u32>(place - 4) < event; place -= 4) store<u32>(place, load<u32>(place - 4));
    store<u32>(place, event);
    free += 4;
  }
  store<u32>(free, 0);
}
