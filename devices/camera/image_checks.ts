/** What all image decoders share: their result, their limits and their one error. */

import { CameraError } from "../../src/core/errors.ts";

/** An image in memory, 8 bits a sample. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB. */
  readonly channels: 1 | 3;
  /** `[height, width, channels]`; the caller's own. */
  readonly pixels: Uint8Array;
}

/** Most pixels in an image (4096 × 4096). Held against the size that the file states, before anything is decoded. */
export const IMAGE_PIXELS_MAX = 2 ** 24;
/** Largest image file, bytes. */
export const IMAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Where a decoder stands: the bytes and what to call them in errors. */
export interface ImageFile {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** What was wrong with an image: *Cannot read image NAME as WHAT must be EXPECTED: found FOUND*. */
export interface ImageFault {
  readonly what: string;
  readonly expected: string;
  readonly found: string | number;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The one error of all decoders, `camera.image`. */
export function imageError(name: string, fault: ImageFault): CameraError {
  const { what, expected, found, hint, cause } = fault;
  const message = `Cannot read image ${JSON.stringify(name)} as ${what} must be ${expected}: found ${found}`;
  return new CameraError("camera.image", message, { hint, facts: { name, what, expected, found }, cause });
}

/** Refuses an image without pixels, and one with too many. */
export function checkImageSize(name: string, width: number, height: number): void {
  const found = `${width}x${height}`;
  if (!(width >= 1 && height >= 1)) throw imageError(name, { what: "its size", expected: "at least 1x1", found });
  if (width * height > IMAGE_PIXELS_MAX) {
    throw imageError(name, { what: "its size", expected: `at most ${IMAGE_PIXELS_MAX} pixels`, found });
  }
}
