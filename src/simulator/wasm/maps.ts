/** Level maps between the layouts: i16 channel-height-width outside, u8 height-width-channel inside. */

import { highBytes, highWords, lowBytes, lowWords } from "./vectors";

/**
 * i16 levels at `source` `[channels, area]` to u8 at `target` `[area, channels]`.
 *
 * @returns 0, or not 0 when a level is negative (and the bytes are of no use)
 */
export function packLevels(source: usize, target: usize, channels: i32, area: i32): i32 {
  let signs = i16x8.splat(0);
  if (channels == 1) {
    for (let at = 0; at < area; at += 16) {
      const low = v128.load(source + (at << 1)), high = v128.load(source + (at << 1), 16);
      signs = v128.or(signs, v128.or(low, high));
      v128.store(target + at, i8x16.narrow_i16x8_u(low, high));
    }
    return i16x8.bitmask(signs);
  }
  if (channels == 3) return packThree(source, target, area);
  let sign: i32 = 0;
  for (let channel = 0; channel < channels; channel++) {
    let place = target + channel;
    for (let at = 0; at < area; at++) {
      const level = <i32> load<i16>(source);
      sign |= level;
      store<u8>(place, <u8> level);
      source += 2;
      place += channels;
    }
  }
  return sign >>> 31;
}

/** `packLevels` of three channels; reads up to 30 bytes more and writes up to 49. */
function packThree(source: usize, target: usize, area: i32): i32 {
  const plane = area << 1;
  // Of four pixels of four bytes, without the last one of each.
  const dense = i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
  let signs = i16x8.splat(0);
  for (let at = 0; at < area; at += 16) {
    let low = v128.load(source), high = v128.load(source, 16);
    signs = v128.or(signs, v128.or(low, high));
    const a = i8x16.narrow_i16x8_u(low, high);
    low = v128.load(source + plane), high = v128.load(source + plane, 16);
    signs = v128.or(signs, v128.or(low, high));
    const b = i8x16.narrow_i16x8_u(low, high);
    low = v128.load(source + 2 * plane), high = v128.load(source + 2 * plane, 16);
    signs = v128.or(signs, v128.or(low, high));
    const c = i8x16.narrow_i16x8_u(low, high);
    let pairs = lowBytes(a, b);
    let thirds = i16x8.extend_low_i8x16_u(c);
    v128.store(target, i8x16.swizzle(lowWords(pairs, thirds), dense));
    v128.store(target, i8x16.swizzle(highWords(pairs, thirds), dense), 12);
    pairs = highBytes(a, b);
    thirds = i16x8.extend_high_i8x16_u(c);
    v128.store(target, i8x16.swizzle(lowWords(pairs, thirds), dense), 24);
    v128.store(target, i8x16.swizzle(highWords(pairs, thirds), dense), 36);
    source += 32;
    target += 48;
  }
  return i16x8.bitmask(signs);
}

/** i16 levels `[area, channels]` to u8, same order. @returns as `packLevels` */
export function narrowLevels(source: usize, target: usize, count: i32): i32 {
  let sign: i32 = 0;
  for (let at = 0; at < count; at++) {
    const level = <i32> load<i16>(source + (at << 1));
    sign |= level;
    store<u8>(target + at, <u8> level);
  }
  return sign >>> 31;
}
