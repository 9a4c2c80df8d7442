/**
 * The definition of resizing, pixel by pixel: the slow twin of `resize.ts`, for tests.
 *
 * A target pixel is Σ weight(y) · weight(x) · source pixel over *all* source pixels, divided by the sum of the weights and
 * rounded half up. Everything is an exact fraction, kept as BigInt numerators.
 */

import type { ResizeMethod, ResizePlan, Resizer } from "./resize.ts";

/** Same contract as `planResize`. */
export function planResizeReference(plan: ResizePlan): Resizer {
  const { channels, sourceWidth, region, target, method } = plan;
  return (source, output) => {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < target.height; y++) {
        for (let x = 0; x < target.width; x++) {
          let sum = 0n;
          let total = 0n;
          for (let row = 0; row < region.height; row++) {
            const vertical = weightOf(row, y, { from: region.height, to: target.height, method });
            if (vertical === 0) continue;
            for (let column = 0; column < region.width; column++) {
              const weight = BigInt(vertical * weightOf(column, x, { from: region.width, to: target.width, method }));
              const pixel = (region.y + row) * sourceWidth + region.x + column;
              sum += weight * BigInt(source[pixel * channels + c]);
              total += weight;
            }
          }
          output[(c * target.height + y) * target.width + x] = Number((2n * sum + total) / (2n * total));
        }
      }
    }
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Weight of source pixel `s` in target pixel `i`, in units of 1 / to for area and 1 / 2to for bilinear: a whole number. */
function weightOf(s: number, i: number, axis: { from: number; to: number; method: ResizeMethod }): number {
  const { from, to, method } = axis;
  if (method === "area" || (method === "auto" && to <= from)) {
    return Math.max(0, Math.min((s + 1) * to, (i + 1) * from) - Math.max(s * to, i * from));
  }
  // Distance from the target's centre, held between the outermost source centres, to the source's centre.
  const centre = Math.min(Math.max((2 * i + 1) * from, to), (2 * from - 1) * to);
  return Math.max(0, 2 * to - Math.abs(centre - (2 * s + 1) * to));
}
