/**
 * PNG to 8-bit grey or RGB. Format: the PNG specification (W3C), chapters 5, 7 to 11.
 *
 * Rules of ours: alpha and `tRNS` are ignored (PNG colours are not premultiplied, so they stand as stored); 16-bit
 * samples become `round(v · 255 / 65535)`; 1, 2 and 4-bit grey is spread over 0 to 255; palettes become RGB; gamma and
 * colour profiles are not applied; of an animation the default image is read. Checksums are checked.
 *
 * Own code over zlib because the inflated size must be capped *while* inflating: a 64 MiB file can inflate to 64 GiB,
 * and the PNG packages inflate first.
 */

import { Buffer } from "node:buffer";
import { crc32, inflateSync } from "node:zlib";
import { checkImageSize, type DecodedImage, imageError, type ImageFile } from "./image_checks.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6;
/** Samples a pixel and allowed bits a sample, by colour type. */
const COLOR_TYPES: Readonly<Record<number, { samples: number; depths: readonly number[] }>> = {
  [GREY]: { samples: 1, depths: [1, 2, 4, 8, 16] },
  [RGB]: { samples: 3, depths: [8, 16] },
  [PALETTE]: { samples: 1, depths: [1, 2, 4, 8] },
  [GREY_ALPHA]: { samples: 2, depths: [8, 16] },
  [RGB_ALPHA]: { samples: 4, depths: [8, 16] },
};

/** A sub-image: pixel (i, j) of it is pixel (x + i · dx, y + j · dy) of the image. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}
const WHOLE: readonly Pass[] = [{ x: 0, y: 0, dx: 1, dy: 1 }];
const ADAM7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly color: number;
  /** Stored samples a pixel, alpha included. */
  readonly samples: number;
  readonly passes: readonly Pass[];
}

