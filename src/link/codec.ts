/**
 * Fields of messages: each knows how to write itself, how to read itself, and its form on the wire. A message is a
 * `struct` of fields, so its encoder, its decoder and its picture in PROTOCOL.md are one description.
 */

import { type ByteReader, type ByteWriter, malformed, outOfRange } from "./wire.ts";

/** One field, or a whole message. `where` names it in errors. */
export interface Codec<T> {
  readonly form: Form;
  /** @throws {LinkError} `link.range` when the value has no place on the wire */
  write(writer: ByteWriter, value: T, where: string): void;
  /** @throws {LinkError} `link.malformed` when the bytes are no such value */
  read(reader: ByteReader, where: string): T;
}

/** How a value looks on the wire: for the picture in PROTOCOL.md and for tests that make values up. */
export type Form =
  | { readonly kind: "uint"; readonly bytes: 1 | 2 | 4 | 8 }
  | { readonly kind: "choice"; readonly values: Readonly<Record<string, number>> }
  | { readonly kind: "flags"; readonly bytes: 1 | 2; readonly bits: Readonly<Record<string, number>> }
  | { readonly kind: "text"; readonly bytesMax: number }
  | { readonly kind: "hex"; readonly bytes: number }
  | { readonly kind: "blob"; readonly bytesMax: number }
  | { readonly kind: "steps"; readonly countMax: number }
  | { readonly kind: "levels"; readonly countMax: number }
  | { readonly kind: "list"; readonly countMax: number; readonly item: Form }
  | { readonly kind: "struct"; readonly fields: Readonly<Record<string, Form>> };

/** Unsigned numbers. */
export const u8: Codec<number> = uint(1);
export const u16: Codec<number> = uint(2);
export const u32: Codec<number> = uint(4);
/** On the wire 64 bits, of which 53 may be used. */
export const u64: Codec<number> = uint(8);

/** One of a few words, as a byte. */
export function choice<Name extends string>(values: Readonly<Record<Name, number>>): Codec<Name> {
  const names = Object.keys(values) as Name[];
  const known = names.join(", ");
  const byNumber = new Map(names.map((name) => [values[name], name]));
  return {
    form: { kind: "choice", values },
    write(writer, value, where) {
      if (!Object.hasOwn(values, value)) throw outOfRange(where, `one of ${known}`, value);
      writer.uint(values[value], 1);
    },
    read(reader, where) {
      const number = reader.uint(1, where);
      const name = byNumber.get(number);
      if (name === undefined) throw malformed(where, `the number of one of ${known}`, number);
      return name;
    },
  };
}

/** Yes and no by name, one bit each; bits without a name are sent as 0 and not looked at. */
export function flags<Name extends string>(
  bytes: 1 | 2,
  bits: Readonly<Record<Name, number>>,
): Codec<Readonly<Record<Name, boolean>>> {
  const names = Object.keys(bits) as Name[];
  return {
    form: { kind: "flags", bytes, bits },
    write(writer, value) {
      writer.uint(names.reduce((sum, name) => sum | (value[name] ? 1 << bits[name] : 0), 0), bytes);
    },
    read(reader, where) {
      const word = reader.uint(bytes, where);
      return Object.fromEntries(names.map((name) => [name, ((word >> bits[name]) & 1) === 1])) as Record<Name, boolean>;
    },
  };
}

/** UTF-8 behind its length in bytes, u16. */
export function text(bytesMax: number): Codec<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const encoder = new TextEncoder();
  return {
    form: { kind: "text", bytesMax },
    write(writer, value, where) {
      const bytes = encoder.encode(value);
      if (bytes.length > bytesMax) throw outOfRange(where, `at most ${bytesMax} bytes of UTF-8`, bytes.length);
      writer.uint(bytes.length, 2);
      writer.bytes(bytes);
    },
    read(reader, where) {
      const length = reader.uint(2, where);
      if (length > bytesMax) throw malformed(where, `at most ${bytesMax} bytes`, length);
      try {
        return decoder.decode(reader.bytes(length, where));
      } catch (error) {
        if (error instanceof TypeError) throw malformed(where, "UTF-8", "something else");
        throw error;
      }
    },
  };
}

