/**
 * Sorts the channels of eight pixels at once: a lane of 16 bits a pixel, and a network of comparisons that does the same whatever
 * the levels are, so the processor has nothing to guess. A key is level · 256 + channel.
 *
 * Channels are sorted by eights in registers. Two sorted eights become the higher and the lower half of all sixteen, again and
 * again, until every eight is in its place.
 */

import { Work } from "./records";

/** Whether this pays for pixels of so many channels; fewest levels need the least from a sort that counts. */
@inline
export function sortsByEight(channels: i32, unit: i32): bool {
  return (channels & 7) == 0 && channels <= (unit < 32 ? 64 : 96);
}

/** Bytes of the keys of eight channels. */
const KEYS: usize = 128;

/**
 * Lists of eight pixels, `step` bytes apart, as `sortEvents` makes them, one behind the other from `list` on. Where each begins and
 * ends goes to `bounds`. Writes up to `channels` words behind the last.
 *
 * @returns where the next list may begin
 */
export function sortEight(work: Work, source: usize, step: i32, channels: i32, bounds: usize, list: usize): usize {
  const keys = work.unsorted;
  const end = keys + (channels << 4);
  let silent = i8x16.splat(0);
  for (let at = keys, from = source, channel = 0; at < end; at += KEYS, from += 8, channel += 8) {
    silent = loadKeys(from, step, channel, at, silent);
  }
  sortEights(keys, channels >> 3);
  v128.store(work.histogram, silent);
  let next = list;
  let most = 0;
  for (let pixel = 0; pixel < 8; pixel++) {
    const count = channels - <i32> load<u8>(work.histogram + pixel) - <i32> load<u8>(work.histogram + pixel, 8);
    most = max(most, count);
    store<u32>(bounds + (pixel << 3), <u32> next);
    next += count << 2;
    store<u32>(bounds + (pixel << 3), <u32> next, 4);
    next += 4;
  }
  // From the last events of the lists to the first: what is too much is overwritten by those of the lists behind.
  for (let first = (most - 1) & ~7; first >= 0; first -= 8) spread(keys + (first << 4), bounds, first << 2);
  for (let pixel = 0; pixel < 8; pixel++) store<u32>(<usize> load<u32>(bounds + (pixel << 3), 4), 0);
  return next;
}

@inline
function lowBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function highBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

@inline
function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function highWords(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

@inline
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 4, 1, 5);
}

@inline
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 2, 6, 3, 7);
}

@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 0, 2);
}

@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 1, 3);
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
  let a = lowBytes(i8x16.splat(<i8> channel), c01), b = highBytes(i8x16.splat(<i8> (channel + 1)), c01);
  let c = lowBytes(i8x16.splat(<i8> (channel + 2)), c23), d = highBytes(i8x16.splat(<i8> (channel + 3)), c23);
  let e = lowBytes(i8x16.splat(<i8> (channel + 4)), c45), f = highBytes(i8x16.splat(<i8> (channel + 5)), c45);
  let g = lowBytes(i8x16.splat(<i8> (channel + 6)), c67), h = highBytes(i8x16.splat(<i8> (channel + 7)), c67);
  let t = a;
  // The shortest network for eight: 19 comparisons.
  t = i16x8.max_u(a, c), c = i16x8.min_u(a, c), a = t;
  t = i16x8.max_u(b, d), d = i16x8.min_u(b, d), b = t;
  t = i16x8.max_u(e, g), g = i16x8.min_u(e, g), e = t;
  t = i16x8.max_u(f, h), h = i16x8.min_u(f, h), f = t;
  t = i16x8.max_u(a, e), e = i16x8.min_u(a, e), a = t;
  t = i16x8.max_u(b, f), f = i16x8.min_u(b, f), b = t;
  t = i16x8.max_u(c, g), g = i16x8.min_u(c, g), c = t;
  t = i16x8.max_u(d, h), h = i16x8.min_u(d, h), d = t;
  t = i16x8.max_u(a, b), b = i16x8.min_u(a, b), a = t;
  t = i16x8.max_u(c, d), d = i16x8.min_u(c, d), c = t;
  t = i16x8.max_u(e, f), f = i16x8.min_u(e, f), e = t;
  t = i16x8.max_u(g, h), h = i16x8.min_u(g, h), g = t;
  t = i16x8.max_u(c, e), e = i16x8.min_u(c, e), c = t;
  t = i16x8.max_u(d, f), f = i16x8.min_u(d, f), d = t;
  t = i16x8.max_u(b, e), e = i16x8.min_u(b, e), b = t;
  t = i16x8.max_u(d, g), g = i16x8.min_u(d, g), d = t;
  t = i16x8.max_u(b, c), c = i16x8.min_u(b, c), b = t;
  t = i16x8.max_u(d, e), e = i16x8.min_u(d, e), d = t;
  t = i16x8.max_u(f, g), g = i16x8.min_u(f, g), f = t;
  v128.store(keys, a);
  v128.store(keys, b, 16);
  v128.store(keys, c, 32);
  v128.store(keys, d, 48);
  v128.store(keys, e, 64);
  v128.store(keys, f, 80);
  v128.store(keys, g, 96);
  v128.store(keys, h, 112);
  return silent;
}

