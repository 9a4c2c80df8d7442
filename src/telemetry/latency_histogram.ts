/**
 * One latency histogram, exact to 1 part in 1,000 from 1 µs to an hour. Takes only what it needs of hdr-histogram-js: all of it
 * is 9 MB of memory, and `kept_latency.ts` alone wants the rest.
 */

import type { Int32Histogram } from "hdr-histogram-js";
import { constructorFromBucketSize } from "hdr-histogram-js/dist/JsHistogramFactory.js";
import type { StageLatency } from "../core/messages.ts";

/** Longest latency told apart, µs (one hour): what takes longer is recorded as this. */
export const LATENCY_US_MAX = 3_600_000_000;
/** Percentiles are exact to 1 part in 1,000. */
const DIGITS = 3;

const Cells = constructorFromBucketSize(32) as unknown as typeof Int32Histogram;

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

  constructor(histogram: Int32Histogram = new Cells(1, LATENCY_US_MAX, DIGITS)) {
    this.#histogram = histogram;
  }

  /** The counts themselves, for `kept_latency.ts`. */
  get cells(): Int32Histogram {
    return this.#histogram;
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

  /** Forgets everything. */
  reset(): void {
    this.#histogram.reset();
    this.#sumUs = 0;
  }
}
