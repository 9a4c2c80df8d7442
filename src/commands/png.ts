/** Writes PNG files (ISO/IEC 15948): 8-bit grey or RGB, no filters, one compressed chunk. */

import { crc32, deflateSync } from "node:zlib";
import type { Shape } from "../core/shape.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const GREY = 0;
const RGB = 2;

/** An image of `[channels, height, width]` bytes, one or three channels, as a file. */
export function encodePng(bytes: Uint8Array, [channels, height, width]: Shape): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 1 ? GREY : RGB, 0, 0, 0], 8);
  const rowBytes = 1 + width * channels; // the first byte of a row names its filter: 0, none
  const rows = new Uint8Array(height * rowBytes);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        rows[y * rowBytes + 1 + x * channels + c] = bytes[(c * height + y) * width + x];
      }
    }
  }
  const chunks = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", new Uint8Array(0))];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

// ---

/** Length, name, data, and the checksum of name and data. */
function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
