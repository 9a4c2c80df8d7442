/** Output levels to a classification. */

import type { Classification } from "../core/results.ts";
import type { Timing } from "./timing.ts";

/** A classification to be filled again and again. */
export function createClassification(classes: number): Classification {
  return { index: 0, tie: false, confidence: 0, probabilities: new Float64Array(classes) };
}

/** Value that a level stands for, in units of the normalised network. */
export function decodeLevel(timing: Timing, level: number): number {
  return level / timing.unit;
}

/**
 * The class that spiked first, i.e. has the highest level; of classes that tie, the lowest index.
 *
 * @param levels `[classes]`
 * @param outputScale value in the source network of one unit of output, so that the softmax is that network's own
 * @param result filled in place
 */
export function decode(timing: Timing, levels: Int16Array, outputScale: number, result: Classification): void {
  let index = 0;
  let tie = false;
  for (let i = 1; i < levels.length; i++) {
    if (levels[i] > levels[index]) {
      index = i;
      tie = false;
    } else if (levels[i] === levels[index]) tie = true;
  }
  const { probabilities } = result;
  let sum = 0;
  for (let i = 0; i < levels.length; i++) {
    // Subtracting the best level first keeps exp() from overflowing.
    probabilities[i] = Math.exp(decodeLevel(timing, levels[i] - levels[index]) * outputScale);
    sum += probabilities[i];
  }
  for (let i = 0; i < levels.length; i++) probabilities[i] /= sum;
  result.index = index;
  result.tie = tie;
  result.confidence = probabilities[index];
}
