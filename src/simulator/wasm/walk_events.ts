/**
 * Walks of short event lists: every event advances the potentials, so that no branch depends on data.
 *
 *   for each event: current += weights of its row; potential += current · steps until the next event
 *
 * Between two events a potential is a straight line, so its highest value is at an end: a maximum a neuron, taken at every
 * event, shows whether it ever reached the threshold. Potentials start so high that the threshold is 32767, where 16 bits
 * saturate; if they can also saturate at the bottom, the guard watches for it. Weights are i16, and an event's row is in
 * bytes.
 *
 * The four functions differ in the number of vectors only: 24 or 32 neurons are what the registers hold.
 */

import { Block, Layer, ROW_MASK, Work } from "./records";
import { leaveBlock } from "./readout";

/** Potentials after `steps` steps of a current; 32767 and −32768 stay. */

export function advance(potential: v128, current: v128, steps: v128): v128 {
  return i16x8.add_sat_s(potential, i16x8.mul(current, steps));
}

/** Whether a guard has seen the bottom. */

function atBottom(low: v128): bool {
  return v128.any_true(i16x8.eq(low, i16x8.splat(-32768)));
}

/** Walks four vectors and puts their levels at `target`. @returns false when 16 bits were too few */

function events4(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize, guarded: bool): bool {
  const start = block.start, table = block.table, stepMax = layer.stepMax;
  let v0 = v128.load(start), v1 = v128.load(start, 16), v2 = v128.load(start, 32), v3 = v128.load(start, 48);
  let m0 = v0, m1 = v1, m2 = v2, m3 = v3;
  let i0 = i16x8.splat(0), i1 = i0, i2 = i0, i3 = i0;
  let low = i16x8.splat(32767);
  let event = load<u32>(list);
  let level: i32 = event >>> 24;
  for (let at = list; at < end;) {
    at += 4;
    const next = load<u32>(at);
    const row = table + (event & ROW_MASK);
    const nextLevel: i32 = next >>> 24;
    let steps = level - nextLevel;
    i0 = i16x8.add(i0, v128.load(row));
    i1 = i16x8.add(i1, v128.load(row, 16));
    i2 = i16x8.add(i2, v128.load(row, 32));
    i3 = i16x8.add(i3, v128.load(row, 48));
    for (; steps > stepMax; steps -= stepMax) {
      const few = i16x8.splat(<i16> stepMax);
      v0 = advance(v0, i0, few);
      v1 = advance(v1, i1, few);
      v2 = advance(v2, i2, few);
      v3 = advance(v3, i3, few);
      m0 = i16x8.max_s(m0, v0);
      m1 = i16x8.max_s(m1, v1);
      m2 = i16x8.max_s(m2, v2);
      m3 = i16x8.max_s(m3, v3);
      if (guarded) low = i16x8.min_s(i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2), v3);
    }
    const many = i16x8.splat(<i16> steps);
    v0 = advance(v0, i0, many);
    v1 = advance(v1, i1, many);
    v2 = advance(v2, i2, many);
    v3 = advance(v3, i3, many);
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    m2 = i16x8.max_s(m2, v2);
    m3 = i16x8.max_s(m3, v3);
    if (guarded) low = i16x8.min_s(i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2), v3);
    event = next;
    level = nextLevel;
  }
  if (guarded && atBottom(low)) return false;
  leaveBlock(layer, work, block, list, target, 0, v0, m0);
  leaveBlock(layer, work, block, list, target, 1, v1, m1);
  leaveBlock(layer, work, block, list, target, 2, v2, m2);
  leaveBlock(layer, work, block, list, target, 3, v3, m3);
  return true;
}

export function walkEvents4(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
): bool {
  if (layer.guarded != 0) return events4(layer, work, block, list, end, target, true);
  return events4(layer, work, block, list, end, target, false);
}

/** Walks three and puts their levels at `target`. @returns false when 16 bits were too few */

function events3(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize, guarded: bool): bool {
  const start = block.start, table = block.table, stepMax = layer.stepMax;
  let v0 = v128.load(start), v1 = v128.load(start, 16), v2 = v128.load(start, 32);
  let m0 = v0, m1 = v1, m2 = v2;
  let i0 = i16x8.splat(0), i1 = i0, i2 = i0;
  let low = i16x8.splat(32767);
  let event = load<u32>(list);
  let level: i32 = event >>> 24;
  for (let at = list; at < end;) {
    at += 4;
    const next = load<u32>(at);
    const row = table + (event & ROW_MASK);
    const nextLevel: i32 = next >>> 24;
    let steps = level - nextLevel;
    i0 = i16x8.add(i0, v128.load(row));
    i1 = i16x8.add(i1, v128.load(row, 16));
    i2 = i16x8.add(i2, v128.load(row, 32));
    for (; steps > stepMax; steps -= stepMax) {
      const few = i16x8.splat(<i16> stepMax);
      v0 = advance(v0, i0, few);
      v1 = advance(v1, i1, few);
      v2 = advance(v2, i2, few);
      m0 = i16x8.max_s(m0, v0);
      m1 = i16x8.max_s(m1, v1);
      m2 = i16x8.max_s(m2, v2);
      if (guarded) low = i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2);
    }
    const many = i16x8.splat(<i16> steps);
    v0 = advance(v0, i0, many);
    v1 = advance(v1, i1, many);
    v2 = advance(v2, i2, many);
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    m2 = i16x8.max_s(m2, v2);
    if (guarded) low = i16x8.min_s(i16x8.min_s(i16x8.min_s(low, v0), v1), v2);
    event = next;
    level = nextLevel;
  }
  if (guarded && atBottom(low)) return false;
  leaveBlock(layer, work, block, list, target, 0, v0, m0);
  leaveBlock(layer, work, block, list, target, 1, v1, m1);
  leaveBlock(layer, work, block, list, target, 2, v2, m2);
  return true;
}