/** So many bytes, in the program as lower-case hex. */
export function hex(length: number): Codec<string> {
  return {
    form: { kind: "hex", bytes: length },
    write(writer, value, where) {
      if (value.length !== 2 * length || !/^[0-9a-f]*$/.test(value)) {
        throw outOfRange(where, `${2 * length} lower-case hex digits`, value);
      }
      const room = writer.room(length);
      for (let i = 0; i < length; i++) room[i] = Number.parseInt(value.slice(2 * i, 2 * i + 2), 16);
    },
    read(reader, where) {
      return Array.from(reader.bytes(length, where), (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}

/** Bytes behind their count, u32; when read they are lent, being part of the packet. */
export function blob(bytesMax: number): Codec<Uint8Array> {
  return {
    form: { kind: "blob", bytesMax },
    write(writer, value, where) {
      if (value.length > bytesMax) throw outOfRange(where, `at most ${bytesMax} bytes`, value.length);
      writer.uint(value.length, 4);
      writer.bytes(value);
    },
    read(reader, where) {
      const length = reader.uint(4, where);
      if (length > bytesMax) throw malformed(where, `at most ${bytesMax} bytes`, length);
      return reader.bytes(length, where);
    },
  };
}

/** Time steps, u16 each, behind their count, u32. */
export function steps(countMax: number): Codec<Uint16Array> {
  return {
    form: { kind: "steps", countMax },
    write(writer, value, where) {
      if (value.length > countMax) throw outOfRange(where, `at most ${countMax} steps`, value.length);
      writer.uint(value.length, 4);
      for (let i = 0; i < value.length; i++) writer.uint(value[i], 2);
    },
    read(reader, where) {
      const count = reader.uint(4, where);
      // Before anything is allocated: the packet must have them.
      if (count > countMax || 2 * count > reader.left) throw malformed(where, `at most ${countMax}, and there`, count);
      return Uint16Array.from({ length: count }, () => reader.uint(2, where));
    },
  };
}

/** Items behind their count, u8. */
export function list<T>(countMax: number, item: Codec<T>): Codec<readonly T[]> {
  return {
    form: { kind: "list", countMax, item: item.form },
    write(writer, value, where) {
      if (value.length > countMax) throw outOfRange(where, `at most ${countMax} items`, value.length);
      writer.uint(value.length, 1);
      value.forEach((one, i) => item.write(writer, one, `${where}[${i}]`));
    },
    read(reader, where) {
      const count = reader.uint(1, where);
      if (count > countMax) throw malformed(where, `at most ${countMax} items`, count);
      return Array.from({ length: count }, (_, i) => item.read(reader, `${where}[${i}]`));
    },
  };
}

/** Fields one after the other. */
export function struct<T extends object>(fields: { readonly [Key in keyof T]-?: Codec<T[Key]> }): Codec<T> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][];
  return {
    form: { kind: "struct", fields: Object.fromEntries(entries.map(([name, field]) => [name, field.form])) },
    write(writer, value, where) {
      for (const [name, field] of entries) {
        field.write(writer, (value as Record<string, unknown>)[name], `${where}.${name}`);
      }
    },
    read(reader, where) {
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) value[name] = field.read(reader, `${where}.${name}`);
      return value as T;
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

function uint(bytes: 1 | 2 | 4 | 8): Codec<number> {
  const max = bytes === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * bytes) - 1;
  return {
    form: { kind: "uint", bytes },
    write(writer, value, where) {
      if (!(Number.isInteger(value) && value >= 0 && value <= max)) {
        throw outOfRange(where, `a whole number from 0 to ${max}`, value);
      }
      writer.uint(value, bytes);
    },
    read: (reader, where) => reader.uint(bytes, where),
  };
}
