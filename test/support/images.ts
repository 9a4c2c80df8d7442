/** Image files for tests, built byte by byte so that any field can be wrong. */

import { crc32, deflateSync } from "node:zlib";

/** One PNG chunk: length, type, data, checksum. */
export function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) chunk[4 + i] = type.charCodeAt(i);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

/** The 13 bytes of an IHDR chunk. */
export function pngHeader(
  { width, height, depth = 8, color = 0, interlace = 0 }: {
    width: number;
    height: number;
    depth?: number;
    color?: number;
    interlace?: number;
  },
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, color, 0, 0, interlace], 8);
  return header;
}

/** A PNG file of chunks. */
export function pngFile(...chunks: readonly Uint8Array[]): Uint8Array {
  return concat([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ...chunks]);
}

/** A PNG file from its filtered rows. */
export function pngOf(header: Uint8Array, rows: Uint8Array, ...between: readonly Uint8Array[]): Uint8Array {
  const end = pngChunk("IEND", new Uint8Array(0));
  return pngFile(pngChunk("IHDR", header), ...between, pngChunk("IDAT", deflateSync(rows)), end);
}

/** A binary PGM (1 channel) or PPM (3). */
export function pnmOf(
  image: { width: number; height: number; channels: 1 | 3; pixels: Uint8Array },
  maximum = 255,
): Uint8Array {
  const kind = image.channels === 1 ? "P5" : "P6";
  return concat([text(`${kind}\n# by a test\n${image.width} ${image.height}\n${maximum}\n`), image.pixels]);
}

/** ASCII bytes. */
export function text(string: string): Uint8Array {
  return new TextEncoder().encode(string);
}

/** Bytes end to end. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
