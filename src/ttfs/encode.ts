/** Values to levels. Out-of-range values are clamped to the code's range and counted: they never wrap. */

import type { InputSpec } from "../core/network.ts";
import { roundHalfEven, type Timing } from "./timing.ts";

/** Level of one value: value · unit, halves to even, clamped to what an input may take. NaN encodes as level 0. */
export function encodeValue(timing: Timing, value: number): number {
  const level = roundHalfEven(value * timing.unit);
  if (Number.isNaN(level)) return 0;
  return Math.min(timing.inputLevelMax, Math.max(timing.inputLevelMin, level)) + 0;
}

/** True when `encodeValue` has to clamp the value (or finds no number). */
export function isClamped(timing: Timing, value: number): boolean {
  const level = roundHalfEven(value * timing.unit);
  return !(level >= timing.inputLevelMin && level <= timing.inputLevelMax);
}

/**
 * Encodes values into `levels`, same length and order.
 *
 * @returns how many values were clamped
 */
export function encodeValues(timing: Timing, values: ArrayLike<number>, levels: Int16Array): number {
  let clamped = 0;
  for (let i = 0; i < values.length; i++) {
    levels[i] = encodeValue(timing, values[i]);
    if (isClamped(timing, values[i])) clamped++;
  }
  return clamped;
}

/** Turns image bytes into levels. */
export interface ByteEncoder {
  /**
   * Encodes `bytes` `[channels, height, width]` into `levels`, same length.
   *
   * @returns how many bytes were clamped
   */
  encode(bytes: Uint8Array, levels: Int16Array): number;
}

/**
 * An encoder for the network's input: (byte / 255 − mean) / std, then `encodeValue`, from a table of 256 levels a channel.
 *
 * Same result as normalising each byte and calling `encodeValue`; differs in that a frame costs one look-up a byte.
 */
export function createByteEncoder(timing: Timing, input: InputSpec): ByteEncoder {
  const [channels, height, width] = input.shape;
  const area = height * width;
  const levelOf = new Int16Array(channels * 256);
  const clampedOf = new Uint8Array(channels * 256);
  for (let channel = 0; channel < channels; channel++) {
    for (let byte = 0; byte < 256; byte++) {
      const value = (byte / 255 - input.mean[channel]) / input.std[channel];
      levelOf[channel * 256 + byte] = encodeValue(timing, value);
      clampedOf[channel * 256 + byte] = isClamped(timing, value) ? 1 : 0;
    }
  }
  return {
    encode(bytes, levels) {
      let clamped = 0;
      for (let channel = 0, i = 0; channel < channels; channel++) {
        const table = channel * 256;
        for (const end = i + area; i < end; i++) {
          levels[i] = levelOf[table + bytes[i]];
          clamped += clampedOf[table + bytes[i]];
        }
      }
      return clamped;
    },
  };
}
