/**
 * Sorts the channels of eight pixels at once, as keys of 16 bits: the pixels' bytes are turned into a vector a channel, sorted by
 * eights in registers, and merged.
 */

import { storeLists } from "./key_lists";
import { Work } from "./records";
import { EIGHT, mergeEights, storeSorted } from "./sort_keys";
import { highBytes, lowBytes } from "./vectors";

/** Most channels for which this pays: a sort that counts takes its time by events, of which there are fewer. */
const CHANNELS_MAX = 96;

/** Whether pixels of so many channels are best sorted so. */
@inline
export function sortsByEight(channels: i32): bool {
  return (channels & 7) == 0 && channels <= CHANNELS_MAX;
}

/**
 * Lists of eight pixels, `step` bytes apart, as `sortEvents` makes them, one behind the other from `list` on; the rest is as for
 * `storeLists`.
 */
export function sortEight(work: Work, source: usize, step: i32, channels: i32, bounds: usize, list: usize): usize {
  const keys = work.unsorted;
  const end = keys + (channels << 4);
  let silent = i8x16.splat(0);
  for (let at = keys, from = source, channel = 0; at < end; at += EIGHT, from += 8, channel += 8) {
    silent = loadKeys(from, step, channel, at, silent);
  }
  mergeEights(keys, end);
  return storeLists(work, keys, channels, silent, bounds, list);
}

/** Bytes of 1 where a level is 0, added to `silent`. */
@inline
function countSilent(silent: v128, levels: v128): v128 {
  return i8x16.sub(silent, i8x16.eq(levels, i8x16.splat(0)));
}

/** Sorts eight channels of eight pixels. @returns `silent` and what it counts: a byte a pixel for each half of the channels */
@inline
function loadKeys(source: usize, step: i32, channel: i32, keys: usize, silent: v128): v128 {
  let from = source;
  const p0 = v128.load64_zero(from);
  const p1 = v128.load64_zero((from += step));
  const p2 = v128.load64_zero((from += step));
  const p3 = v128.load64_zero((from += step));
  const p4 = v128.load64_zero((from += step));
  const p5 = v128.load64_zero((from += step));
  const p6 = v128.load64_zero((from += step));
  const p7 = v128.load64_zero(from + step);
  const even0 = lowBytes(p0, p4), odd0 = lowBytes(p1, p5), even1 = lowBytes(p2, p6), odd1 = lowBytes(p3, p7);
  const even = lowBytes(even0, even1), odd = lowBytes(odd0, odd1);
  const evenHigh = highBytes(even0, even1), oddHigh = highBytes(odd0, odd1);
  const c01 = lowBytes(even, odd), c23 = highBytes(even, odd);
  const c45 = lowBytes(evenHigh, oddHigh), c67 = highBytes(evenHigh, oddHigh);
  silent = countSilent(countSilent(silent, c01), c23);
  silent = countSilent(countSilent(silent, c45), c67);
  const a = lowBytes(i8x16.splat(<i8> channel), c01), b = highBytes(i8x16.splat(<i8> (channel + 1)), c01);
  const c = lowBytes(i8x16.splat(<i8> (channel + 2)), c23), d = highBytes(i8x16.splat(<i8> (channel + 3)), c23);
  const e = lowBytes(i8x16.splat(<i8> (channel + 4)), c45), f = highBytes(i8x16.splat(<i8> (channel + 5)), c45);
  const g = lowBytes(i8x16.splat(<i8> (channel + 6)), c67), h = highBytes(i8x16.splat(<i8> (channel + 7)), c67);
  storeSorted(keys, a, b, c, d, e, f, g, h);
  return silent;
}
