/**
 * One neuron, step by step, in plain 32-bit integers: for the few that reached the threshold early, or might have.
 *
 * Same meaning as the float64 reference: the bias spike comes at its own step, the first crossing decides, and everything
 * after it is ignored.
 */

import { Layer, ROW_MASK, Work } from "./records";

/**
 * Level of a neuron; counts what it was.
 *
 * @param row0 its weight, or the word that holds it, in row 0
 * @param shift of weights in pairs; negative: weights are i16
 */
export function exactLevel(
  layer: Layer,
  work: Work,
  list: usize,
  row0: usize,
  rowBytes: usize,
  shift: i32,
  biasLevel: i32,
): i32 {
  const threshold = layer.threshold;
  // As `pairWeights`, for both kinds of weights without a branch.
  const flip = shift < 0 ? 0 : 0x80;
  const left = 16 + max(shift, 0);
  const right = shift < 0 ? 16 : 24;
  let current = 0;
  let potential = 0;
  let event = load<u32>(list);
  // Twice: the events before the bias, which is as good as one of them, and those after it.
  let last = max(biasLevel, 0);
  while (true) {
    for (let now: i32 = event >>> 24; now > last; now = event >>> 24) {
      const word = <i32> load<i16>(row0 + <usize> (event & ROW_MASK) * rowBytes);
      current += ((word ^ flip) << left) >> right;
      list += 4;
      event = load<u32>(list);
      const reached = potential + current * (now - max(<i32> (event >>> 24), last));
      if (reached >= threshold) return crossing(layer, work, now, potential, current);
      potential = reached;
    }
    if (last == 0) return late(layer, work, potential + (min(biasLevel, 0) << layer.shift));
    current += 1 << layer.shift;
    const reached = potential + current * (last - <i32> (event >>> 24));
    if (reached >= threshold) return crossing(layer, work, last, potential, current);
    potential = reached;
    last = 0;
  }
}

/** Level at which a potential that grows by `current` from level `now` on reaches the threshold. */
@inline
function crossing(layer: Layer, work: Work, now: i32, potential: i32, current: i32): i32 {
  const steps = (layer.threshold - potential + current - 1) / current;
  return earlyLevel(layer, work, now - steps + 1);
}

/** Level of a neuron that spikes at the step at which `level` arrives, before read-out. */
export function earlyLevel(layer: Layer, work: Work, level: i32): i32 {
  work.early += 1;
  if (level <= layer.unit) return layer.unit + level;
  work.saturated += 1;
  return layer.levelMax;
}

/** No early spike: rounds half up, rectifies. */
export function late(layer: Layer, work: Work, sum: i32): i32 {
  const level = (sum + (1 << (layer.shift - 1))) >> layer.shift;
  if (layer.signed == 0) {
    if (level >= 0) return level;
    work.rectified += 1;
    return 0;
  }
  if (level >= 1 - layer.unit) return level;
  work.saturated += 1;
  return 1 - layer.unit;
}
