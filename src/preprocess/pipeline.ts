/** A frame to the bytes that a network takes: crop, resize, colour, negative, in this order. */

import { CameraError } from "../core/errors.ts";
import type { Frame } from "../core/frame.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { greyFromRgb, invert, rgbFromGrey } from "./color.ts";
import { type Region, regionOf } from "./crop.ts";
import { planResize, type ResizeMethod } from "./resize.ts";

/** What the network expects; mean and std are applied later, by the table from bytes to levels. */
export interface PreprocessTarget {
  /** `[channels, height, width]`, 1 channel for grey and 3 for RGB. */
  readonly shape: Shape;
  readonly color: "grey" | "rgb";
}

/** What the user chose for a camera. */
export interface PreprocessOptions {
  /** The part of the frame to use; null for all of it. It is stretched to the target, not padded. */
  readonly crop: Region | null;
  readonly resize: ResizeMethod;
  readonly invert: boolean;
}

/** Turns frames into network input. Not for two cameras at once: it owns its output. */
export interface Preprocessor {
  /**
   * @returns bytes `[channels, height, width]` at the network's input size, valid until the next `run`
   * @throws {CameraError} `camera.frame` for a frame without pixels, with too many, or with a buffer of the wrong
   *   length; `camera.crop` when the crop does not lie inside the frame. The next frame may be tried after either.
   */
  run(frame: Frame): Uint8Array;
}

/** Most pixels in a frame (4096 × 4096); it also keeps the resizer's sums far below 2⁵³. */
export const FRAME_PIXELS_MAX = 2 ** 24;

/** Allocates the output now, and the rest when the first frame shows its size; again only when that size changes. */
export function createPreprocessor(target: PreprocessTarget, options: PreprocessOptions): Preprocessor {
  const output = new Uint8Array(sizeOf(target.shape));
  let plan: Plan | null = null;
  return {
    run(frame) {
      if (plan === null || !isFor(plan, frame)) plan = planFor(frame, target, options);
      else checkLength(frame);
      plan.write(frame.pixels, output);
      if (options.invert) invert(output);
      return output;
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

interface Plan {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Writes all of `output`. */
  readonly write: (pixels: Uint8Array, output: Uint8Array) => void;
}

function isFor(plan: Plan, frame: Frame): boolean {
  return plan.width === frame.width && plan.height === frame.height && plan.channels === frame.channels;
}

function planFor(frame: Frame, target: PreprocessTarget, options: PreprocessOptions): Plan {
  checkFrame(frame);
  const { width, height, channels } = frame;
  const region = regionOf(options.crop, frame);
  const [wanted, targetHeight, targetWidth] = target.shape;
  const isSize = region.width === targetWidth && region.height === targetHeight;
  const fit = isSize ? planes({ region, channels, sourceWidth: width }) : planResize({
    channels,
    sourceWidth: width,
    region,
    target: { width: targetWidth, height: targetHeight },
    method: options.resize,
  });
  if (channels === wanted) return { width, height, channels, write: fit };
  // Colour changes last, on the few pixels that are left; the averages are linear, so the order costs rounding only.
  const between = new Uint8Array(channels * targetHeight * targetWidth);
  const convert = channels === 3 ? greyFromRgb : rgbFromGrey;
  const write = (pixels: Uint8Array, output: Uint8Array) => {
    fit(pixels, between);
    convert(between, output);
  };
  return { width, height, channels, write };
}

/** The fast path for a region that has the target's size: `[y, x, channels]` to `[channels, y, x]`. */
function planes(plan: { region: Region; channels: 1 | 3; sourceWidth: number }): Plan["write"] {
  const { region, channels, sourceWidth } = plan;
  const { x, y, width, height } = region;
  const isWhole = channels === 1 && width === sourceWidth;
  const first = y * sourceWidth + x;
  if (isWhole) return (pixels, output) => output.set(pixels.subarray(first, first + width * height));
  return (pixels, output) => {
    let to = 0;
    for (let c = 0; c < channels; c++) {
      for (let row = 0; row < height; row++) {
        let from = (first + row * sourceWidth) * channels + c;
        for (let column = 0; column < width; column++, from += channels) output[to++] = pixels[from];
      }
    }
  };
}

function checkFrame(frame: Frame): void {
  const { width, height, channels } = frame;
  const areCounts = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width >= 1 && height >= 1;
  if (!areCounts || width * height > FRAME_PIXELS_MAX) {
    throw frameError(frame, "its size", `1 to ${FRAME_PIXELS_MAX} pixels`, `${width}x${height}`);
  }
  if (channels !== 1 && channels !== 3) throw frameError(frame, "its channels", "1 or 3", String(channels));
  checkLength(frame);
}

function checkLength(frame: Frame): void {
  const { width, height, channels, pixels } = frame;
  const length = width * height * channels;
  if (pixels.length === length) return;
  throw frameError(frame, "its buffer", `${width}x${height}x${channels} = ${length} bytes`, String(pixels.length));
}

function frameError(frame: Frame, what: string, expected: string, found: string): CameraError {
  const message = `Cannot use frame ${frame.id} as ${what} must be ${expected}: found ${found}`;
  return new CameraError("camera.frame", message, { facts: { frame: frame.id, expected, found } });
}
