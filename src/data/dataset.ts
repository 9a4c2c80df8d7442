/** What a data set is, whatever files it comes from. */

import { ConfigError } from "../core/errors.ts";

/** Images of one size, most with their class, in a fixed order. Reading one may read and decode a file. */
export interface Dataset {
  /** What it was opened from, for errors and reports. */
  readonly name: string;
  readonly count: number;
  /** Of every image. Channels: 1 grey, 3 RGB. */
  readonly shape: readonly [height: number, width: number, channels: number];
  /** Class names in the order of their indices; null when the files name none. */
  readonly labels: readonly string[] | null;
  /**
   * Puts image `index` into `out`, `[height, width, channels]`, 0 to 255.
   *
   * @returns its class, −1 when that is not known
   * @throws {ConfigError} `data.frame` or {CameraError} when its file cannot be read or has another size
   */
  frame(index: number, out: Uint8Array): number;
}

/** Most images in a data set. */
export const IMAGES_MAX = 2 ** 24;
/** Most values in one image (4096 × 4096, RGB). */
export const FRAME_VALUES_MAX = 3 * 2 ** 24;

/** Values in one image. */
export function frameValues(dataset: Pick<Dataset, "shape">): number {
  return dataset.shape[0] * dataset.shape[1] * dataset.shape[2];
}

/** Reorders pixels `[height, width, channels]` to `[channels, height, width]`, as networks take them; any arrays. */
export function toPlanar(pixels: ArrayLike<number>, channels: number, out: { [index: number]: number }): void {
  const area = pixels.length / channels;
  for (let channel = 0, i = 0; channel < channels; channel++) {
    for (let p = channel; i < (channel + 1) * area; p += channels) out[i++] = pixels[p];
  }
}

/** The one error of data sets: *Cannot read data NAME as WHAT must be EXPECTED: found FOUND*. */
export function dataError(
  name: string,
  fault: { what: string; expected: string; found: string | number; hint?: string; cause?: unknown },
): ConfigError {
  const { what, expected, found, hint, cause } = fault;
  const message = `Cannot read data ${JSON.stringify(name)} as ${what} must be ${expected}: found ${found}`;
  return new ConfigError("data.read", message, { hint, facts: { name, what, expected, found }, cause });
}
