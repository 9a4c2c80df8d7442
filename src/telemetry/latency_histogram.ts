/** One latency histogram, exact to 1 part in 1,000 from 1 µs to an hour; the only user of hdr-histogram-js. */

import { decodeFromCompressedBase64, encodeIntoCompressedBase64, Int32Histogram } from "hdr-histogram-js";
import type { StageLatency } from "../core/messages.ts";

/** Longest latency told apart, µs (one hour): what takes longer is recorded as this. */
export const LATENCY_US_MAX = 3_600_000_000;
/** Percentiles are exact to 1 part in 1,000. */
const DIGITS = 3;
/** Longest kept form that is read, characters; a histogram of every value told apart needs less. */
const KEPT_LENGTH_MAX = 256 * 1024;

/** How many latencies were at most as long as each bound. */
export interface CumulativeLatency {
  /** One a bound; a bound reaches to the end of the histogram's cell that it lies in, 1 part in 1,000 at most. */
  readonly counts: readonly number[];
  /** Of all latencies, those beyond the last bound too. */
  readonly count: number;
  /** Σ of all latencies, exact to a microsecond each. */
  readonly sumUs: number;
}

/** Counts of latencies. Recording allocates nothing. */
export class LatencyHistogram {
  readonly #histogram: Int32Histogram;
  #sumUs = 0;

  constructor(histogram: Int32Histogram = new Int32Histogram(1, LATENCY_US_MAX, DIGITS)) {
    this.#histogram = histogram;
  }

  /** What `keep` gave, but for the sum, which is not kept. @throws {RangeError} when `kept` is something else */
  static fromKept(kept: string): LatencyHistogram {
    if (kept.length > KEPT_LENGTH_MAX) {
      throw new RangeError(
        `Cannot read a histogram as it may have ${KEPT_LENGTH_MAX} characters: found ${kept.length}`,
      );
    }
    try {
      return new LatencyHistogram(decodeFromCompressedBase64(kept, 32, false) as unknown as Int32Histogram);
    } catch (cause) {
      throw new RangeError("Cannot read a histogram as it must be HDR V2, compressed, in base64", { cause });
    }
  }

  /** Latencies recorded since the last `reset`. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Adds one latency, µs; those below 0 (never from a monotonic clock) count as 0. */
  record(durationUs: number): void {
    const bounded = durationUs > 0 ? Math.min(durationUs, LATENCY_US_MAX) : 0;
    const wholeUs = Math.round(bounded);
    this.#histogram.recordValue(wholeUs);
    this.#sumUs += wholeUs;
  }

  /** Adds all of `other`. */
  merge(other: LatencyHistogram): void {
    this.#histogram.add(other.#histogram);
    this.#sumUs += other.#sumUs;
  }

  /** Percentiles since the last `reset`; all 0 when nothing was recorded. */
  read(): StageLatency {
    const histogram = this.#histogram;
    const ms = (us: number) => us / 1000;
    // A cell's upper edge, which may lie beyond the largest value in it.
    const at = (percentile: number) => ms(Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue));
    return {
      count: histogram.totalCount,
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: ms(histogram.maxValue),
    };
  }

  /** Counts up to each of `boundsUs`, which ascend, since the last `reset`. */
  readCumulative(boundsUs: readonly number[]): CumulativeLatency {
    const histogram = this.#histogram;
    const lastCell = histogram.countsArrayIndex(histogram.maxValue);
    let cell = 0;
    let seen = 0;
    const counts = boundsUs.map((boundUs) => {
      const end = Math.min(lastCell, histogram.countsArrayIndex(boundUs));
      for (; cell <= end; cell++) seen += histogram.getCountAtIndex(cell);
      return seen;
    });
    return { counts, count: histogram.totalCount, sumUs: this.#sumUs };
  }

  /** The histogram as text (HDR V2, compressed, base64), which HDR libraries of other languages read too. */
  keep(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** Forgets everything. */
  reset(): void {
    this.#histogram.reset();
    this.#sumUs = 0;
  }
}
