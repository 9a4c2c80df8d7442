/**
 * Walks of short lists, of which most levels have one or two events: every event is a step of its own, so nothing depends on
 * how many share a level, and the processor has nothing to guess. Weights are i16, `[row][lane]`.
 *
 * Nothing saturates: a potential tells where the last straight line began, and with it the very step of a crossing. The walk
 * stops there, `crossing.ts` notes the neuron's level and sinks it, and the walk goes on. Small positive biases are in the potentials
 * from the start, as a bound.
 */

import { crossLanes, openNotes } from "./crossing";
import { levelsOf, roomOf } from "./levels";
import { Block, Layer, NOTES, ROW_MASK, Work } from "./records";

/** Where potentials are in `Work.result`; currents come first. */
const POTENTIALS: usize = 96;
/** Below everything that a neuron can climb from. */
const SUNK: i16 = -32768;

/** Walks a list for one block and puts its levels at `target`, a byte a lane. */
export function walkShortBlock(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize): void {
  let at = walkShortFrom(layer, work, block, block.start, list, end, target);
  if (at == 0) return;
  const state = work.result;
  const zero = i16x8.splat(0);
  for (let lane = 0; lane < block.groups << 4; lane += 16) v128.store(state + lane, zero, NOTES);
  do {
    cross(layer, work, block, load<u32>(at - 4) >>> 24, load<u32>(at) >>> 24);
    at = walkShortFrom(layer, work, block, state, at, end, target);
  } while (at != 0);
  for (let lane = 0; lane < block.groups << 4; lane += 16) {
    const notes = v128.load(state + lane, NOTES);
    const open = openNotes(notes);
    // Sunk ones were taken for rectified.
    work.rectified -= popcnt(~i8x16.bitmask(open) & 0xffff);
    v128.store(target + lane, v128.bitselect(v128.load(target + lane), notes, open));
  }
}

@inline
function walkShortFrom(layer: Layer, work: Work, block: Block, from: usize, list: usize, end: usize, target: usize): usize {
  const groups = block.groups;
  if (groups == 3) return walkShort3(layer, work, block, from, list, end, target);
  if (groups == 2) return walkShort2(layer, work, block, from, list, end, target);
  return walkShort1(layer, work, block, from, list, end, target);
}

/** Looks at all neurons at or above the limit after the line from level `now` to `next`. */
@inline
function cross(layer: Layer, work: Work, block: Block, now: i32, next: i32): void {
  const top = i16x8.splat(<i16> (layer.limit - 1));
  for (let at = 0; at < block.groups << 5; at += 16) {
    const mask = i16x8.bitmask(i16x8.gt_s(v128.load(work.result + at, POTENTIALS), top));
    if (mask == 0) continue;
    const state = work.result + at, lane = at >> 1;
    const biases = block.biasLevels + (lane << 2);
    crossLanes(layer, work, biases, false, state, state + POTENTIALS, work.result + NOTES + lane, SUNK, mask, now, next);
  }
}

/**
 * Walks on from the currents and potentials at `from`: until a potential is at the limit, which leaves them in `Work.result`, or
 * to the end, which puts the levels at `target`.
 *
 * @returns where in the list the next event is; 0 at the end
 */
