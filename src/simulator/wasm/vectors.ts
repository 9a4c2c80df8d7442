/** What several kernels do with vectors and bytes, whatever is in them. */

/** Lower halves of two vectors in turn, a byte of each. */
@inline
export function lowBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Upper halves, the same way; so on with elements of 2, 4 and 8 bytes. */
@inline
export function highBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

@inline
export function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
export function highWords(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

@inline
export function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 4, 1, 5);
}

@inline
export function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 2, 6, 3, 7);
}

@inline
export function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 0, 2);
}

@inline
export function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 1, 3);
}

/** Sum of four counts of 32 bits. */
@inline
export function sumOfFour(counts: v128): i32 {
  const two = i32x4.add(counts, v128.shuffle<i32>(counts, counts, 2, 3, 0, 1));
  return i32x4.extract_lane(two, 0) + i32x4.extract_lane(two, 1);
}

/** Sum of eight counts of 16 bits. */
@inline
export function sumOfEight(counts: v128): i32 {
  return sumOfFour(i32x4.extadd_pairwise_i16x8_u(counts));
}

/** Copies `bytes` bytes and writes none besides; may read up to 15 more. */
@inline
export function copyExact(target: usize, source: usize, bytes: i32): void {
  if (bytes >= 16) {
    const last = bytes - 16;
    for (let at = 0; at < last; at += 16) v128.store(target + at, v128.load(source + at));
    v128.store(target + last, v128.load(source + last));
  } else if (bytes >= 8) {
    store<u64>(target, load<u64>(source));
    store<u64>(target + bytes - 8, load<u64>(source + bytes - 8));
  } else if (bytes >= 4) {
    store<u32>(target, load<u32>(source));
    store<u32>(target + bytes - 4, load<u32>(source + bytes - 4));
  } else {
    for (let at = 0; at < bytes; at++) store<u8>(target + at, load<u8>(source + at));
  }
}