/** Sorts `count` eights among themselves: Batcher's merge exchange. */
function sortEights(keys: usize, count: i32): void {
  for (let size = 1; size < count; size <<= 1) {
    for (let far = size; far > 0; far >>= 1) {
      for (let first = far & (size - 1); first + far < count; first += far << 1) {
        const end = min(first + far, count - far);
        for (let at = first; at < end; at++) {
          const low = at + far;
          // Not across the ends of what is merged: twice `size`.
          if ((at ^ low) < size << 1) split(keys + at * KEYS, keys + low * KEYS);
        }
      }
    }
  }
}

/** Puts the higher half of two sorted eights at `high` and the lower at `low`, both sorted. */
@inline
function split(high: usize, low: usize): void {
  // The highest against the lowest: both halves then rise and fall at most once.
  const a = exchange(high, low + 112), b = exchange(high + 16, low + 96);
  const c = exchange(high + 32, low + 80), d = exchange(high + 48, low + 64);
  const e = exchange(high + 64, low + 48), f = exchange(high + 80, low + 32);
  const g = exchange(high + 96, low + 16), h = exchange(high + 112, low);
  straighten(high, a, b, c, d, e, f, g, h);
  straighten(
    low,
    v128.load(low),
    v128.load(low, 16),
    v128.load(low, 32),
    v128.load(low, 48),
    v128.load(low, 64),
    v128.load(low, 80),
    v128.load(low, 96),
    v128.load(low, 112),
  );
}

/** Leaves the lower at `low`. @returns the higher */
@inline
function exchange(high: usize, low: usize): v128 {
  const a = v128.load(high), b = v128.load(low);
  v128.store(low, i16x8.min_u(a, b));
  return i16x8.max_u(a, b);
}

/** Sorts eight that rise and fall at most once. */
@inline
function straighten(keys: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
  const a1 = i16x8.max_u(a, e), e1 = i16x8.min_u(a, e), b1 = i16x8.max_u(b, f), f1 = i16x8.min_u(b, f);
  const c1 = i16x8.max_u(c, g), g1 = i16x8.min_u(c, g), d1 = i16x8.max_u(d, h), h1 = i16x8.min_u(d, h);
  const a2 = i16x8.max_u(a1, c1), c2 = i16x8.min_u(a1, c1), b2 = i16x8.max_u(b1, d1), d2 = i16x8.min_u(b1, d1);
  const e2 = i16x8.max_u(e1, g1), g2 = i16x8.min_u(e1, g1), f2 = i16x8.max_u(f1, h1), h2 = i16x8.min_u(f1, h1);
  v128.store(keys, i16x8.max_u(a2, b2));
  v128.store(keys, i16x8.min_u(a2, b2), 16);
  v128.store(keys, i16x8.max_u(c2, d2), 32);
  v128.store(keys, i16x8.min_u(c2, d2), 48);
  v128.store(keys, i16x8.max_u(e2, f2), 64);
  v128.store(keys, i16x8.min_u(e2, f2), 80);
  v128.store(keys, i16x8.max_u(g2, h2), 96);
  v128.store(keys, i16x8.min_u(g2, h2), 112);
}

/** Writes eight events of each pixel, `offset` bytes behind the start of its list. */
@inline
function spread(keys: usize, bounds: usize, offset: i32): void {
  const a = v128.load(keys), b = v128.load(keys, 16), c = v128.load(keys, 32), d = v128.load(keys, 48);
  const e = v128.load(keys, 64), f = v128.load(keys, 80), g = v128.load(keys, 96), h = v128.load(keys, 112);
  const ab = lowWords(a, b), cd = lowWords(c, d), ef = lowWords(e, f), gh = lowWords(g, h);
  const abHigh = highWords(a, b), cdHigh = highWords(c, d), efHigh = highWords(e, f), ghHigh = highWords(g, h);
  spreadTwo(bounds, offset, lowPairs(ab, cd), lowPairs(ef, gh));
  spreadTwo(bounds + 16, offset, highPairs(ab, cd), highPairs(ef, gh));
  spreadTwo(bounds + 32, offset, lowPairs(abHigh, cdHigh), lowPairs(efHigh, ghHigh));
  spreadTwo(bounds + 48, offset, highPairs(abHigh, cdHigh), highPairs(efHigh, ghHigh));
}

/** Of two pixels: four keys each from both. */
@inline
function spreadTwo(bounds: usize, offset: i32, first: v128, second: v128): void {
  storeEvents(<usize> load<u32>(bounds) + offset, lowHalves(first, second));
  storeEvents(<usize> load<u32>(bounds, 8) + offset, highHalves(first, second));
}

/** Keys to events: the level goes to the top, two bytes up. */
@inline
function storeEvents(list: usize, keys: v128): void {
  const channels = i16x8.shr_u(i16x8.shl(keys, 8), 8);
  const levels = v128.xor(keys, channels);
  v128.store(list, lowWords(channels, levels));
  v128.store(list, highWords(channels, levels), 16);
}
