/** Chance as a parameter: a small seeded generator, so that every run can be repeated from its seed. */

/** Numbers in [0, 1) and helpers over them; the same seed gives the same sequence everywhere. */
export interface Random {
  /** Next number in [0, 1). */
  next(): number;
  /** Next integer in [0, limit). */
  integer(limit: number): number;
  /** Next number in [low, high). */
  between(low: number, high: number): number;
}

/** A 32-bit generator (mulberry32: an increment by an odd constant, then two multiply-xorshift rounds). Not for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    integer: (limit) => Math.floor(next() * limit),
    between: (low, high) => low + next() * (high - low),
  };
}