/** True when the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, index) => bytes[index] === byte);
}

/** @throws {CameraError} `camera.image` */
export function decodePng(file: ImageFile): DecodedImage {
  const { header, palette, data } = readChunks(file);
  const { width, height, depth, color, samples } = header;
  const channels = color === GREY || color === GREY_ALPHA ? 1 : 3;
  const pixels = new Uint8Array(width * height * channels);
  const raw = inflate(data, header, file.name);
  const line = new Uint8Array(width * samples);
  let offset = 0;
  for (const pass of header.passes) {
    const { columns, rows, rowBytes } = passSize(header, pass);
    if (columns === 0) continue;
    unfilter(raw, { offset, rows, rowBytes, step: Math.max(1, (samples * depth) >> 3) }, file.name);
    for (let j = 0; j < rows; j++, offset += rowBytes + 1) {
      expandRow(raw.subarray(offset + 1, offset + 1 + rowBytes), header, line.subarray(0, columns * samples));
      const start = ((pass.y + j * pass.dy) * width + pass.x) * channels;
      if (color === PALETTE) placeColors(line, palette, { pixels, start, step: pass.dx, columns }, file.name);
      else placeSamples(line, samples, { pixels, start, step: pass.dx, columns, channels });
    }
  }
  return { width, height, channels, pixels };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Walks the chunks (length, type, data, checksum), keeping the four kinds that make up a still image. */
function readChunks(file: ImageFile): { header: Header; palette: Uint8Array; data: Uint8Array[] } {
  const { bytes, name } = file;
  if (!isPng(bytes)) {
    throw imageError(name, { what: "its signature", expected: "that of a PNG file", found: "another" });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data: Uint8Array[] = [];
  let header: Header | null = null;
  let palette = new Uint8Array(0);
  for (let offset = SIGNATURE.length;;) {
    if (offset + 12 > bytes.length) {
      throw imageError(name, { what: "its end", expected: "an IEND chunk", found: "none" });
    }
    const length = view.getUint32(offset);
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    const where = `chunk ${JSON.stringify(type)}`;
    const end = offset + 8 + length;
    if (end + 4 > bytes.length) {
      const found = bytes.length - offset - 12;
      throw imageError(name, { what: `the data of ${where}`, expected: `${length} bytes`, found });
    }
    const checksum = crc32(bytes.subarray(offset + 4, end));
    if (view.getUint32(end) !== checksum) {
      const found = view.getUint32(end).toString(16);
      throw imageError(name, { what: `the checksum of ${where}`, expected: checksum.toString(16), found });
    }
    const body = bytes.subarray(offset + 8, end);
    if (header === null) header = readHeader(body, type, name);
    else if (type === "PLTE") palette = body.slice();
    else if (type === "IDAT") data.push(body);
    else if (type === "IEND") return { header, palette, data };
    else if ((bytes[offset + 4] & 0x20) === 0) { // an upper-case first letter marks what a decoder must understand
      throw imageError(name, { what: "every critical chunk", expected: "IHDR, PLTE, IDAT or IEND", found: type });
    }
    offset = end + 4;
  }
}

function readHeader(body: Uint8Array, type: string, name: string): Header {
  if (type !== "IHDR" || body.length !== 13) {
    const found = `${JSON.stringify(type)} of ${body.length} bytes`;
    throw imageError(name, { what: "its first chunk", expected: "IHDR of 13 bytes", found });
  }
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, color, compression, filter, interlace] = body.subarray(8);
  checkImageSize(name, width, height);
  const colorType = COLOR_TYPES[color];
  if (colorType === undefined) {
    throw imageError(name, { what: "its colour type", expected: "0, 2, 3, 4 or 6", found: color });
  }
  if (!colorType.depths.includes(depth)) {
    const expected = `one of ${colorType.depths.join(", ")} for colour type ${color}`;
    throw imageError(name, { what: "its bit depth", expected, found: depth });
  }
  if (compression !== 0) throw imageError(name, { what: "its compression", expected: "0", found: compression });
  if (filter !== 0) throw imageError(name, { what: "its filter method", expected: "0", found: filter });
  if (interlace > 1) throw imageError(name, { what: "its interlace method", expected: "0 or 1", found: interlace });
  return { width, height, depth, color, samples: colorType.samples, passes: interlace === 1 ? ADAM7 : WHOLE };
}

/** A pass's size; 0 columns and rows when no pixel falls to it. A row is a filter byte and then `rowBytes`. */
function passSize(header: Header, pass: Pass): { columns: number; rows: number; rowBytes: number } {
  const columns = Math.max(0, Math.ceil((header.width - pass.x) / pass.dx));
  const rows = Math.max(0, Math.ceil((header.height - pass.y) / pass.dy));
  if (columns === 0 || rows === 0) return { columns: 0, rows: 0, rowBytes: 0 };
  return { columns, rows, rowBytes: Math.ceil((columns * header.samples * header.depth) / 8) };
}

function inflate(data: Uint8Array[], header: Header, name: string): Uint8Array {
  let expected = 0;
  for (const pass of header.passes) {
    const { rows, rowBytes } = passSize(header, pass);
    expected += rows * (rowBytes + 1);
  }
  let raw: Uint8Array;
  try {
    raw = inflateSync(Buffer.concat(data), { maxOutputLength: expected });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw imageError(name, { what: "its image data", expected: `a zlib stream of ${expected} bytes`, found, cause });
  }
  if (raw.length !== expected) {
    throw imageError(name, { what: "its image data", expected: `${expected} bytes`, found: raw.length });
  }
  return raw;
}

/** Undoes the five row filters in place. `step`: bytes between a sample and the one it is predicted from. */
function unfilter(
  raw: Uint8Array,
  { offset, rows, rowBytes, step }: { offset: number; rows: number; rowBytes: number; step: number },
  name: string,
): void {
  for (let row = 0; row < rows; row++) {
    const filter = raw[offset];
    const start = offset + 1;
    const up = row === 0 ? -1 : start - rowBytes - 1;
    if (filter > 4) throw imageError(name, { what: `the filter of row ${row}`, expected: "0 to 4", found: filter });
    for (let x = 0; filter !== 0 && x < rowBytes; x++) {
      const left = x >= step ? raw[start + x - step] : 0;
      const above = up >= 0 ? raw[up + x] : 0;
      const corner = up >= 0 && x >= step ? raw[up + x - step] : 0;
      let guess = left;
      if (filter === 2) guess = above;
      else if (filter === 3) guess = (left + above) >> 1;
      else if (filter === 4) guess = paeth(left, above, corner);
      raw[start + x] += guess;
    }
    offset = start + rowBytes;
  }
}

function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** One row's samples as bytes; palette indices are left as they are. */
function expandRow(row: Uint8Array, { depth, color }: Header, line: Uint8Array): void {
  if (depth === 8) {
    line.set(row);
  } else if (depth === 16) {
    for (let i = 0; i < line.length; i++) line[i] = (((row[2 * i] << 8) | row[2 * i + 1]) * 255 + 32895) >>> 16;
  } else {
    const mask = (1 << depth) - 1;
    const scale = color === PALETTE ? 1 : 255 / mask;
    for (let i = 0; i < line.length; i++) {
      const bit = i * depth;
      line[i] = ((row[bit >> 3] >> (8 - depth - (bit & 7))) & mask) * scale;
    }
  }
}

interface Row {
  readonly pixels: Uint8Array;
  /** Index of the row's first sample in `pixels`. */
  readonly start: number;
  /** Pixels from one to the next. */
  readonly step: number;
  readonly columns: number;
}

function placeSamples(line: Uint8Array, samples: number, row: Row & { channels: 1 | 3 }): void {
  const { pixels, start, step, columns, channels } = row;
  for (let i = 0; i < columns; i++) {
    for (let c = 0; c < channels; c++) pixels[start + i * step * channels + c] = line[i * samples + c];
  }
}

function placeColors(line: Uint8Array, palette: Uint8Array, row: Row, name: string): void {
  const { pixels, start, step, columns } = row;
  for (let i = 0; i < columns; i++) {
    const entry = line[i] * 3;
    if (entry + 3 > palette.length) {
      const expected = `below the palette's ${Math.floor(palette.length / 3)} colours`;
      throw imageError(name, { what: "every palette index", expected, found: line[i] });
    }
    for (let c = 0; c < 3; c++) pixels[start + i * step * 3 + c] = palette[entry + c];
  }
}
