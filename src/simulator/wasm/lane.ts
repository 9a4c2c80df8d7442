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
 * @param row0 its weight in row 0
 */
export function exactLevel(
  layer: Layer,
  work: Work,
  list: usize,
  end: usize,
  row0: usize,
  rowBytes: usize,
  weightBytes: i32,
  biasLevel: i32,
): i32 {
  const one = 1 << layer.shift;
  const threshold = layer.threshold;
  let current = 0;
  let potential = 0;
  // Level whose step is the next one to be taken.
  let now = layer.levelMax;
  let biasDue = biasLevel > 0;
  while (true) {
    const event = list < end ? load<u32>(list) : 0;
    let arrival: i32 = event >>> 24;
    let weight = 0;
    if (biasDue && biasLevel >= arrival) {
      arrival = biasLevel;
      weight = one;
      biasDue = false;
    } else {
      if (list < end) {
        const address = row0 + <usize> (event & ROW_MASK) * rowBytes;
        weight = weightBytes == 1 ? <i32> load<i8>(address) : <i32> load<i16>(address);
      }
      list += 4;
    }
    const reached = potential + current * (now - arrival);
    if (reached >= threshold && now > arrival) {
      const steps = (threshold - potential + current - 1) / current;
      return earlyLevel(layer, work, now - steps + 1);
    }
    potential = reached;
    if (arrival == 0) break;
    now = arrival;
    current += weight;
  }
  return late(layer, work, potential + min(biasLevel, 0) * one);
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
