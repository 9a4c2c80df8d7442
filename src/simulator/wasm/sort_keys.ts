/**
 * A sorting network over vectors of u16, largest first: each of eight lanes is sorted by itself, by comparisons that are the same
 * whatever the keys are, so the processor has nothing to guess.
 *
 * Eight vectors, an eight, are sorted in registers. Two sorted runs are merged by comparing the first with the second read
 * backwards: each half of what comes of it rises and falls at most once, and every comparison at half the distance leaves that
 * true of its halves. What is missing in the last run would be lowest of all, and stay where it is.
 */

/** Bytes of an eight. */
export const EIGHT: usize = 128;

/** Sorts whole eights, from `keys` to `end`. */
export function sortKeys(keys: usize, end: usize): void {
  for (let at = keys; at < end; at += EIGHT) {
    storeSorted(
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
  mergeEights(keys, end);
}

/** Sorts eight vectors, to `at`: the shortest network, of 19 comparisons. */
@inline
export function storeSorted(at: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
  let x = a;
  a = most(x, c), c = least(x, c), x = b, b = most(x, d), d = least(x, d);
  x = e, e = most(x, g), g = least(x, g), x = f, f = most(x, h), h = least(x, h);
  x = a, a = most(x, e), e = least(x, e), x = b, b = most(x, f), f = least(x, f);
  x = c, c = most(x, g), g = least(x, g), x = d, d = most(x, h), h = least(x, h);
  x = a, a = most(x, b), b = least(x, b), x = c, c = most(x, d), d = least(x, d);
  x = e, e = most(x, f), f = least(x, f), x = g, g = most(x, h), h = least(x, h);
  x = c, c = most(x, e), e = least(x, e), x = d, d = most(x, f), f = least(x, f);
  x = b, b = most(x, e), e = least(x, e), x = d, d = most(x, g), g = least(x, g);
  x = b, b = most(x, c), c = least(x, c), x = d, d = most(x, e), e = least(x, e);
  x = f, f = most(x, g), g = least(x, g);
  storeEight(at, a, b, c, d, e, f, g, h);
}

/** Sorts eights, from `keys` to `end`, each of which is sorted by itself. */
export function mergeEights(keys: usize, end: usize): void {
  for (let at = keys; at + EIGHT < end; at += 2 * EIGHT) {
    settlePair(at, at + 2 * EIGHT - 16, -16);
    settleStored(at + EIGHT);
  }
  for (let run = 2 * EIGHT; keys + run < end; run <<= 1) {
    for (let first = keys; first + run < end; first += run << 1) mergeRuns(first, run, min(end, first + (run << 1)));
  }
}

/** Merges two sorted runs, of `run` bytes and up to `end`. */
@inline
function mergeRuns(first: usize, run: usize, end: usize): void {
  let low = end - EIGHT;
  for (let high = first + (run << 1) - (end - first); high < low; high += EIGHT, low -= EIGHT) exchangeEights(high, low + 112, -16);
  for (let far = run >> 1; far > EIGHT; far >>= 1) {
    for (let at = first; at + far < end; at += far << 1) {
      const stop = min(at + far, end - far);
      for (let high = at; high < stop; high += EIGHT) exchangeEights(high, high + far, 16);
    }
  }
  for (let at = first; at < end; at += 2 * EIGHT) {
    if (at + EIGHT < end) {
      settlePair(at, at + EIGHT, 16);
      settleStored(at + EIGHT);
    } else {
      settleStored(at);
    }
  }
}

/** Leaves the higher of two eights at `high` and the lower at `low`, whose vectors are `step` bytes apart. */
@inline
function exchangeEights(high: usize, low: usize, step: usize): void {
  storeEight(
    high,
    exchange(high, low),
    exchange(high + 16, low + step),
    exchange(high + 32, low + 2 * step),
    exchange(high + 48, low + 3 * step),
    exchange(high + 64, low + 4 * step),
    exchange(high + 80, low + 5 * step),
    exchange(high + 96, low + 6 * step),
    exchange(high + 112, low + 7 * step),
  );
}

/** The same, and puts the higher in order. */
@inline
function settlePair(high: usize, low: usize, step: usize): void {
  settle(
    high,
    exchange(high, low),
    exchange(high + 16, low + step),
    exchange(high + 32, low + 2 * step),
    exchange(high + 48, low + 3 * step),
    exchange(high + 64, low + 4 * step),
    exchange(high + 80, low + 5 * step),
    exchange(high + 96, low + 6 * step),
    exchange(high + 112, low + 7 * step),
  );
}

/** Leaves the lower of two vectors at `low`. @returns the higher */
@inline
function exchange(high: usize, low: usize): v128 {
  const a = v128.load(high), b = v128.load(low);
  v128.store(low, least(a, b));
  return most(a, b);
}

/** Puts in order an eight that rises and falls at most once. */
@inline
function settleStored(at: usize): void {
  settle(
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

/** The same, to `at`. */
@inline
function settle(at: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
  let x = a;
  a = most(x, e), e = least(x, e), x = b, b = most(x, f), f = least(x, f);
  x = c, c = most(x, g), g = least(x, g), x = d, d = most(x, h), h = least(x, h);
  x = a, a = most(x, c), c = least(x, c), x = b, b = most(x, d), d = least(x, d);
  x = e, e = most(x, g), g = least(x, g), x = f, f = most(x, h), h = least(x, h);
  x = a, a = most(x, b), b = least(x, b), x = c, c = most(x, d), d = least(x, d);
  x = e, e = most(x, f), f = least(x, f), x = g, g = most(x, h), h = least(x, h);
  storeEight(at, a, b, c, d, e, f, g, h);
}

@inline
function storeEight(at: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
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
