/** Image files to pixels: PNG, JPEG, PGM and PPM, told apart by their first bytes. */

import { type DecodedImage, IMAGE_BYTES_MAX, imageError } from "./image_checks.ts";
import { decodeJpeg, isJpeg } from "./jpeg.ts";
import { decodePng, isPng } from "./png.ts";
import { decodePnm } from "./pnm.ts";

/** Names of the files that are taken for images. */
export const IMAGE_NAME = /\.(png|jpe?g|pgm|ppm)$/i;

/**
 * Decodes one image. Synchronous: about 10 ns a pixel for PNG, 40 to 100 ns for JPEG.
 *
 * @param name what to call it in errors
 * @throws {CameraError} `camera.image`, with what was expected and found, for any bytes that are not such an image
 */
export function decodeImage(bytes: Uint8Array, name: string): DecodedImage {
  if (bytes.length > IMAGE_BYTES_MAX) {
    throw imageError(name, { what: "its size", expected: `at most ${IMAGE_BYTES_MAX} bytes`, found: bytes.length });
  }
  const file = { bytes, name };
  if (isPng(bytes)) return decodePng(file);
  if (isJpeg(bytes)) return decodeJpeg(file);
  if (bytes[0] === 0x50 && bytes[1] >= 0x30 && bytes[1] <= 0x39) return decodePnm(file);
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const found = bytes.length === 0 ? "an empty file" : `bytes ${start}`;
  throw imageError(name, { what: "its start", expected: "that of a PNG, JPEG, PGM or PPM file", found });
}
