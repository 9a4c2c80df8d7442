/**
 * Scatter for few channels on a small map: currents and potentials of all neurons are in memory, events of one level are added
 * to the currents one by one, then all potentials that anything came to advance at once.
 *
 * Rows of both have room beside them for what falls beyond the edges. Weights `[channel][row][column][output]` are i16 and
 * turned round, so that an event adds a few runs of neighbouring lanes. Biases are events of their own level; so a potential
 * is exact, and a crossing is told where it happens.
 */

import { earlyLevel } from "./lane";
import { levelsOf, roomOf } from "./levels";
import { Block, Layer, ROW_MASK, Work } from "./records";
import { sortIntoBuckets } from "./sort";
import { copyExact } from "./vectors";

/** Runs the whole layer. */
export function runScatter(layer: Layer, work: Work): void {
  const block = changetype<Block>(layer.blocks);
  const currents = work.lists;
  const potentials = currents + layer.outHeight * layer.mapRowBytes + 64;
  resetMap(layer, work, currents, potentials);
  const sources = layer.inHeight * layer.inWidth * layer.inChannels;
  sortIntoBuckets(work, layer.source, sources, layer.levelMax, layer.bucketBytes);
  runLevels(layer, work, block, currents, potentials);
  readOut(layer, work, block, potentials);
}

@inline
function resetMap(layer: Layer, work: Work, currents: usize, potentials: usize): void {
  const bytes = layer.outHeight * layer.mapRowBytes;
  memory.fill(currents, 0, bytes + 64);
  memory.fill(work.blank, 0, layer.outHeight * layer.outWidth * layer.channels + 16);
  const room = i16x8.splat(<i16> roomOf(layer));
  for (let at = 0; at < bytes; at += 16) v128.store(potentials + at, room);
}

/** Level after level: what has gathered advances to it, then its events come. Only the rectangle that anything reached advances. */
@inline
function runLevels(layer: Layer, work: Work, block: Block, currents: usize, potentials: usize): void {
  const rowBytes = layer.mapRowBytes;
  const firstByte = layer.mapMarginBytes;
  const endByte = firstByte + ((layer.outWidth * layer.channels) << 1);
  const reach = (layer.kernelX * layer.channels) << 1;
  let top = layer.outHeight, bottom = 0, left = endByte, right = firstByte;
  let now = 0;
  let synapses: u64 = 0;
  let bucket = work.unsorted + layer.levelMax * layer.bucketBytes;
  for (let level = layer.levelMax; level > 0; level--, bucket -= layer.bucketBytes) {
    const end = <usize> load<u32>(work.histogram + (level << 2));
    const bias = <usize> load<u32>(block.rises + (level << 2));
    if (end == bucket && bias == 0) continue;
    if (now != 0) advanceMap(layer, work, currents, potentials, now, now - level, top, bottom, left, right);
    now = level;
    for (let event = bucket; event < end; event += 4) {
      const element = load<u32>(event) & ROW_MASK;
      const place = layer.places + (element << 4);
      const row: i32 = load<u16>(place, 8);
      const rows: i32 = load<u16>(place, 10);
      const column = load<i32>(place, 12);
      synapses += load<u32>(layer.fanOut + (element << 2));
      top = min(top, row);
      bottom = max(bottom, row + rows);
      left = min(left, column);
      right = max(right, column + reach);
      addRows(currents + load<u32>(place), rowBytes, layer.weights + load<u32>(place, 4), rows, layer.quads);
    }
    left = max(left, firstByte);
    right = min(right, endByte);
    if (bias != 0) {
      addBias(layer, currents + firstByte, bias, endByte - firstByte);
      top = 0;
      bottom = layer.outHeight;
      left = firstByte;
      right = endByte;
    }
  }
  if (now != 0) advanceMap(layer, work, currents, potentials, now, now, top, bottom, left, right);
  work.events += <f64> synapses;
}

/** Adds what the biases of one level bring to every row of currents. */
function addBias(layer: Layer, currents: usize, bias: usize, bytes: i32): void {
  for (let y = 0; y < layer.outHeight; y++, currents += layer.mapRowBytes) {
    for (let at = 0; at < bytes; at += 16) {
      v128.store(currents + at, i16x8.add(v128.load(currents + at), v128.load(bias + at)));
    }
  }
}

/** Adds an event's weights to `rows` rows of currents. */
@inline
function addRows(to: usize, rowBytes: i32, from: usize, rows: i32, quads: i32): void {
  if (quads == 1) {
    for (; rows > 0; rows--, to += rowBytes, from += 64) addQuad(to, from);
  } else {
    for (; rows > 0; rows--, to += rowBytes, from += 128) {
      addQuad(to, from);
      addQuad(to + 64, from + 64);
    }
  }
}

