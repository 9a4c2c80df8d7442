/** Protobuf messages field by field, with a budget: the only user of the protobuf package. */

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export { BinaryReader, BinaryWriter, WireType };

/** What to do with a field: read exactly one value. */
export type FieldHandler = (reader: BinaryReader, wire: WireType) => void;

/** How many more fields may be read: a small file cannot make many objects, and a large one only so many. */
export interface Budget {
  left: number;
}

/**
 * Reads a message; fields without a handler are passed over.
 *
 * @throws {Error} for bytes that are no such message; RangeError when the budget is spent
 */
export function readMessage(bytes: Uint8Array, budget: Budget, handlers: Readonly<Record<number, FieldHandler>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    if (--budget.left < 0) throw new RangeError("more parts than the limit allows");
    const [field, wire] = reader.tag();
    const handler = handlers[field];
    if (handler === undefined) reader.skip(wire, field);
    else handler(reader, wire);
    if (reader.pos > reader.len) throw new RangeError("a part ends after the message that holds it");
  }
}

/** A handler for a field of bytes, text or message. */
export function onBytes(take: (bytes: Uint8Array) => void): FieldHandler {
  return (reader, wire) => {
    expect(wire, WireType.LengthDelimited);
    take(reader.bytes());
  };
}

/** A handler for UTF-8 text. */
export function onText(take: (text: string) => void): FieldHandler {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return onBytes((bytes) => take(decoder.decode(bytes)));
}

/** A handler for a whole number, alone or packed; 64-bit numbers become the nearest double. */
export function onInt(budget: Budget, take: (value: number) => void): FieldHandler {
  return (reader, wire) => {
    if (wire === WireType.Varint) return take(Number(reader.int64()));
    expect(wire, WireType.LengthDelimited);
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) {
      if (--budget.left < 0) throw new RangeError("more numbers than the limit allows");
      take(Number(packed.int64()));
    }
  };
}

/** A handler for 32-bit floats, alone or packed. */
export function onFloat(budget: Budget, take: (value: number) => void): FieldHandler {
  return (reader, wire) => {
    if (wire === WireType.Bit32) return take(reader.float());
    expect(wire, WireType.LengthDelimited);
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) {
      if (--budget.left < 0) throw new RangeError("more numbers than the limit allows");
      take(packed.float());
    }
  };
}

function expect(found: WireType, wanted: WireType): void {
  if (found !== wanted) throw new Error(`a field of wire type ${wanted} has wire type ${found}`);
}