export function walkEvents3(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
): bool {
  if (layer.guarded != 0) return events3(layer, work, block, list, end, target, true);
  return events3(layer, work, block, list, end, target, false);
}

/** Walks two and puts their levels at `target`. @returns false when 16 bits were too few */

function events2(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize, guarded: bool): bool {
  const start = block.start, table = block.table, stepMax = layer.stepMax;
  let v0 = v128.load(start), v1 = v128.load(start, 16);
  let m0 = v0, m1 = v1;
  let i0 = i16x8.splat(0), i1 = i0;
  let low = i16x8.splat(32767);
  let event = load<u32>(list);
  let level: i32 = event >>> 24;
  for (let at = list; at < end;) {
    at += 4;
    const next = load<u32>(at);
    const row = table + (event & ROW_MASK);
    const nextLevel: i32 = next >>> 24;
    let steps = level - nextLevel;
    i0 = i16x8.add(i0, v128.load(row));
    i1 = i16x8.add(i1, v128.load(row, 16));
    for (; steps > stepMax; steps -= stepMax) {
      const few = i16x8.splat(<i16> stepMax);
      v0 = advance(v0, i0, few);
      v1 = advance(v1, i1, few);
      m0 = i16x8.max_s(m0, v0);
      m1 = i16x8.max_s(m1, v1);
      if (guarded) low = i16x8.min_s(i16x8.min_s(low, v0), v1);
    }
    const many = i16x8.splat(<i16> steps);
    v0 = advance(v0, i0, many);
    v1 = advance(v1, i1, many);
    m0 = i16x8.max_s(m0, v0);
    m1 = i16x8.max_s(m1, v1);
    if (guarded) low = i16x8.min_s(i16x8.min_s(low, v0), v1);
    event = next;
    level = nextLevel;
  }
  if (guarded && atBottom(low)) return false;
  leaveBlock(layer, work, block, list, target, 0, v0, m0);
  leaveBlock(layer, work, block, list, target, 1, v1, m1);
  return true;
}

export function walkEvents2(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
): bool {
  if (layer.guarded != 0) return events2(layer, work, block, list, end, target, true);
  return events2(layer, work, block, list, end, target, false);
}

/** Walks one and puts their levels at `target`. @returns false when 16 bits were too few */

function events1(layer: Layer, work: Work, block: Block, list: usize, end: usize, target: usize, guarded: bool): bool {
  const start = block.start, table = block.table, stepMax = layer.stepMax;
  let v0 = v128.load(start);
  let m0 = v0;
  let i0 = i16x8.splat(0);
  let low = i16x8.splat(32767);
  let event = load<u32>(list);
  let level: i32 = event >>> 24;
  for (let at = list; at < end;) {
    at += 4;
    const next = load<u32>(at);
    const row = table + (event & ROW_MASK);
    const nextLevel: i32 = next >>> 24;
    let steps = level - nextLevel;
    i0 = i16x8.add(i0, v128.load(row));
    for (; steps > stepMax; steps -= stepMax) {
      const few = i16x8.splat(<i16> stepMax);
      v0 = advance(v0, i0, few);
      m0 = i16x8.max_s(m0, v0);
      if (guarded) low = i16x8.min_s(low, v0);
    }
    const many = i16x8.splat(<i16> steps);
    v0 = advance(v0, i0, many);
    m0 = i16x8.max_s(m0, v0);
    if (guarded) low = i16x8.min_s(low, v0);
    event = next;
    level = nextLevel;
  }
  if (guarded && atBottom(low)) return false;
  leaveBlock(layer, work, block, list, target, 0, v0, m0);
  return true;
}

export function walkEvents1(
  layer: Layer,
  work: Work,
  block: Block,
  list: usize,
  end: usize,
  target: usize,
): bool {
  if (layer.guarded != 0) return events1(layer, work, block, list, end, target, true);
  return events1(layer, work, block, list, end, target, false);
}
