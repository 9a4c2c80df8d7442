/**
 * PGM and PPM, binary, 8 bit: the simplest files a camera tool writes. Format: netpbm, pgm(5) and ppm(5).
 *
 * ```
 * P5 # comments run to the end of their line ⏎ 640 480 ⏎ 255 ⏎ then width · height bytes      (P6: three times as many)
 * ```
 *
 * A sample below the file's own maximum is scaled to 255, rounded half up. One image a file, nothing after it.
 */

import { checkImageSize, type DecodedImage, imageError, type ImageFile } from "./image_checks.ts";

/** More digits than any number within the limits has. */
const DIGITS_MAX = 7;

/** @throws {CameraError} `camera.image` */
export function decodePnm(file: ImageFile): DecodedImage {
  const { bytes, name } = file;
  const kind = String.fromCharCode(bytes[0], bytes[1]);
  if (kind !== "P5" && kind !== "P6") {
    const hint = "Write the binary form; the text forms P1, P2 and P3 and bitmaps are not read";
    throw imageError(name, { what: "its kind", expected: "P5 or P6", found: JSON.stringify(kind), hint });
  }
  const header = readHeader(file);
  const channels = kind === "P5" ? 1 : 3;
  const { width, height, maximum, start } = header;
  checkImageSize(name, width, height);
  if (maximum < 1 || maximum > 255) {
    throw imageError(name, { what: "its maximum", expected: "1 to 255 (8 bits a sample)", found: maximum });
  }
  const length = width * height * channels;
  if (bytes.length - start !== length) {
    throw imageError(name, { what: "its pixel data", expected: `${length} bytes`, found: bytes.length - start });
  }
  const pixels = bytes.slice(start);
  if (maximum < 255) rescale(pixels, maximum, name);
  return { width, height, channels, pixels };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Three numbers after the kind, with spaces and comments between; exactly one space before the pixels. */
function readHeader({ bytes, name }: ImageFile): { width: number; height: number; maximum: number; start: number } {
  const numbers: number[] = [];
  let position = 2;
  for (const what of ["its width", "its height", "its maximum"]) {
    while (isSpace(bytes[position]) || bytes[position] === 0x23) {
      if (bytes[position] === 0x23) { // #
        while (position < bytes.length && bytes[position] !== 0x0a) position += 1;
      } else position += 1;
    }
    const first = position;
    while (isDigit(bytes[position])) position += 1;
    const digits = String.fromCharCode(...bytes.subarray(first, Math.min(position, first + DIGITS_MAX + 1)));
    if (digits.length === 0 || digits.length > DIGITS_MAX || !isSpace(bytes[position])) {
      const found = JSON.stringify(digits + String.fromCharCode(...bytes.subarray(position, position + 1)));
      throw imageError(name, { what, expected: `a number of at most ${DIGITS_MAX} digits and a space`, found });
    }
    numbers.push(Number(digits));
  }
  return { width: numbers[0], height: numbers[1], maximum: numbers[2], start: position + 1 };
}

function rescale(pixels: Uint8Array, maximum: number, name: string): void {
  for (let index = 0; index < pixels.length; index++) {
    const sample = pixels[index];
    if (sample > maximum) {
      throw imageError(name, { what: `sample ${index}`, expected: `at most ${maximum}`, found: sample });
    }
    pixels[index] = Math.floor((sample * 255 * 2 + maximum) / (maximum * 2));
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
