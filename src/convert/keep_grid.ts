/**
 * Scales for weights that were trained on a grid of a power of two.
 *
 * The simulator's weights are whole numbers of such steps. Weights on a grid already stay on it when they are multiplied by a
 * power of two and by nothing else, and then nothing of them is left to round: the network that was trained is the one that runs.
 */

import { isOnGrid } from "../model/quantise.ts";

/** Most that a scale is moved by, as a share: about half of a level in 16. */
const MOVE_MAX = 0.05;

/**
 * The scale itself, or the one beside it at which a layer's weights keep their grid.
 *
 * @param weights the source network's
 * @param inputScales scales of what the weights are multiplied with
 */
export function keepGrid(weights: Float64Array, inputScales: readonly number[], scale: number): number {
  const [input] = inputScales;
  if (!(scale > 0) || inputScales.some((other) => other !== input)) return scale;
  const kept = input * 2 ** Math.round(Math.log2(scale / input));
  return Math.abs(kept / scale - 1) <= MOVE_MAX && isOnGrid(weights, 16) ? kept : scale;
}
