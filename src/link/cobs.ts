/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): the same bytes without any zero, so that a zero can stand
 * between packets and a reader that lost its place finds it again at the next one.
 *
 * Each block starts with its length: code n < 255 means n − 1 bytes as they are and then a zero; 255 means 254 bytes and
 * no zero. The zero of the last block is not part of the data.
 */

/** Most bytes that `length` bytes become: one more, and one for each full 254. */
export function cobsBytesMax(length: number): number {
  return length + Math.floor(length / 254) + 1;
}

/**
 * Stuffs `source` into `target` from `at` on; both must not overlap.
 *
 * @returns where it ended in `target`, which must have room for `cobsBytesMax(source.length)` bytes
 */
export function cobsEncode(source: Uint8Array, target: Uint8Array, at = 0): number {
  let code = at;
  let next = at + 1;
  for (let i = 0; i < source.length; i++) {
    const byte = source[i];
    if (byte !== 0) {
      target[next++] = byte;
      // A block that got full opens the next one only when more is to come.
      if (next - code < 255 || i === source.length - 1) continue;
    }
    target[code] = next - code;
    code = next++;
  }
  target[code] = next - code;
  return next;
}

/**
 * Undoes `cobsEncode` in place: `bytes[0..length)`, without the zero behind it, becomes its data.
 *
 * @returns length of the data; −1 when no data can have been stuffed into these bytes
 */
export function cobsDecode(bytes: Uint8Array, length: number): number {
  let from = 0;
  let to = 0;
  while (from < length) {
    const code = bytes[from++];
    const end = from + code - 1;
    if (code === 0 || end > length) return -1;
    while (from < end) {
      const byte = bytes[from++];
      if (byte === 0) return -1;
      bytes[to++] = byte;
    }
    if (code < 255 && from < length) bytes[to++] = 0;
  }
  return length === 0 ? -1 : to;
}
