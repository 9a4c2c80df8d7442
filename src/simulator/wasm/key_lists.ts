/** Event lists of eight positions or pixels at once, a lane each: from keys in order, u16 `level · 256 + row` (`sort_keys.ts`). */

import { Work } from "./records";
import { EIGHT } from "./sort_keys";
import { highHalves, highPairs, highWords, lowHalves, lowPairs, lowWords } from "./vectors";

/** Bytes of where eight lists begin and end, u32 each. */
export const BOUNDS: usize = 64;

/**
 * Sorted keys, `count` a lane at `keys`, to lists one behind the other from `list` on. Where each begins and ends goes to `bounds`.
 * Reads keys by eights, and writes up to `count` words, by eights too, behind the start of the last list.
 *
 * @param silent how many keys of each lane have level 0: two bytes to be added, eight apart
 * @returns where the next list may begin
 */
export function storeLists(work: Work, keys: usize, count: i32, silent: v128, bounds: usize, list: usize): usize {
  v128.store(work.histogram, silent);
  let next = list;
  let most = 0;
  for (let lane = 0; lane < 8; lane++) {
    const events = count - <i32> load<u8>(work.histogram + lane) - <i32> load<u8>(work.histogram + lane, 8);
    most = max(most, events);
    store<u32>(bounds + (lane << 3), <u32> next);
    next += events << 2;
    store<u32>(bounds + (lane << 3), <u32> next, 4);
    next += 4;
  }
  // From the last events of the lists to the first: what is too much is overwritten by those of the lists behind.
  for (let first = (most - 1) & ~7; first >= 0; first -= 8) spreadKeys(keys + <usize> (first >> 3) * EIGHT, bounds, first << 2);
  for (let lane = 0; lane < 8; lane++) store<u32>(<usize> load<u32>(bounds + (lane << 3), 4), 0);
  return next;
}

/** Writes eight events of each lane, `offset` bytes behind the start of its list. */
@inline
export function spreadKeys(keys: usize, bounds: usize, offset: i32): void {
  const a = v128.load(keys), b = v128.load(keys, 16), c = v128.load(keys, 32), d = v128.load(keys, 48);
  const e = v128.load(keys, 64), f = v128.load(keys, 80), g = v128.load(keys, 96), h = v128.load(keys, 112);
  const ab = lowWords(a, b), cd = lowWords(c, d), ef = lowWords(e, f), gh = lowWords(g, h);
  const abHigh = highWords(a, b), cdHigh = highWords(c, d), efHigh = highWords(e, f), ghHigh = highWords(g, h);
  spreadTwo(bounds, offset, lowPairs(ab, cd), lowPairs(ef, gh));
  spreadTwo(bounds + 16, offset, highPairs(ab, cd), highPairs(ef, gh));
  spreadTwo(bounds + 32, offset, lowPairs(abHigh, cdHigh), lowPairs(efHigh, ghHigh));
  spreadTwo(bounds + 48, offset, highPairs(abHigh, cdHigh), highPairs(efHigh, ghHigh));
}

/** Of two lanes: four keys of each in both vectors. */
@inline
function spreadTwo(bounds: usize, offset: i32, first: v128, second: v128): void {
  storeEvents(<usize> load<u32>(bounds) + offset, lowHalves(first, second));
  storeEvents(<usize> load<u32>(bounds, 8) + offset, highHalves(first, second));
}

/** Keys to events: the level goes to the top, two bytes up. */
@inline
function storeEvents(list: usize, keys: v128): void {
  const rows = i16x8.shr_u(i16x8.shl(keys, 8), 8);
  const levels = v128.xor(keys, rows);
  v128.store(list, lowWords(rows, levels));
  v128.store(list, highWords(rows, levels), 16);
}
