/** A data set in another order, so that its first images are drawn evenly from all of it. */

import type { Dataset } from "./dataset.ts";

/**
 * The same images, each once, in steps of about 0.618 of their number: a folder's images come class after class, and a few
 * of them must not all be of one class. The order depends on the number of images only.
 */
export function spreadOut(data: Dataset): Dataset {
  let step = Math.max(1, Math.round(data.count * (Math.sqrt(5) - 1) / 2));
  while (commonDivisor(step, data.count) !== 1) step++;
  return {
    name: data.name,
    count: data.count,
    shape: data.shape,
    labels: data.labels,
    frame: (index, out) => data.frame(index * step % data.count, out),
  };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
