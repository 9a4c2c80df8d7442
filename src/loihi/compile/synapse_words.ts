/**
 * What a list of synapses costs in a core's synaptic memory.
 *
 * A list is cut into entries of synapses that share a format (exponent, delay bits, way of indexing):
 * entry bits = 10 + n · (weight bits + delay bits) + index bits, where index bits = 10 · n (sparse) or 10 once (dense: the
 * targets follow one another). Every entry is rounded up to words of 64 bits, as nengo-loihi does, which never costs less than
 * the chip.
 */

import type { CoreLimits } from "../board.ts";

/** Synapses of one spike onto one core, one after the other. */
export interface SynapseList {
  /** Relative to the axon's base. */
  readonly targets: Int32Array;
  readonly mantissas: Int32Array;
  readonly exponents: Int32Array;
  readonly delays: Int32Array;
}

/** What a list needs. */
export interface ListCost {
  readonly words: number;
  /** Formats in use: exponent · 4 + (delayed ? 2 : 0) + (dense ? 1 : 0). */
  readonly formats: readonly number[];
}

const WORD_BITS = 64;
const PREFIX_BITS = 10;
const WEIGHT_BITS = 8;
const INDEX_BITS = 10;
const DELAY_BITS = 3;

/** Cost of `list`, whose synapses are sorted by exponent, then delay, then target. */
export function costOf(list: SynapseList, limits: Pick<CoreLimits, "synapsesPerEntry">): ListCost {
  const { targets, exponents, delays } = list;
  const formats = new Set<number>();
  let words = 0;
  for (let first = 0; first < targets.length;) {
    let end = first + 1;
    while (end < targets.length && exponents[end] === exponents[first] && (delays[end] > 0) === (delays[first] > 0)) {
      end++;
    }
    const synapseBits = WEIGHT_BITS + (delays[first] > 0 ? DELAY_BITS : 0);
    const sparse = wordsOf(end - first, synapseBits + INDEX_BITS, 0, limits.synapsesPerEntry);
    const dense = denseWords(targets, first, end, synapseBits, limits.synapsesPerEntry);
    words += Math.min(sparse, dense);
    formats.add(exponents[first] * 4 + (delays[first] > 0 ? 2 : 0) + (dense < sparse ? 1 : 0));
    first = end;
  }
  return { words, formats: [...formats] };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Words of the runs of neighbours between `first` and `end`. */
function denseWords(targets: Int32Array, first: number, end: number, synapseBits: number, most: number): number {
  let words = 0;
  let run = 1;
  for (let i = first + 1; i <= end; i++) {
    if (i < end && targets[i] === targets[i - 1] + 1) run++;
    else {
      words += wordsOf(run, synapseBits, INDEX_BITS, most);
      run = 1;
    }
  }
  return words;
}

function wordsOf(synapses: number, bitsEach: number, bitsOnce: number, most: number): number {
  const entry = (count: number) => Math.ceil((PREFIX_BITS + bitsOnce + count * bitsEach) / WORD_BITS);
  const full = Math.floor(synapses / most);
  const rest = synapses - full * most;
  return full * entry(most) + (rest > 0 ? entry(rest) : 0);
}
