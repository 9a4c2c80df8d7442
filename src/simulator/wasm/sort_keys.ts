/**
 * A sorting network over vectors, largest first: each of eight lanes is sorted by itself. Blocks of eight vectors are sorted in
 * registers, then merged: of two sorted runs the second one is read backwards, so each half of what the first step leaves is
 * bitonic.
 */

/** Sorts 8, 16 or 32 vectors of u16 at `keys`, whatever `count` (at most 32) fits in; those behind `count` are zeros. */
@inline
export function sortKeys(keys: usize, count: i32): void {
  sort8(keys);
  if (count <= 8) return;
  sort8(keys + 128);
  merge16(keys);
  if (count <= 16) return;
  sort8(keys + 256);
  sort8(keys + 384);
  merge16(keys + 256);
  merge32(keys);
}

/** Batcher's network of 19 steps. */
function sort8(at: usize): void {
  let a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
  let e = v128.load(at, 64), f = v128.load(at, 80), g = v128.load(at, 96), h = v128.load(at, 112);
  let x = a;
  a = most(x, b), b = least(x, b), x = c, c = most(x, d), d = least(x, d);
  x = e, e = most(x, f), f = least(x, f), x = g, g = most(x, h), h = least(x, h);
  x = a, a = most(x, c), c = least(x, c), x = b, b = most(x, d), d = least(x, d);
  x = e, e = most(x, g), g = least(x, g), x = f, f = most(x, h), h = least(x, h);
  x = b, b = most(x, c), c = least(x, c), x = f, f = most(x, g), g = least(x, g);
  x = a, a = most(x, e), e = least(x, e), x = b, b = most(x, f), f = least(x, f);
  x = c, c = most(x, g), g = least(x, g), x = d, d = most(x, h), h = least(x, h);
  x = c, c = most(x, e), e = least(x, e), x = d, d = most(x, f), f = least(x, f);
  x = b, b = most(x, c), c = least(x, c), x = d, d = most(x, e), e = least(x, e);
  x = f, f = most(x, g), g = least(x, g);
  v128.store(at, a);
  v128.store(at, b, 16);
  v128.store(at, c, 32);
  v128.store(at, d, 48);
  v128.store(at, e, 64);
  v128.store(at, f, 80);
  v128.store(at, g, 96);
  v128.store(at, h, 112);
}

/** Merges the two sorted runs of eight at `at`: the larger of each pair stays in registers. Offsets have to be written out. */
function merge16(at: usize): void {
  let a = v128.load(at);
  let x = v128.load(at, 240);
  v128.store(at, least(a, x), 240);
  a = most(a, x);
  let b = v128.load(at, 16);
  x = v128.load(at, 224);
  v128.store(at, least(b, x), 224);
  b = most(b, x);
  let c = v128.load(at, 32);
  x = v128.load(at, 208);
  v128.store(at, least(c, x), 208);
  c = most(c, x);
  let d = v128.load(at, 48);
  x = v128.load(at, 192);
  v128.store(at, least(d, x), 192);
  d = most(d, x);
  let e = v128.load(at, 64);
  x = v128.load(at, 176);
  v128.store(at, least(e, x), 176);
  e = most(e, x);
  let f = v128.load(at, 80);
  x = v128.load(at, 160);
  v128.store(at, least(f, x), 160);
  f = most(f, x);
  let g = v128.load(at, 96);
  x = v128.load(at, 144);
  v128.store(at, least(g, x), 144);
  g = most(g, x);
  let h = v128.load(at, 112);
  x = v128.load(at, 128);
  v128.store(at, least(h, x), 128);
  h = most(h, x);
  settle8(at, a, b, c, d, e, f, g, h);
  settleStored8(at + 128);
}

