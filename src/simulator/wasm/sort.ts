/** Levels to event lists: a counting sort, highest level first. */

import { Work } from "./records";

/**
 * Events of `count` levels at `source`, row = index, sorted by falling level, to `target`; levels of 0 make none. Reads up
 * to 15 bytes more.
 *
 * Leaves in `work.histogram`, for each level, where in the list its events end (in events).
 *
 * @returns the list's end; the word there is 0
 */

@inline
export function sortEvents(
  work: Work,
  source: usize,
  count: i32,
  levelMax: i32,
  target: usize,
): usize {
  const histogram = work.histogram;
  for (let level = 0; level <= levelMax; level += 4) v128.store(histogram + (level << 2), i32x4.splat(0));
  let free = work.unsorted;
  for (let from = 0; from < count; from += 16) {
    let mask = i8x16.bitmask(i8x16.ne(v128.load(source + from), i8x16.splat(0)));
    const rest = count - from;
    if (rest < 16) mask &= (1 << rest) - 1;
    while (mask != 0) {
      const index = from + ctz(mask);
      mask &= mask - 1;
      const level = <u32> load<u8>(source + index);
      const bin = histogram + (level << 2);
      store<u32>(bin, load<u32>(bin) + 1);
      store<u32>(free, (level << 24) | <u32>index);
      free += 4;
    }
  }
  let begin: u32 = 0;
  for (let bin = histogram + (levelMax << 2); bin > histogram; bin -= 4) {
    const amount = load<u32>(bin);
    store<u32>(bin, begin);
    begin += amount;
  }
  for (let at = work.unsorted; at < free; at += 4) {
    const event = load<u32>(at);
    const bin = histogram + ((event >>> 24) << 2);
    const place = load<u32>(bin);
    store<u32>(bin, place + 1);
    store<u32>(target + (place << 2), event);
  }
  const end = target + (begin << 2);
  store<u32>(end, 0);
  return end;
}

/**
 * Events of `count` levels at `source`, each to the bucket of its level: `bucketBytes` from one to the next, at `work.unsorted`.
 * Reads up to 15 bytes more. Leaves in `work.histogram`, for each level, where its events end (an address).
 */
@inline
export function sortIntoBuckets(work: Work, source: usize, count: i32, levelMax: i32, bucketBytes: i32): void {
  const ends = work.histogram;
  for (let level = 0, at = work.unsorted; level <= levelMax; level++, at += bucketBytes) store<u32>(ends + (level << 2), <u32> at);
  for (let from = 0; from < count; from += 16) {
    let mask = i8x16.bitmask(i8x16.ne(v128.load(source + from), i8x16.splat(0)));
    const rest = count - from;
    if (rest < 16) mask &= (1 << rest) - 1;
    for (; mask != 0; mask &= mask - 1) {
      const index = from + ctz(mask);
      const level = <u32> load<u8>(source + index);
      const bucket = ends + (level << 2);
      const free = load<u32>(bucket);
      store<u32>(free, (level << 24) | <u32> index);
      store<u32>(bucket, free + 4);
    }
  }
}
