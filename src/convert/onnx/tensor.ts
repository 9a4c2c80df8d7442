/** Constant tensors of an ONNX model: header fields, the five places where values may stand, and their types. */

import type { Issue } from "../../core/errors.ts";
import type { OnnxTensor, OnnxType } from "./model.ts";
import { BinaryReader, type Budget, onBytes, onInt, onText, readMessage } from "./wire.ts";

/** Most elements in one tensor. */
export const TENSOR_ELEMENTS_MAX = 2 ** 27;
const DIMENSIONS_MAX = 8;

const TYPES: Readonly<Record<number, OnnxType>> = {
  1: "float",
  2: "uint8",
  3: "int8",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "double",
};
const BYTES: Readonly<Record<OnnxType, number>> = {
  float: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  double: 8,
};

/** A tensor as it stands in the file, its values still bytes. */
export interface RawTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: OnnxType;
  readonly elements: number;
  /** Little-endian elements, or null when a typed list or another file holds them. */
  readonly raw: Uint8Array | null;
  /** A packed list of varints, floats or doubles. */
  readonly packed: Uint8Array | null;
  /** Where in another file the values stand. */
  readonly external: ReadonlyMap<string, string> | null;
}

/** Bytes that a tensor's elements take. */
export function tensorBytes(tensor: Pick<RawTensor, "type" | "elements">): number {
  return tensor.elements * BYTES[tensor.type];
}

/** Reads a `TensorProto`'s fields; pushes what is wrong with it and returns null. */
export function readTensor(bytes: Uint8Array, budget: Budget, owner: string, issues: Issue[]): RawTensor | null {
  let name = "";
  let code = 0;
  let raw: Uint8Array | null = null;
  let segment = false;
  let remote = false;
  const dims: number[] = [];
  const lists = new Map<number, Uint8Array>();
  const entries = new Map<string, string>();
  const list = (field: number) => onBytes((value) => void lists.set(field, value));
  readMessage(bytes, budget, {
    1: onInt(budget, (value) => dims.push(value)),
    2: onInt(budget, (value) => code = value),
    3: onBytes(() => segment = true),
    4: list(4),
    5: list(5),
    7: list(7),
    8: onText((text) => name = text),
    9: onBytes((value) => raw = value),
    10: list(10),
    13: onBytes((value) => {
      let key = "";
      let text = "";
      readMessage(value, budget, { 1: onText((t) => key = t), 2: onText((t) => text = t) });
      entries.set(key, text);
    }),
    14: onInt(budget, (value) => remote = value === 1),
  });
  const where = `tensor ${JSON.stringify(name || owner)}`;
  const before = issues.length;
  const type = TYPES[code];
  if (type === undefined) {
    const known = Object.entries(TYPES).map(([key, value]) => `${value} (${key})`).join(", ");
    issues.push({ where: `${where} type`, expected: known, found: `${code}` });
  }
  const elements = dims.reduce((product, size) => product * size, 1);
  if (dims.length > DIMENSIONS_MAX || dims.some((size) => size < 0) || elements > TENSOR_ELEMENTS_MAX) {
    const expected = `at most ${DIMENSIONS_MAX} sizes and ${TENSOR_ELEMENTS_MAX} elements`;
    issues.push({ where: `${where} shape`, expected, found: `[${dims.slice(0, DIMENSIONS_MAX + 1).join(", ")}]` });
  }
  if (segment) issues.push({ where, expected: "a whole tensor", found: "a segment of one" });
  if (issues.length > before) return null;
  const packed = lists.get(type === "double" ? 10 : type === "float" ? 4 : type === "int64" ? 7 : 5) ?? null;
  return { name, dims, type, elements, raw, packed, external: remote ? entries : null };
}

/** A raw tensor's values as numbers; pushes what is wrong with it and returns null. */
export function decodeTensor(tensor: RawTensor, issues: Issue[]): OnnxTensor | null {
  const where = `tensor ${JSON.stringify(tensor.name)}`;
  const { name, dims, type, elements, raw, packed } = tensor;
  const wanted = tensorBytes(tensor);
  const bytes = raw ?? (type === "float" || type === "double" ? packed ?? new Uint8Array(0) : null);
  if (bytes !== null) {
    if (bytes.length !== wanted) {
      issues.push({ where, expected: `${wanted} bytes for ${type} [${dims.join(", ")}]`, found: `${bytes.length}` });
      return null;
    }
    return { name, dims, type, values: decodeRaw(bytes, type, elements) };
  }
  // Every varint takes a byte at least, so the list cannot promise more elements than the file has bytes.
  const list = packed ?? new Uint8Array(0);
  if (list.length < elements) {
    issues.push({ where, expected: `${elements} numbers`, found: `${list.length} bytes of them` });
    return null;
  }
  const values = new Float64Array(elements);
  const found = readVarints(list, values);
  if (found < elements) {
    issues.push({ where, expected: `${elements} numbers`, found: `${found}` });
    return null;
  }
  // Half-precision floats stand in the 32-bit list as their 16 bits.
  if (type === "float16") values.forEach((value, i) => values[i] = halfToNumber(value & 0xffff));
  return { name, dims, type, values };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Fills `values` from a packed list. @returns how many whole numbers it had */
function readVarints(list: Uint8Array, values: Float64Array): number {
  const reader = new BinaryReader(list);
  for (let i = 0; i < values.length; i++) {
    if (reader.pos >= reader.len) return i;
    try {
      values[i] = Number(reader.int64());
    } catch {
      // Its bytes end within a number, or a number has more than 64 bits.
      return i;
    }
  }
  return values.length;
}

function decodeRaw(bytes: Uint8Array, type: OnnxType, elements: number): Float32Array | Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === "float") return new Float32Array(bytes.slice().buffer);
  const values = type === "float16" ? new Float32Array(elements) : new Float64Array(elements);
  const read: Record<Exclude<OnnxType, "float">, (i: number) => number> = {
    uint8: (i) => view.getUint8(i),
    bool: (i) => view.getUint8(i),
    int8: (i) => view.getInt8(i),
    int32: (i) => view.getInt32(4 * i, true),
    int64: (i) => Number(view.getBigInt64(8 * i, true)),
    float16: (i) => halfToNumber(view.getUint16(2 * i, true)),
    double: (i) => view.getFloat64(8 * i, true),
  };
  const at = read[type];
  for (let i = 0; i < elements; i++) values[i] = at(i);
  return values;
}

/** IEEE 754 half precision: sign, five bits of exponent, ten of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
