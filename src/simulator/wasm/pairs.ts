/**
 * Weights of 8 bits in pairs: of a group of 16 lanes, lanes j and j + 8 share the 16-bit word j, so that one load brings
 * 16 weights that need no unpacking to be summed.
 *
 *   word = high · 256 + (low + 128)        high signed, low + 128 unsigned
 *   Σ (word >> 8) = Σ high        Σ word − 256 · Σ high − 128 · events = Σ low
 *
 * The sums are taken modulo 2^16, which is right as long as the currents themselves fit.
 */

/** Offset of `lane`'s word in a row. */
@inline
export function pairOffset(lane: i32): i32 {
  return ((lane & ~15) | ((lane & 7) << 1));
}

/** How far a word is shifted left before `pairWeights` takes its upper byte: for lanes of the low half and of the high half. */
@inline
export function pairShift(lane: i32): i32 {
  return (lane & 8) != 0 ? 0 : 8;
}

/** Weights of the eight lanes with this shift out of their words. */
@inline
export function pairWeights(words: v128, shift: i32): v128 {
  return i16x8.shr_s(i16x8.shl(v128.xor(words, i16x8.splat(0x80)), shift), 8);
}

/** Sums of the low halves from those of words and of high halves; `offset`: 128 · events. */
@inline
export function lows(sum: v128, high: v128, offset: v128): v128 {
  return i16x8.sub(i16x8.sub(sum, i16x8.shl(high, 8)), offset);
}

/** A byte a lane of a group: not 0 where a potential is at the top. */
@inline
export function atTop(first: v128, second: v128): v128 {
  const top = i16x8.splat(32767);
  return i8x16.narrow_i16x8_s(i16x8.eq(first, top), i16x8.eq(second, top));
}
