/**
 * JPEG to 8-bit grey or RGB, baseline and progressive, by `jpeg-js`. The only user of that package.
 *
 * The markers are walked first (ITU-T T.81 annex B): size, components and number of scans are held against limits before
 * the decoder sees a byte, and a file without its end marker is refused, where the decoder would make up grey pixels.
 */

import jpeg from "jpeg-js";
import { checkImageSize, type DecodedImage, IMAGE_PIXELS_MAX, imageError, type ImageFile } from "./image_checks.ts";

/** Most scans: encoders write about ten. Each costs a pass over the whole image however short it is. */
const SCANS_MAX = 64;
/** What the decoder may allocate for one image. */
const DECODER_MEMORY_MIB_MAX = 512;

const END_OF_IMAGE = 0xd9, START_OF_SCAN = 0xda;
/** Baseline, extended sequential and progressive, all with Huffman codes. */
const FRAMES_READ: readonly number[] = [0xc0, 0xc1, 0xc2];
/** Lossless, hierarchical and arithmetic-coded frames. */
const FRAMES_REFUSED: readonly number[] = [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

interface JpegFrame {
  readonly width: number;
  readonly height: number;
  readonly components: 1 | 3;
}

/** True when the bytes begin as a JPEG file does. */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** @throws {CameraError} `camera.image` */
export function decodeJpeg(file: ImageFile): DecodedImage {
  const { bytes, name } = file;
  const { width, height, components } = readFrame(file);
  let decoded: { width: number; height: number; data: Uint8Array };
  try {
    decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      maxResolutionInMP: IMAGE_PIXELS_MAX / 1e6,
      maxMemoryUsageInMB: DECODER_MEMORY_MIB_MAX,
    });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw imageError(name, { what: "its image data", expected: "a JPEG that jpeg-js can decode", found, cause });
  }
  if (decoded.width !== width || decoded.height !== height || decoded.data.length !== width * height * 3) {
    const found = `${decoded.width}x${decoded.height}`;
    throw imageError(name, { what: "its decoded size", expected: `${width}x${height}`, found });
  }
  if (components === 3) return { width, height, channels: 3, pixels: decoded.data };
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i++) pixels[i] = decoded.data[3 * i];
  return { width, height, channels: 1, pixels };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Walks all segments: `FF marker, length (itself included), data`; a scan's coded bytes follow its segment. */
function readFrame({ bytes, name }: ImageFile): JpegFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let frame: JpegFrame | null = null;
  let scans = 0;
  for (let offset = 2;;) {
    while (bytes[offset] === 0xff && bytes[offset + 1] === 0xff) offset += 1; // fill bytes
    if (offset + 2 > bytes.length) {
      const hint = "The file was cut off; copy it again";
      throw imageError(name, { what: "its end", expected: "an end-of-image marker", found: "end of file", hint });
    }
    const marker = bytes[offset + 1];
    if (bytes[offset] !== 0xff || marker < 0xc0) {
      const found = bytes[offset].toString(16);
      throw imageError(name, { what: `byte ${offset}`, expected: "the start of a marker, ff", found });
    }
    if (marker === END_OF_IMAGE) break;
    const length = offset + 4 <= bytes.length ? view.getUint16(offset + 2) : 0;
    if (length < 2 || offset + 2 + length > bytes.length) {
      const what = `the length of segment ${marker.toString(16)} at byte ${offset}`;
      throw imageError(name, { what, expected: `2 to ${bytes.length - offset - 2}`, found: length });
    }
    const body = bytes.subarray(offset + 4, offset + 2 + length);
    offset += 2 + length;
    if (FRAMES_READ.includes(marker)) {
      if (frame !== null) throw imageError(name, { what: "the number of frames", expected: "1", found: "more" });
      frame = readFrameHeader(body, name);
    } else if (FRAMES_REFUSED.includes(marker)) {
      const expected = "baseline or progressive with Huffman codes";
      throw imageError(name, { what: "its coding", expected, found: `marker ff${marker.toString(16)}` });
    } else if (marker === START_OF_SCAN) {
      scans += 1;
      if (frame === null || !(body[0] >= 1 && body[0] <= frame.components)) {
        throw imageError(name, {
          what: "every scan",
          expected: "of 1 to all of the frame's components",
          found: `${body[0]}`,
        });
      }
      if (scans > SCANS_MAX) {
        throw imageError(name, { what: "the number of scans", expected: `at most ${SCANS_MAX}`, found: "more" });
      }
      offset = skipScan(bytes, offset);
    }
  }
  if (frame !== null && scans > 0) return frame;
  throw imageError(name, { what: "its contents", expected: "a frame and a scan", found: "neither or one" });
}

/** `precision, height, width, components, then (id, sampling, table) for each`. */
function readFrameHeader(body: Uint8Array, name: string): JpegFrame {
  const [precision, heightHigh, heightLow, widthHigh, widthLow, components] = body;
  if (body.length < 6 || body.length !== 6 + 3 * components) {
    throw imageError(name, { what: "its frame header", expected: "6 bytes and 3 a component", found: body.length });
  }
  const width = widthHigh * 256 + widthLow;
  const height = heightHigh * 256 + heightLow;
  checkImageSize(name, width, height);
  if (precision !== 8) throw imageError(name, { what: "its precision", expected: "8 bits", found: precision });
  if (components !== 1 && components !== 3) {
    const hint = "Save it as grey or RGB; CMYK is not read";
    throw imageError(name, { what: "the number of components", expected: "1 or 3", found: components, hint });
  }
  for (let i = 0; i < components; i++) {
    const sampling = body[7 + 3 * i];
    if ((sampling >> 4) < 1 || (sampling >> 4) > 4 || (sampling & 15) < 1 || (sampling & 15) > 4) {
      const found = `${sampling >> 4}x${sampling & 15}`;
      throw imageError(name, { what: `the sampling of component ${i}`, expected: "1x1 to 4x4", found });
    }
  }
  return { width, height, components };
}

/** First marker after a scan's coded bytes; there `ff 00` is a coded ff, and ff d0 to ff d7 are restart marks. */
function skipScan(bytes: Uint8Array, offset: number): number {
  while (offset + 1 < bytes.length) {
    offset = bytes.indexOf(0xff, offset);
    if (offset < 0) return bytes.length;
    const next = bytes[offset + 1];
    if (next !== 0x00 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return offset;
    offset += next === 0xff ? 1 : 2;
  }
  return bytes.length;
}
