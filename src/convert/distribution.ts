/**
 * Percentiles of a stream of numbers in bounded memory.
 *
 * Up to a limit every number is kept and percentiles are exact. Beyond it numbers are counted in bins that follow the bits of
 * a 32-bit float: sign, exponent and nine bits of fraction, so a bin is at most 1/512 of its value wide, at every scale,
 * and a percentile (interpolated inside its bin) is off by less than that.
 */

/** Numbers seen so far. */
export interface Distribution {
  /** Adds finite numbers; returns the index of the first that is not, at which it stops, or −1. */
  add(values: Float32Array): number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  /** The value below which `percent` of the numbers lie, interpolated as by numpy. */
  percentile(percent: number): number;
  /** Share of the numbers above `limit`; beyond the limit of what is kept, of those in bins wholly above it. */
  shareAbove(limit: number): number;
  /** Share of the numbers in each of `bins` equal parts of [low, high); what lies outside counts in the nearest. */
  histogram(low: number, high: number, bins: number): Float64Array;
}

/** Numbers kept by default: 8 MiB. */
export const EXACT_MAX = 2 ** 21;

const DROPPED_BITS = 14;
const BINS = 2 ** (32 - DROPPED_BITS);

/** An empty distribution that keeps up to `exactMax` numbers. */
export function createDistribution(exactMax = EXACT_MAX): Distribution {
  let kept: Float32Array | null = new Float32Array(Math.min(exactMax, 1024));
  let sorted = false;
  let counts: Float64Array | null = null;
  let count = 0;
  let min = Infinity;
  let max = -Infinity;

  function addAll(values: Float32Array): number {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < values.length; i++) {
      if ((bits[i] & 0x7f800000) === 0x7f800000) return i;
      if (values[i] < min) min = values[i];
      if (values[i] > max) max = values[i];
    }
    if (kept !== null && count + values.length > exactMax) spill();
    if (kept !== null) {
      if (count + values.length > kept.length) {
        const larger = new Float32Array(Math.min(exactMax, Math.max(2 * kept.length, count + values.length)));
        larger.set(kept.subarray(0, count));
        kept = larger;
      }
      kept.set(values, count);
      sorted = false;
    } else countBits(bits, counts!);
    count += values.length;
    return -1;
  }

  /** From now on numbers are counted only. */
  function spill(): void {
    counts = new Float64Array(BINS);
    countBits(new Uint32Array(kept!.buffer, 0, count), counts);
    kept = null;
  }

  return {
    add: addAll,
    get count() {
      return count;
    },
    get min() {
      return min;
    },
    get max() {
      return max;
    },
    percentile(percent) {
      if (count === 0) return 0;
      const rank = (percent / 100) * (count - 1);
      if (kept !== null) {
        if (!sorted) kept.subarray(0, count).sort();
        sorted = true;
        const below = Math.floor(rank);
        const above = Math.min(count - 1, below + 1);
        return kept[below] + (kept[above] - kept[below]) * (rank - below);
      }
      return Math.min(max, Math.max(min, binnedPercentile(counts!, rank)));
    },
    shareAbove(limit) {
      if (count === 0 || max <= limit) return 0;
      let above = 0;
      if (kept !== null) { for (let i = 0; i < count; i++) above += kept[i] > limit ? 1 : 0; }
      else for (let bin = 0; bin < BINS; bin++) if (counts![bin] > 0 && edgeOf(bin) > limit) above += counts![bin];
      return above / count;
    },
    histogram(low, high, bins) {
      const shares = new Float64Array(bins);
      const put = (value: number, weight: number) => {
        const bin = Math.floor((value - low) / (high - low) * bins);
        shares[Math.min(bins - 1, Math.max(0, bin))] += weight / count;
      };
      if (kept !== null) { for (let i = 0; i < count; i++) put(kept[i], 1); }
      else for (let bin = 0; bin < BINS; bin++) if (counts![bin] > 0) put(edgeOf(bin), counts![bin]);
      return shares;
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Order-preserving bins: negative floats count down as their bits count up. */
function countBits(bits: Uint32Array, counts: Float64Array): void {
  for (let i = 0; i < bits.length; i++) {
    const key = bits[i] & 0x80000000 ? ~bits[i] : bits[i] | 0x80000000;
    counts[key >>> DROPPED_BITS]++;
  }
}

const scratch = new DataView(new ArrayBuffer(4));

/** Lower edge of a bin. */
function edgeOf(bin: number): number {
  const key = (bin << DROPPED_BITS) >>> 0;
  scratch.setUint32(0, key & 0x80000000 ? key & 0x7fffffff : ~key >>> 0);
  return scratch.getFloat32(0);
}

function binnedPercentile(counts: Float64Array, rank: number): number {
  let before = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    if (counts[bin] === 0 || before + counts[bin] <= rank) {
      before += counts[bin];
      continue;
    }
    const low = edgeOf(bin);
    return low + (edgeOf(bin + 1) - low) * Math.min(1, (rank - before + 0.5) / counts[bin]);
  }
  return Infinity;
}
