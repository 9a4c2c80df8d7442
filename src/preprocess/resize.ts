/**
 * Area-average and bilinear resizing of bytes, exact: weights are integers, sums are exact in a double, and only the last
 * step rounds, half up. Same result as `resize_reference.ts` for every input; differs in: weights are planned once an
 * axis, rows are resized horizontally once and then combined vertically.
 *
 * Along an axis of `from` source pixels and `to` target pixels, in units that make all weights whole:
 *
 * - area: target i covers [i · from, (i + 1) · from), source s covers [s · to, (s + 1) · to); weight = overlap, Σ = from
 * - bilinear: the target's centre falls at ((2i + 1) · from − to) / 2to between source centres s and s + 1 (half-pixel
 *   centres, clamped at the ends); weights = 2to − remainder and remainder, Σ = 2to
 */

import type { Region, Size } from "./crop.ts";

/** "auto" takes the area average along an axis that shrinks, and bilinear along one that grows. */
export type ResizeMethod = "auto" | "area" | "bilinear";

/** What is resized to what. */
export interface ResizePlan {
  /** Samples a pixel of the source image. */
  readonly channels: 1 | 3;
  /** Pixels from one row of the source image to the next. */
  readonly sourceWidth: number;
  /** The part of the source image that is read. */
  readonly region: Region;
  readonly target: Size;
  readonly method: ResizeMethod;
}

/** `source` `[height, width, channels]` → `output` `[channels, target height, target width]`, every byte written. */
export type Resizer = (source: Uint8Array, output: Uint8Array) => void;

/** Plans a resize and allocates what it needs; the resizer allocates nothing. Sizes were checked by the caller. */
export function planResize(plan: ResizePlan): Resizer {
  const { channels, sourceWidth, region, target, method } = plan;
  const columns = planAxis(region.width, target.width, method);
  const rows = planAxis(region.height, target.height, method);
  const rowLength = target.width * channels;
  const start = (region.y * sourceWidth + region.x) * channels;
  const stride = sourceWidth * channels;
  const total = columns.total * rows.total;
  // Consecutive target rows share at most two source rows, which are always neighbours: one slot for each parity.
  const slots = [new Float64Array(rowLength), new Float64Array(rowLength)];
  const slotRows = new Int32Array(2);
  const sums = new Float64Array(rowLength);
  return (source, output) => {
    slotRows.fill(-1);
    for (let y = 0; y < target.height; y++) {
      sums.fill(0);
      for (let tap = rows.starts[y]; tap < rows.starts[y + 1]; tap++) {
        const row = rows.firsts[y] + tap - rows.starts[y];
        const slot = slots[row & 1];
        if (slotRows[row & 1] !== row) {
          resizeRow(source, start + row * stride, columns, channels, slot);
          slotRows[row & 1] = row;
        }
        accumulate(sums, slot, rows.weights[tap]);
      }
      store(sums, total, output, { y, channels, width: target.width, height: target.height });
    }
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** The source pixels of each target pixel: `firsts[i]`, and on, one for each weight in `starts[i] … starts[i + 1] − 1`. */
interface Axis {
  readonly firsts: Int32Array;
  readonly starts: Int32Array;
  readonly weights: Float64Array;
  /** Sum of each target pixel's weights. */
  readonly total: number;
}

function planAxis(from: number, to: number, method: ResizeMethod): Axis {
  const isArea = method === "area" || (method === "auto" && to <= from);
  const firsts = new Int32Array(to);
  const starts = new Int32Array(to + 1);
  const weights: number[] = [];
  for (let i = 0; i < to; i++) {
    if (isArea) {
      firsts[i] = Math.floor((i * from) / to);
      for (let s = firsts[i]; s * to < (i + 1) * from; s++) {
        weights.push(Math.min((s + 1) * to, (i + 1) * from) - Math.max(s * to, i * from));
      }
    } else {
      const place = Math.min(Math.max((2 * i + 1) * from - to, 0), 2 * to * (from - 1));
      firsts[i] = Math.floor(place / (2 * to));
      const remainder = place - firsts[i] * 2 * to;
      weights.push(2 * to - remainder);
      if (remainder > 0) weights.push(remainder);
    }
    starts[i + 1] = weights.length;
  }
  return { firsts, starts, weights: Float64Array.from(weights), total: isArea ? from : 2 * to };
}

/** One source row's weighted sums, `[channels, target width]`. */
function resizeRow(source: Uint8Array, start: number, axis: Axis, channels: number, sums: Float64Array): void {
  const { firsts, starts, weights } = axis;
  const width = firsts.length;
  for (let c = 0; c < channels; c++) {
    for (let x = 0; x < width; x++) {
      let at = start + firsts[x] * channels + c;
      let sum = 0;
      const end = starts[x + 1];
      for (let tap = starts[x]; tap < end; tap++, at += channels) sum += weights[tap] * source[at];
      sums[c * width + x] = sum;
    }
  }
}

function accumulate(sums: Float64Array, row: Float64Array, weight: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] += weight * row[i];
}

/** Divides by the weights' sum, rounding half up. Sums are below 2⁵³ and quotients below 256, so the division is exact enough to floor. */
function store(
  sums: Float64Array,
  total: number,
  output: Uint8Array,
  place: { y: number; channels: number; width: number; height: number },
): void {
  const { y, channels, width, height } = place;
  for (let c = 0; c < channels; c++) {
    const start = (c * height + y) * width;
    for (let x = 0; x < width; x++) output[start + x] = Math.floor((2 * sums[c * width + x] + total) / (2 * total));
  }
}
