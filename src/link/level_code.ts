/**
 * Input levels of a frame as bits. Two codes, of which the shorter is sent:
 *
 * `dense`: every level in k bits, one after the other from the lowest bit of the first byte.
 *
 * `runs`: lengths of runs, zero levels first and then turn by turn, each as a varint (7 bits a byte, lowest first, the top
 * bit says that more follow), until their sum is the count of inputs; then every level that is not 0, less 1, in k bits.
 * Only the first run may be empty. The last byte of both is filled up with zero bits.
 */

import { malformed, outOfRange } from "./wire.ts";

/** How levels are written. */
export type LevelCode = "dense" | "runs";

/** Most inputs of a frame: 1024 × 1024. */
export const INPUTS_MAX = 2 ** 20;
/** Highest level: 16 bits. */
export const LEVEL_MAX = 0xffff;

/** The choice for one frame, made by `planLevels`. */
export interface LevelPlan {
  readonly code: LevelCode;
  /** k, 0 to 16. */
  readonly bits: number;
  /** Of the whole payload. */
  readonly bytes: number;
}

/**
 * Counts what both codes take and picks the shorter, `dense` when they are equal.
 *
 * @throws {LinkError} `link.range` on a level that is negative, not whole or above `LEVEL_MAX`, or too many of them
 */
export function planLevels(levels: ArrayLike<number>): LevelPlan {
  const count = levels.length;
  if (count > INPUTS_MAX) throw outOfRange("levels", `at most ${INPUTS_MAX}`, count);
  let highest = 0;
  let nonZero = 0;
  let runBytes = 0;
  let runStart = 0;
  for (let i = 0; i < count; i++) {
    const level = levels[i];
    if (!(level >= 0 && level <= LEVEL_MAX && Number.isInteger(level))) {
      throw outOfRange(`levels[${i}]`, `a whole number from 0 to ${LEVEL_MAX}`, level);
    }
    if (level > highest) highest = level;
    if (level !== 0) nonZero++;
    // Runs start with a zero level, so a first level above 0 closes an empty run.
    if ((level === 0) !== (i === 0 || levels[i - 1] === 0)) {
      runBytes += varintBytes(i - runStart);
      runStart = i;
    }
  }
  if (count > 0) runBytes += varintBytes(count - runStart);
  const denseBits = bitsFor(highest);
  const runsBits = bitsFor(Math.max(0, highest - 1));
  const dense = Math.ceil((count * denseBits) / 8);
  const runs = runBytes + Math.ceil((nonZero * runsBits) / 8);
  return runs < dense
    ? { code: "runs", bits: runsBits, bytes: runs }
    : { code: "dense", bits: denseBits, bytes: dense };
}

/** Writes `levels` as `plan` says into `target`, `plan.bytes` zero bytes. */
export function encodeLevels(levels: ArrayLike<number>, plan: LevelPlan, target: Uint8Array): void {
  const isRuns = plan.code === "runs";
  let at = isRuns ? encodeRuns(levels, target) : 0;
  let word = 0;
  let wordBits = 0;
  for (let i = 0; i < levels.length; i++) {
    if (isRuns && levels[i] === 0) continue;
    word |= (isRuns ? levels[i] - 1 : levels[i]) << wordBits;
    for (wordBits += plan.bits; wordBits >= 8; wordBits -= 8, word >>>= 8) target[at++] = word & 0xff;
  }
  if (wordBits > 0) target[at] = word;
}

/**
 * Undoes `encodeLevels`.
 *
 * @throws {LinkError} `link.malformed` when `bytes` are not what `encodeLevels` makes of `count` levels
 */
export function decodeLevels(
  bytes: Uint8Array,
  options: { readonly count: number; readonly code: LevelCode; readonly bits: number },
): Uint16Array {
  const { count, code, bits } = options;
  if (count > INPUTS_MAX) throw malformed("frame.levels", `at most ${INPUTS_MAX} levels`, count);
  if (bits > 16) throw malformed("frame.bits", "at most 16", bits);
  // The only allocation, after the cap and before the walk: at most 2 MiB for a packet that lies.
  const levels = new Uint16Array(count);
  const isRuns = code === "runs";
  let at = isRuns ? decodeRuns(bytes, levels) : 0;
  const coded = isRuns ? levels.reduce((sum, mark) => sum + mark, 0) : count;
  const expected = at + Math.ceil((coded * bits) / 8);
  if (bytes.length !== expected) throw malformed("frame.payload", `${expected} bytes`, bytes.length);
  const mask = 2 ** bits - 1;
  let word = 0;
  let wordBits = 0;
  for (let i = 0; i < count; i++) {
    if (isRuns && levels[i] === 0) continue;
    for (; wordBits < bits; wordBits += 8) word |= bytes[at++] << wordBits;
    const level = (word & mask) + (isRuns ? 1 : 0);
    if (level > LEVEL_MAX) throw malformed("frame.levels", `at most ${LEVEL_MAX}`, level);
    levels[i] = level;
    word >>>= bits;
    wordBits -= bits;
  }
  if (word !== 0) throw malformed("frame.payload", "filled up with zero bits", `0x${word.toString(16)}`);
  return levels;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Bits that hold 0 to `highest`. */
function bitsFor(highest: number): number {
  return 32 - Math.clz32(highest);
}

function varintBytes(value: number): number {
  return value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : 3;
}

function encodeRuns(levels: ArrayLike<number>, target: Uint8Array): number {
  let at = 0;
  let start = 0;
  let isZero = true;
  for (let i = 0; i <= levels.length; i++) {
    if (i < levels.length && (levels[i] === 0) === isZero) continue;
    if (i === levels.length && levels.length === 0) break;
    let rest = i - start;
    for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
    target[at++] = rest;
    start = i;
    isZero = !isZero;
  }
  return at;
}

/** Sets `levels` to 1 where a level is to come; returns where the runs end. */
function decodeRuns(bytes: Uint8Array, levels: Uint16Array): number {
  let at = 0;
  let done = 0;
  for (let isZero = true; done < levels.length; isZero = !isZero) {
    const first = at;
    let run = 0;
    for (let shift = 0;; shift += 7) {
      if (at >= bytes.length || shift > 14) throw malformed("frame.runs", "varints of at most 3 bytes", "their end");
      const byte = bytes[at++];
      run |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (run === 0 && done + first > 0) throw malformed("frame.runs", "at least 1 but for the first", 0);
    // The shortest form only, so that equal frames are equal bytes.
    if (at - first > varintBytes(run)) throw malformed("frame.runs", "in as few bytes as can be", at - first);
    if (run > levels.length - done) throw malformed("frame.runs", `${levels.length} levels in sum`, done + run);
    if (!isZero) levels.fill(1, done, done + run);
    done += run;
  }
  return at;
}
