/** Level maps between the layouts: i16 channel-height-width outside, u8 height-width-channel inside. */

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
