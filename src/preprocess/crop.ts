/** The part of a frame that the network looks at. */

import { CameraError } from "../core/errors.ts";

/** A rectangle of a frame, pixels; whole numbers, width and height from 1. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An image's extent, pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The region to read: the crop, or the whole frame without one.
 *
 * @throws {CameraError} `camera.crop` when the crop does not lie inside the frame; it is never clipped to fit
 */
export function regionOf(crop: Region | null, frame: Size): Region {
  if (crop === null) return { x: 0, y: 0, width: frame.width, height: frame.height };
  const { x, y, width, height } = crop;
  const areWhole = [x, y, width, height].every(Number.isSafeInteger);
  const isInside = x >= 0 && y >= 0 && width >= 1 && height >= 1 && x + width <= frame.width &&
    y + height <= frame.height;
  if (areWhole && isInside) return crop;
  const size = `${frame.width}x${frame.height}`;
  throw new CameraError(
    "camera.crop",
    `Cannot crop a frame as the region must lie inside ${size}: found ${width}x${height} at ${x},${y}`,
    {
      hint: `Choose whole numbers with x + width <= ${frame.width} and y + height <= ${frame.height}`,
      facts: { crop, frame: size },
    },
  );
}
