/** Potentials at read-out to levels, where no early spike was: the closed form, eight neurons at a time. */

import { Layer } from "./records";

/** What is added to a potential so that the threshold is at the limit. */
@inline
export function roomOf(layer: Layer): i32 {
  return layer.limit - layer.threshold;
}

/** Levels without rectification; `finish` has the half to round by, and negative biases. */
@inline
export function levelsOf(layer: Layer, potential: v128, room: v128, finish: v128): v128 {
  return i16x8.shr_s(i16x8.add_sat_s(i16x8.sub_sat_s(potential, room), finish), layer.shift);
}
