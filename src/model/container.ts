/**
 * The safetensors container: header length, JSON header, tensor bytes. Layout and rules: the format's README (huggingface/safetensors).
 *
 * ```
 * 0        8                  8 + N
 * +--------+------------------+----------------------------+
 * | N: u64 | JSON header      | tensor bytes, no gaps      |
 * +--------+------------------+----------------------------+
 * header = { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, …, "__metadata__": { "key": "string" } }
 * ```
 *
 * Nothing is allocated from a number in the file before that number was held against the file's real size.
 */

import { type Issue, ModelError } from "../core/errors.ts";

/** Bytes of one element. */
const ELEMENT_BYTES = { F64: 8, F32: 4, F16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
/** Element types that this runtime reads. */
export type Dtype = keyof typeof ELEMENT_BYTES;

/** One named tensor; `bytes` is a view of the file, little-endian, row-major. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A file's contents. */
export interface Container {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Largest file, bytes. */
export const FILE_BYTES_MAX = 512 * 1024 * 1024;
/** Largest JSON header, bytes. */
export const HEADER_BYTES_MAX = 16 * 1024 * 1024;
/** Most tensors. */
export const TENSORS_MAX = 4096;
/** Most elements in one tensor. */
export const ELEMENTS_MAX = 2 ** 27;
const DIMENSIONS_MAX = 8;
const LENGTH_BYTES = 8;

/**
 * Reads a container.
 *
 * @param file all its bytes; the tensors are views of it
 * @param name what to call the file in errors
 * @throws {ModelError} `model.container`, with every problem found
 */
export function readContainer(file: Uint8Array, name: string): Container {
  // node:fs gives a Buffer, whose slice() is a view where a plain array's is a copy; users of the tensors want the plain one.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const { header, dataStart } = readHeader(bytes, name);
  const issues: Issue[] = [];
  const metadata: Record<string, string> = Object.create(null);
  const tensors = new Map<string, Tensor>();
  const spans: { begin: number; end: number; where: string }[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") {
      readMetadata(value, metadata, issues);
      continue;
    }
    const where = `tensor ${JSON.stringify(key)}`;
    const entry = readEntry(value, where, bytes.length - dataStart, issues);
    if (entry === null) continue;
    spans.push({ begin: entry.begin, end: entry.end, where });
    const view = bytes.subarray(dataStart + entry.begin, dataStart + entry.end);
    tensors.set(key, { dtype: entry.dtype, shape: entry.shape, bytes: view });
  }
  if (issues.length === 0) checkSpans(spans, bytes.length - dataStart, issues);
  if (issues.length > 0) throw containerError(name, issues);
  return { metadata, tensors };
}

/** Bytes of a container: tensors in the map's order, header padded with spaces so that data start at a multiple of 8. */
export function writeContainer(container: Container): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: container.metadata };
  let offset = 0;
  for (const [key, tensor] of container.tensors) {
    const end = offset + tensor.bytes.length;
    header[key] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(text, LENGTH_BYTES);
  let position = LENGTH_BYTES + headerBytes;
  for (const tensor of container.tensors.values()) {
    file.set(tensor.bytes, position);
    position += tensor.bytes.length;
  }
  return file;
}

// ---------------------------------------------------------------------------------------------------------------------

function readHeader(bytes: Uint8Array, name: string): { header: Record<string, unknown>; dataStart: number } {
  const fail = (expected: string, found: string, hint?: string): never => {
    throw containerError(name, [{ where: "header", expected, found, hint }]);
  };
  if (bytes.length > FILE_BYTES_MAX) fail(`at most ${FILE_BYTES_MAX} bytes in the file`, `${bytes.length}`);
  if (bytes.length < LENGTH_BYTES + 2) {
    fail(`at least ${LENGTH_BYTES + 2} bytes`, `${bytes.length}`, "The file is empty or cut off; copy it again");
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(HEADER_BYTES_MAX)) {
    fail(`a header of at most ${HEADER_BYTES_MAX} bytes`, `${length}`, "This is not a safetensors file");
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > bytes.length) {
    fail(`a header of ${length} bytes`, `${bytes.length - LENGTH_BYTES}`, "The file is cut off; copy it again");
  }
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart));
    header = JSON.parse(text);
  } catch (cause) {
    fail("a JSON object in UTF-8", cause instanceof Error ? cause.message : String(cause));
  }
  if (!isRecord(header)) return fail("a JSON object", describe(header));
  const count = Object.keys(header).length;
  if (count > TENSORS_MAX + 1) fail(`at most ${TENSORS_MAX} tensors`, `${count}`);
  return { header, dataStart };
}

function readMetadata(value: unknown, metadata: Record<string, string>, issues: Issue[]): void {
  if (!isRecord(value)) {
    issues.push({ where: "__metadata__", expected: "an object of strings", found: describe(value) });
    return;
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === "string") metadata[key] = text;
    else issues.push({ where: `__metadata__.${key}`, expected: "a string", found: describe(text) });
  }
}

function readEntry(
  value: unknown,
  where: string,
  dataBytes: number,
  issues: Issue[],
): { dtype: Dtype; shape: number[]; begin: number; end: number } | null {
  const before = issues.length;
  const wrong = (what: string, expected: string, found: unknown) => {
    issues.push({ where: `${where} ${what}`.trim(), expected, found: describe(found) });
  };
  if (!isRecord(value)) {
    wrong("", "an object with dtype, shape and data_offsets", value);
    return null;
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    wrong("dtype", `one of ${Object.keys(ELEMENT_BYTES).join(", ")}`, dtype);
  }
  if (!isCountList(shape) || shape.length > DIMENSIONS_MAX) {
    wrong("shape", `at most ${DIMENSIONS_MAX} whole numbers from 0`, shape);
  }
  if (!isCountList(offsets) || offsets.length !== 2 || offsets[0] > offsets[1] || offsets[1] > dataBytes) {
    wrong("data_offsets", `[begin, end] with begin <= end <= ${dataBytes}`, offsets);
  }
  if (issues.length > before) return null;
  const dimensions = shape as number[];
  const [begin, end] = offsets as number[];
  const elements = dimensions.reduce((product, size) => product * size, 1);
  if (elements > ELEMENTS_MAX) wrong("shape", `at most ${ELEMENTS_MAX} elements`, elements);
  else if (elements * ELEMENT_BYTES[dtype as Dtype] !== end - begin) {
    wrong(
      "data_offsets",
      `${elements * ELEMENT_BYTES[dtype as Dtype]} bytes for ${dtype} [${dimensions}]`,
      end - begin,
    );
  }
  return issues.length > before ? null : { dtype: dtype as Dtype, shape: dimensions, begin, end };
}

/** The format forbids overlaps and holes: either would let a file hide data or alias weights. */
function checkSpans(spans: { begin: number; end: number; where: string }[], dataBytes: number, issues: Issue[]): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const span of spans) {
    if (span.begin !== position) {
      issues.push({ where: `${span.where} data_offsets`, expected: `begin ${position}`, found: `${span.begin}` });
    }
    position = span.end;
  }
  if (position !== dataBytes) {
    issues.push({ where: "file", expected: `${position} bytes of tensors`, found: `${dataBytes}` });
  }
}

function containerError(name: string, issues: Issue[]): ModelError {
  return new ModelError("model.container", `Cannot read ${JSON.stringify(name)} as a safetensors file`, { issues });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** A short form of a value from a file, for errors. */
function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