/** Merges the two sorted runs of sixteen at `at`: two steps at once for each four. */
function merge32(at: usize): void {
  let a = v128.load(at);
  let x = v128.load(at, 496);
  let y = v128.load(at, 128);
  let z = v128.load(at, 368);
  v128.store(at, least(a, x), 496);
  v128.store(at, least(y, z), 368);
  a = most(a, x);
  y = most(y, z);
  v128.store(at, least(a, y), 128);
  a = most(a, y);
  let b = v128.load(at, 16);
  x = v128.load(at, 480);
  y = v128.load(at, 144);
  z = v128.load(at, 352);
  v128.store(at, least(b, x), 480);
  v128.store(at, least(y, z), 352);
  b = most(b, x);
  y = most(y, z);
  v128.store(at, least(b, y), 144);
  b = most(b, y);
  let c = v128.load(at, 32);
  x = v128.load(at, 464);
  y = v128.load(at, 160);
  z = v128.load(at, 336);
  v128.store(at, least(c, x), 464);
  v128.store(at, least(y, z), 336);
  c = most(c, x);
  y = most(y, z);
  v128.store(at, least(c, y), 160);
  c = most(c, y);
  let d = v128.load(at, 48);
  x = v128.load(at, 448);
  y = v128.load(at, 176);
  z = v128.load(at, 320);
  v128.store(at, least(d, x), 448);
  v128.store(at, least(y, z), 320);
  d = most(d, x);
  y = most(y, z);
  v128.store(at, least(d, y), 176);
  d = most(d, y);
  let e = v128.load(at, 64);
  x = v128.load(at, 432);
  y = v128.load(at, 192);
  z = v128.load(at, 304);
  v128.store(at, least(e, x), 432);
  v128.store(at, least(y, z), 304);
  e = most(e, x);
  y = most(y, z);
  v128.store(at, least(e, y), 192);
  e = most(e, y);
  let f = v128.load(at, 80);
  x = v128.load(at, 416);
  y = v128.load(at, 208);
  z = v128.load(at, 288);
  v128.store(at, least(f, x), 416);
  v128.store(at, least(y, z), 288);
  f = most(f, x);
  y = most(y, z);
  v128.store(at, least(f, y), 208);
  f = most(f, y);
  let g = v128.load(at, 96);
  x = v128.load(at, 400);
  y = v128.load(at, 224);
  z = v128.load(at, 272);
  v128.store(at, least(g, x), 400);
  v128.store(at, least(y, z), 272);
  g = most(g, x);
  y = most(y, z);
  v128.store(at, least(g, y), 224);
  g = most(g, y);
  let h = v128.load(at, 112);
  x = v128.load(at, 384);
  y = v128.load(at, 240);
  z = v128.load(at, 256);
  v128.store(at, least(h, x), 384);
  v128.store(at, least(y, z), 256);
  h = most(h, x);
  y = most(y, z);
  v128.store(at, least(h, y), 240);
  h = most(h, y);
  settle8(at, a, b, c, d, e, f, g, h);
  settleStored8(at + 128);
  settle16(at + 256);
}

/** Puts a bitonic run of sixteen in order. */
@inline
function settle16(at: usize): void {
  let a = v128.load(at);
  let x = v128.load(at, 128);
  v128.store(at, least(a, x), 128);
  a = most(a, x);
  let b = v128.load(at, 16);
  x = v128.load(at, 144);
  v128.store(at, least(b, x), 144);
  b = most(b, x);
  let c = v128.load(at, 32);
  x = v128.load(at, 160);
  v128.store(at, least(c, x), 160);
  c = most(c, x);
  let d = v128.load(at, 48);
  x = v128.load(at, 176);
  v128.store(at, least(d, x), 176);
  d = most(d, x);
  let e = v128.load(at, 64);
  x = v128.load(at, 192);
  v128.store(at, least(e, x), 192);
  e = most(e, x);
  let f = v128.load(at, 80);
  x = v128.load(at, 208);
  v128.store(at, least(f, x), 208);
  f = most(f, x);
  let g = v128.load(at, 96);
  x = v128.load(at, 224);
  v128.store(at, least(g, x), 224);
  g = most(g, x);
  let h = v128.load(at, 112);
  x = v128.load(at, 240);
  v128.store(at, least(h, x), 240);
  h = most(h, x);
  settle8(at, a, b, c, d, e, f, g, h);
  settleStored8(at + 128);
}

@inline
function settleStored8(at: usize): void {
  settle8(
    at,
    v128.load(at),
    v128.load(at, 16),
    v128.load(at, 32),
    v128.load(at, 48),
    v128.load(at, 64),
    v128.load(at, 80),
    v128.load(at, 96),
    v128.load(at, 112),
  );
}

/** Puts a bitonic run of eight in order, and to `at`. */
@inline
function settle8(at: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
  let x = a;
  a = most(x, e), e = least(x, e), x = b, b = most(x, f), f = least(x, f);
  x = c, c = most(x, g), g = least(x, g), x = d, d = most(x, h), h = least(x, h);
  x = a, a = most(x, c), c = least(x, c), x = b, b = most(x, d), d = least(x, d);
  x = e, e = most(x, g), g = least(x, g), x = f, f = most(x, h), h = least(x, h);
  x = a, a = most(x, b), b = least(x, b), x = c, c = most(x, d), d = least(x, d);
  x = e, e = most(x, f), f = least(x, f), x = g, g = most(x, h), h = least(x, h);
  v128.store(at, a);
  v128.store(at, b, 16);
  v128.store(at, c, 32);
  v128.store(at, d, 48);
  v128.store(at, e, 64);
  v128.store(at, f, 80);
  v128.store(at, g, 96);
  v128.store(at, h, 112);
}

@inline
function most(a: v128, b: v128): v128 {
  return i16x8.max_u(a, b);
}

@inline
function least(a: v128, b: v128): v128 {
  return i16x8.min_u(a, b);
}
