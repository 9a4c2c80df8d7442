/** Levels to event lists: a counting sort, highest level first. */

import { Work } from "./records";

/** Bytes of a word for each level up to `levelMax`, in whole vectors. */
@inline
export function levelBytes(levelMax: i32): i32 {
  return ((levelMax + 4) & ~3) << 2;
}

/**
 * Events of `count` levels at `source`, row = index, sorted by falling level, to `target`; levels of 0 make none. Reads up
 * to 63 bytes more, and writes up to 16 behind the list.
 *
 * Leaves in `counts`, u32 a level, how many bytes of events it has, and in `work.histogram` where these end (an address). The two
 * may be the same, which keeps the latter.
 *
 * @returns the list's end; the word there is 0
 */
@inline
export function sortEvents(work: Work, source: usize, count: i32, levelMax: i32, target: usize, counts: usize): usize {
  const cursors = work.histogram, unsorted = work.unsorted;
  const zero = i32x4.splat(0);
  const bytes = levelBytes(levelMax);
  for (let at = 0; at < bytes; at += 16) v128.store(counts + at, zero);
  let free = unsorted;
  for (let from = 0; from < count; from += 64) {
    // Many at once: where the loop below ends is what the processor guesses wrong.
    for (let mask = activeOf(source + from, count - from); mask != 0; mask &= mask - 1) {
      const index = from + <i32> ctz(mask);
      const level = <u32> load<u8>(source + index);
      const bin = counts + (level << 2);
      store<u32>(bin, load<u32>(bin) + 4);
      store<u32>(free, (level << 24) | <u32> index);
      free += 4;
    }
  }
  // Sums from the highest level down, four levels at once.
  let begin = i32x4.splat(<i32> target);
  for (let at = bytes - 16; at >= 0; at -= 16) {
    const amounts = v128.load(counts + at);
    let sums = i32x4.add(amounts, v128.shuffle<i32>(amounts, zero, 1, 2, 3, 4));
    sums = i32x4.add(sums, v128.shuffle<i32>(sums, zero, 2, 3, 4, 5));
    v128.store(cursors + at, i32x4.add(begin, v128.shuffle<i32>(sums, zero, 1, 2, 3, 4)));
    begin = i32x4.add(begin, v128.shuffle<i32>(sums, sums, 0, 0, 0, 0));
  }
  const end = <usize> i32x4.extract_lane(begin, 0);
  // By fours: what is too much has level 0 and goes behind the end.
  v128.store(free, zero);
  for (let at = unsorted; at < free; at += 16) {
    deliver(cursors, load<u32>(at));
    deliver(cursors, load<u32>(at, 4));
    deliver(cursors, load<u32>(at, 8));
    deliver(cursors, load<u32>(at, 12));
  }
  store<u32>(end, 0);
  return end;
}

/** A bit for each of up to 64 levels that is not 0. */
@inline
function activeOf(source: usize, count: i32): u64 {
  const zero = i8x16.splat(0);
  let mask = <u64> ~(i8x16.bitmask(i8x16.eq(v128.load(source), zero)) | (i8x16.bitmask(i8x16.eq(v128.load(source, 16), zero)) << 16));
  if (count > 32) {
    const high = i8x16.bitmask(i8x16.eq(v128.load(source, 32), zero)) | (i8x16.bitmask(i8x16.eq(v128.load(source, 48), zero)) << 16);
    mask = (mask & 0xffffffff) | (<u64> ~high << 32);
  }
  return count < 64 ? mask & ((<u64> 1 << count) - 1) : mask;
}

/** Puts an event where its level's next one goes. */
@inline
function deliver(cursors: usize, event: u32): void {
  const cursor = cursors + ((event >>> 24) << 2);
  const place = load<u32>(cursor);
  store<u32>(cursor, place + 4);
  store<u32>(place, event);
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
