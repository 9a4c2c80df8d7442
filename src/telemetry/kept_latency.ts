/** Latency histograms as text, which HDR libraries of other languages read too. */

import { decodeFromCompressedBase64, encodeIntoCompressedBase64, type Int32Histogram } from "hdr-histogram-js";
import { LatencyHistogram } from "./latency_histogram.ts";

/** Longest text that is read, characters; a histogram of every value told apart needs less. */
const KEPT_LENGTH_MAX = 256 * 1024;

/** The histogram as text (HDR V2, compressed, base64); its sum is left out. */
export function keepLatency(latency: LatencyHistogram): string {
  return encodeIntoCompressedBase64(latency.cells);
}

/** What `keepLatency` was given, but for the sum. @throws {RangeError} when `kept` is something else */
export function latencyFromKept(kept: string): LatencyHistogram {
  if (kept.length > KEPT_LENGTH_MAX) {
    throw new RangeError(`Cannot read a histogram as it may have ${KEPT_LENGTH_MAX} characters: found ${kept.length}`);
  }
  try {
    return new LatencyHistogram(decodeFromCompressedBase64(kept, 32, false) as unknown as Int32Histogram);
  } catch (cause) {
    throw new RangeError("Cannot read a histogram as it must be HDR V2, compressed, in base64", { cause });
  }
}
