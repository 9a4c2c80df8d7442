/**
 * Merges sorted lists, level by level.
 *
 * A part is a list, how many bytes of events it has of each level, and what is added to its rows. In the counts, the word of
 * level 0 has the bytes of all events above one unit. These are few, spread over as many levels as all others: they are picked
 * one by one.
 */

import { Layer } from "./records";

/** Bytes of the record of a part: list, counts, rows. */
export const PART: usize = 12;
/** Parts that are merged in registers. */
const THREE: usize = 3 * PART;

/**
 * Merges `parts` to `end` (exclusive); up to three parts are made up if there are fewer, and lists of parts are changed. Writes up
 * to 32 bytes behind the list.
 *
 * @param sums where counts go; those above one unit only in all
 * @returns the list's end; the word there is 0
 */
export function mergeParts(layer: Layer, parts: usize, end: usize, list: usize, sums: usize): usize {
  if (end - parts > THREE) return mergeMany(layer, parts, end, list, sums);
  while (end - parts < THREE) {
    store<u32>(end, <u32> layer.zeros);
    store<u32>(end, <u32> layer.zeros, 4);
    end += PART;
  }
  return mergeThree(layer, parts, list, sums);
}

function mergeThree(layer: Layer, parts: usize, list: usize, sums: usize): usize {
  let from0 = <usize> load<u32>(parts), from1 = <usize> load<u32>(parts + PART), from2 = <usize> load<u32>(parts + 2 * PART);
  const counts0 = <usize> load<u32>(parts, 4);
  const counts1 = <usize> load<u32>(parts + PART, 4);
  const counts2 = <usize> load<u32>(parts + 2 * PART, 4);
  const early = load<u32>(counts0) + load<u32>(counts1) + load<u32>(counts2);
  store<u32>(sums, early);
  if (early != 0) {
    pick(parts, parts + THREE, list, early);
    list += early;
    from0 += load<u32>(counts0);
    from1 += load<u32>(counts1);
    from2 += load<u32>(counts2);
  }
  const rows0 = v128.load32_splat(parts, 8);
  const rows1 = v128.load32_splat(parts + PART, 8);
  const rows2 = v128.load32_splat(parts + 2 * PART, 8);
  for (let at = layer.unit << 2; at > 0; at -= 4) {
    const bytes0 = load<u32>(counts0 + at);
    copy(list, from0, rows0, bytes0);
    list += bytes0;
    from0 += bytes0;
    const bytes1 = load<u32>(counts1 + at);
    copy(list, from1, rows1, bytes1);
    list += bytes1;
    from1 += bytes1;
    const bytes2 = load<u32>(counts2 + at);
    copy(list, from2, rows2, bytes2);
    list += bytes2;
    from2 += bytes2;
    store<u32>(sums + at, bytes0 + bytes1 + bytes2);
  }
  store<u32>(list, 0);
  return list;
}

function mergeMany(layer: Layer, parts: usize, end: usize, list: usize, sums: usize): usize {
  let early: u32 = 0;
  for (let part = parts; part < end; part += PART) early += load<u32>(<usize> load<u32>(part, 4));
  store<u32>(sums, early);
  pick(parts, end, list, early);
  list += early;
  for (let at = layer.unit << 2; at > 0; at -= 4) {
    const first = list;
    for (let part = parts; part < end; part += PART) {
      const from = <usize> load<u32>(part);
      const bytes = load<u32>(<usize> load<u32>(part, 4) + at);
      copy(list, from, v128.load32_splat(part, 8), bytes);
      list += bytes;
      store<u32>(part, <u32> from + bytes);
    }
    store<u32>(sums + at, <u32> (list - first));
  }
  store<u32>(list, 0);
  return list;
}

/** Takes the highest of the parts' next events, again and again, until there are `bytes` bytes of them. */
function pick(parts: usize, end: usize, list: usize, bytes: u32): void {
  for (const stop = list + bytes; list < stop; list += 4) {
    let best = parts;
    let most: u32 = 0;
    for (let part = parts; part < end; part += PART) {
      const event = load<u32>(<usize> load<u32>(part));
      if (event > most) {
        most = event;
        best = part;
      }
    }
    store<u32>(list, most + load<u32>(best, 8));
    store<u32>(best, load<u32>(best) + 4);
  }
}

/** Copies events in whole vectors; what is too much is overwritten by what follows. */
@inline
function copy(list: usize, from: usize, rows: v128, bytes: u32): void {
  v128.store(list, i32x4.add(v128.load(from), rows));
  v128.store(list, i32x4.add(v128.load(from, 16), rows), 16);
  for (let done: u32 = 32; done < bytes; done += 16) {
    v128.store(list + done, i32x4.add(v128.load(from + done), rows));
  }
}