@inline
function walkShort(
  groups: i32,
  layer: Layer,
  work: Work,
  block: Block,
  from: usize,
  list: usize,
  end: usize,
  target: usize,
): usize {
  const table = block.table;
  const zero = i16x8.splat(0);
  let i0 = v128.load(from), i1 = v128.load(from, 16);
  let v0 = v128.load(from, POTENTIALS), v1 = v128.load(from, POTENTIALS + 16);
  let i2 = zero, i3 = zero, i4 = zero, i5 = zero, v2 = zero, v3 = zero, v4 = zero, v5 = zero;
  if (groups > 1) {
    i2 = v128.load(from, 32);
    i3 = v128.load(from, 48);
    v2 = v128.load(from, POTENTIALS + 32);
    v3 = v128.load(from, POTENTIALS + 48);
  }
  if (groups > 2) {
    i4 = v128.load(from, 64);
    i5 = v128.load(from, 80);
    v4 = v128.load(from, POTENTIALS + 64);
    v5 = v128.load(from, POTENTIALS + 80);
  }
  const top = i16x8.splat(<i16> (layer.limit - 1));
  let event = load<u32>(list);
  while (list < end) {
    const row = table + (event & ROW_MASK) * (groups << 5);
    list += 4;
    const next = load<u32>(list);
    const steps = i16x8.splat(<i16> ((event >>> 24) - (next >>> 24)));
    event = next;
    i0 = i16x8.add(i0, v128.load(row));
    i1 = i16x8.add(i1, v128.load(row, 16));
    v0 = i16x8.add_sat_s(v0, i16x8.mul(i0, steps));
    v1 = i16x8.add_sat_s(v1, i16x8.mul(i1, steps));
    let most = i16x8.max_s(v0, v1);
    if (groups > 1) {
      i2 = i16x8.add(i2, v128.load(row, 32));
      i3 = i16x8.add(i3, v128.load(row, 48));
      v2 = i16x8.add_sat_s(v2, i16x8.mul(i2, steps));
      v3 = i16x8.add_sat_s(v3, i16x8.mul(i3, steps));
      most = i16x8.max_s(most, i16x8.max_s(v2, v3));
    }
    if (groups > 2) {
      i4 = i16x8.add(i4, v128.load(row, 64));
      i5 = i16x8.add(i5, v128.load(row, 80));
      v4 = i16x8.add_sat_s(v4, i16x8.mul(i4, steps));
      v5 = i16x8.add_sat_s(v5, i16x8.mul(i5, steps));
      most = i16x8.max_s(most, i16x8.max_s(v4, v5));
    }
    // Cheaper than `any_true` as a condition.
    if (i8x16.bitmask(i16x8.gt_s(most, top)) != 0) {
      const state = work.result;
      v128.store(state, i0);
      v128.store(state, i1, 16);
      v128.store(state, v0, POTENTIALS);
      v128.store(state, v1, POTENTIALS + 16);
      if (groups > 1) {
        v128.store(state, i2, 32);
        v128.store(state, i3, 48);
        v128.store(state, v2, POTENTIALS + 32);
        v128.store(state, v3, POTENTIALS + 48);
      }
      if (groups > 2) {
        v128.store(state, i4, 64);
        v128.store(state, i5, 80);
        v128.store(state, v4, POTENTIALS + 64);
        v128.store(state, v5, POTENTIALS + 80);
      }
      return list;
    }
  }
  const room = i16x8.splat(<i16> roomOf(layer));
  const finish = block.finish;
  let rectified = leave(layer, v0, v1, room, finish, target);
  if (groups > 1) rectified += leave(layer, v2, v3, room, finish + 32, target + 16);
  if (groups > 2) rectified += leave(layer, v4, v5, room, finish + 64, target + 32);
  work.rectified += rectified;
  return 0;
}

/** Levels of 16 neurons. @returns how many of them were rectified */
@inline
function leave(layer: Layer, first: v128, second: v128, room: v128, finish: usize, target: usize): i32 {
  const low = levelsOf(layer, first, room, v128.load(finish));
  const high = levelsOf(layer, second, room, v128.load(finish, 16));
  v128.store(target, i8x16.narrow_i16x8_u(low, high));
  return popcnt(i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)));
}

function walkShort1(layer: Layer, work: Work, block: Block, from: usize, list: usize, end: usize, target: usize): usize {
  return walkShort(1, layer, work, block, from, list, end, target);
}

function walkShort2(layer: Layer, work: Work, block: Block, from: usize, list: usize, end: usize, target: usize): usize {
  return walkShort(2, layer, work, block, from, list, end, target);
}

function walkShort3(layer: Layer, work: Work, block: Block, from: usize, list: usize, end: usize, target: usize): usize {
  return walkShort(3, layer, work, block, from, list, end, target);
}
