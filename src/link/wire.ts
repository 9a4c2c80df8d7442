/** Little-endian numbers in and out of a byte array, with every bound checked. */

import { LinkError } from "../core/errors.ts";

/** The error of a decoder: bytes that are no such message. */
export function malformed(where: string, expected: string, found: string | number): LinkError {
  return new LinkError("link.malformed", `Cannot decode ${where} as it must be ${expected}: found ${found}`);
}

/** The error of an encoder: a value that has no place on the wire. */
export function outOfRange(where: string, expected: string, found: unknown): LinkError {
  const text = typeof found === "string" ? JSON.stringify(found.slice(0, 80)) : String(found);
  return new LinkError("link.range", `Cannot encode ${where} as it must be ${expected}: found ${text}`);
}

/** Writes into a buffer of fixed size; used for one message after the other. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written since `reset`; lent until then. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }
  reset(): void {
    this.#used = 0;
  }
  /** An unsigned number of 1, 2, 4 or 8 bytes; `value` was checked to be one. */
  uint(value: number, bytes: 1 | 2 | 4 | 8): void {
    const at = this.#take(bytes);
    if (bytes === 1) this.#view.setUint8(at, value);
    else if (bytes === 2) this.#view.setUint16(at, value, true);
    else if (bytes === 4) this.#view.setUint32(at, value, true);
    else {
      this.#view.setUint32(at, value % 2 ** 32, true);
      this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
    }
  }
  bytes(source: Uint8Array): void {
    this.#bytes.set(source, this.#take(source.length));
  }
  /** Room for `length` bytes that the caller fills; all zero. */
  room(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length).fill(0);
  }

  #take(length: number): number {
    const at = this.#used;
    if (at + length > this.#bytes.length) {
      throw outOfRange("message", `at most ${this.#bytes.length} bytes`, at + length);
    }
    this.#used += length;
    return at;
  }
}

/** Reads from bytes that someone else may have made; every overrun is a `LinkError` `link.malformed`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }
  /** An unsigned number of 1, 2, 4 or 8 bytes; of 8 only up to 2^53 − 1, which is 285 years in µs. */
  uint(bytes: 1 | 2 | 4 | 8, where: string): number {
    const at = this.#take(bytes, where);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    if (bytes === 4) return this.#view.getUint32(at, true);
    const high = this.#view.getUint32(at + 4, true);
    if (high >= 2 ** 21) throw malformed(where, "below 2^53", `${high} · 2^32`);
    return high * 2 ** 32 + this.#view.getUint32(at, true);
  }
  /** `length` bytes, lent: they are part of the packet. */
  bytes(length: number, where: string): Uint8Array {
    const at = this.#take(length, where);
    return this.#bytes.subarray(at, at + length);
  }

  #take(length: number, where: string): number {
    if (length > this.left) throw malformed(where, `${length} bytes`, `${this.left} left in the packet`);
    this.#at += length;
    return this.#at - length;
  }
}