/** Adds four vectors. */
@inline
function addQuad(to: usize, from: usize): void {
  const a = i16x8.add(v128.load(to), v128.load(from));
  const b = i16x8.add(v128.load(to, 16), v128.load(from, 16));
  const c = i16x8.add(v128.load(to, 32), v128.load(from, 32));
  const d = i16x8.add(v128.load(to, 48), v128.load(from, 48));
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

/** Advances the potentials of a rectangle by `left` steps from level `now` on. */
function advanceMap(
  layer: Layer,
  work: Work,
  currents: usize,
  potentials: usize,
  now: i32,
  left: i32,
  top: i32,
  bottom: i32,
  from: i32,
  to: i32,
): void {
  const distance = potentials - currents;
  const ceiling = i16x8.splat(32767);
  do {
    const few = min(left, layer.stepMax);
    const steps = i16x8.splat(<i16> few);
    for (let y = top; y < bottom; y++) {
      let at = currents + y * layer.mapRowBytes + from;
      const end = currents + y * layer.mapRowBytes + to;
      for (; at + 64 <= end; at += 64) {
        const v = at + distance;
        const a = i16x8.add_sat_s(v128.load(v), i16x8.mul(v128.load(at), steps));
        const b = i16x8.add_sat_s(v128.load(v, 16), i16x8.mul(v128.load(at, 16), steps));
        const c = i16x8.add_sat_s(v128.load(v, 32), i16x8.mul(v128.load(at, 32), steps));
        const d = i16x8.add_sat_s(v128.load(v, 48), i16x8.mul(v128.load(at, 48), steps));
        const most = i16x8.max_s(i16x8.max_s(a, b), i16x8.max_s(c, d));
        if (v128.any_true(i16x8.eq(most, ceiling))) {
          cross(layer, work, currents, at, distance, a, now);
          cross(layer, work, currents, at + 16, distance, b, now);
          cross(layer, work, currents, at + 32, distance, c, now);
          cross(layer, work, currents, at + 48, distance, d, now);
        } else {
          v128.store(v, a);
          v128.store(v, b, 16);
          v128.store(v, c, 32);
          v128.store(v, d, 48);
        }
      }
      for (; at < end; at += 16) {
        const a = i16x8.add_sat_s(v128.load(at + distance), i16x8.mul(v128.load(at), steps));
        if (v128.any_true(i16x8.eq(a, ceiling))) cross(layer, work, currents, at, distance, a, now);
        else v128.store(at + distance, a);
      }
    }
    now -= few;
    left -= few;
  } while (left > 0);
}

/** Stores eight potentials, some of which reached the threshold on the way from level `now`: notes the levels of those. */
function cross(layer: Layer, work: Work, currents: usize, at: usize, distance: usize, after: v128, now: i32): void {
  const before = work.result;
  v128.store(before, v128.load(at + distance));
  v128.store(at + distance, after);
  let mask = i16x8.bitmask(i16x8.eq(after, i16x8.splat(32767)));
  if (mask == 0) return;
  const bytes = <i32> (at - currents);
  const y = bytes / layer.mapRowBytes;
  const first = (bytes - y * layer.mapRowBytes - layer.mapMarginBytes) >> 1;
  const rowLanes = layer.outWidth * layer.channels;
  for (; mask != 0; mask &= mask - 1) {
    const lane = ctz(mask);
    // It is over for this neuron, now or since earlier.
    store<i16>(at + distance + (lane << 1), -32768);
    const place = first + lane;
    if (<u32> place >= <u32> rowLanes) continue;
    const note = work.blank + y * rowLanes + place;
    if (load<u8>(note) != 0) continue;
    const current = <i32> load<i16>(at + (lane << 1));
    const missing = 32767 - <i32> load<i16>(before + (lane << 1));
    const steps = (missing + current - 1) / current;
    store<u8>(note, <u8> earlyLevel(layer, work, now - steps + 1));
  }
}

/** Potentials to levels, and their pool. */
@inline
function readOut(layer: Layer, work: Work, block: Block, potentials: usize): void {
  const room = i16x8.splat(<i16> roomOf(layer));
  const rowLanes = layer.outWidth * layer.channels;
  const zero = i16x8.splat(0);
  const channels = layer.channels;
  for (let y = 0; y < layer.outHeight; y++) {
    const from = potentials + y * layer.mapRowBytes + layer.mapMarginBytes;
    const notes = work.blank + y * rowLanes;
    const to = work.tile + (y & 1) * (rowLanes + 32);
    for (let at = 0; at < rowLanes; at += 16) {
      const low = levelsOf(layer, v128.load(from + (at << 1)), room, v128.load(block.finish + (at << 1)));
      const high = levelsOf(layer, v128.load(from + (at << 1), 16), room, v128.load(block.finish + (at << 1), 16));
      const early = v128.load(notes + at);
      const late = i8x16.eq(early, zero);
      const rest = rowLanes - at;
      const valid = rest < 16 ? (1 << rest) - 1 : 0xffff;
      work.rectified += popcnt(i8x16.bitmask(v128.and(i8x16.narrow_i16x8_s(low, high), late)) & valid);
      v128.store(to + at, v128.or(early, v128.and(i8x16.narrow_i16x8_u(low, high), late)));
    }
    if (layer.pooled == 0 || layer.keep != 0) copyExact(layer.target + y * rowLanes, to, rowLanes);
    if (layer.pooled != 0 && (y & 1) != 0) {
      const above = work.tile;
      const half = layer.outWidth >> 1;
      let pooled = layer.pooled + (y >> 1) * half * channels;
      for (let x = 0; x < half; x++, pooled += channels) {
        const place = 2 * x * channels;
        for (let at = 0; at < channels; at += 16) {
          const upper = i8x16.max_u(v128.load(above + place + at), v128.load(above + place + channels + at));
          const lower = i8x16.max_u(v128.load(to + place + at), v128.load(to + place + channels + at));
          v128.store(pooled + at, i8x16.max_u(upper, lower));
        }
      }
    }
  }
}
