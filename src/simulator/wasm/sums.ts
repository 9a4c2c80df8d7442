/**
 * Adds of two maps with positive weights: what a potential reaches is highest at read-out and is Σ w q there, so the sum says
 * both the level and whether the neuron was early. One weight for all channels: maps are run through as they lie in memory.
 */

import { Layer, Work } from "./records";
import { placeTaps, walkLanes } from "./tap_lists";
import { copyExact } from "./vectors";

/** Runs rows `from` to `to` (exclusive). */
export function runSum(layer: Layer, work: Work, from: i32, to: i32): void {
  const row = layer.outWidth * layer.channels, end = to * row;
  const first = <usize> load<u32>(layer.sources), second = <usize> load<u32>(layer.sources, 4);
  const weights = layer.weights;
  const firstWeight = v128.load16_splat(weights), secondWeight = v128.load16_splat(weights + (layer.lanesPerTap << 1));
  const below = i16x8.splat(<i16> (layer.threshold - 1)), half = i16x8.splat(<i16> (<i32> 1 << (layer.shift - 1)));
  const shift = layer.shift, bytes = layer.signed != 0 ? 1 : 0, target = layer.target;
  for (let at = from * row; at < end; at += 8) {
    const sum = i16x8.add_sat_s(
      i16x8.mul(v128.load8x8_u(first + at), firstWeight),
      i16x8.mul(v128.load8x8_u(second + at), secondWeight),
    );
    const levels = i16x8.shr_s(i16x8.add_sat_s(sum, half), shift);
    const place = target + (at << bytes);
    if (at + 8 > end) {
      v128.store(work.tile, bytes != 0 ? levels : i8x16.narrow_i16x8_u(levels, levels));
      copyExact(place, work.tile, (end - at) << bytes);
    } else if (bytes != 0) {
      v128.store(place, levels);
    } else {
      v128.store64_lane(place, i8x16.narrow_i16x8_u(levels, levels), 0);
    }
    let early = i16x8.bitmask(i16x8.gt_s(sum, below));
    if (at + 8 > end) early &= (1 << (end - at)) - 1;
    for (; early != 0; early &= early - 1) runEarly(layer, work, at + ctz(early), place + (ctz(early) << bytes), bytes);
  }
}

/** The exact way for number `index` of the map. */
function runEarly(layer: Layer, work: Work, index: i32, target: usize, bytes: i32): void {
  const pixel = index / layer.channels, channel = index - pixel * layer.channels;
  const end = placeTaps(layer, pixel, work.lists);
  walkLanes(layer, work, work.lists, end, channel, 1);
  if (bytes != 0) store<i16>(target, load<i16>(work.tile + (channel << 1)));
  else store<u8>(target, load<u8>(work.tile + channel));
}
