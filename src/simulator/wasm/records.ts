/**
 * Records that the TypeScript side lays out in memory (`fast/records.ts` has the same fields in the same order).
 *
 * An event is a u32: level in the top byte, row of the weight table below. Event lists are in falling order of level, i.e.
 * in order of time, and end with a word of level 0.
 */

/** Lanes that are walked together: 1 to 6 groups of 16 neurons. */
@unmanaged
export class Block {
  groups: i32;
  /** 1: weights of 8 bits, in pairs; 2: of 16. */
  weightBytes: i32;
  /** Bytes of a table row. */
  rowBytes: i32;
  /** Weights: `[row][lane]` i16, or in pairs: see `pairs.ts`. */
  table: usize;
  /**
   * Potential before the first event, i16 a lane: room below the limit, plus a positive bias that `rises` leaves out. Behind it
   * 192 bytes of zeros, the sums that a walk begins with. Short walks: currents of 0 in 96 bytes, then the potentials.
   */
  start: usize;
  /**
   * What the biases have brought once a level is the next to come, `[level][lane]` i16; 0: they are small, so `start` has them as
   * if they had all come before everything. Scatter: u32 address a level of what the biases of that level add to a row's currents,
   * i16 a lane; 0: nothing.
   */
  rises: usize;
  /** What is added before rounding down, i16 a lane: a half, plus a negative bias. */
  finish: usize;
  /** The same two as i32, without room. */
  start32: usize;
  finish32: usize;
  /** Bias level, i32 a lane. */
  biasLevels: usize;
  /** First lane of the tile that this block holds, and how many are neurons. */
  firstLane: i32;
  lanes: i32;
}

/** What a layer of neurons needs, whatever gathers its events. */
@unmanaged
export class Layer {
  /** u8 levels, height-width-channel. */
  source: usize;
  /** Levels out, height-width-channel: u8, or i16 where they may be negative. */
  target: usize;
  /** u8 levels after a 2x2 pool by maximum that is done on the way; 0: none. */
  pooled: usize;
  /** Not 0: the target has to be written although `pooled` is too. */
  keep: i32;
  blocks: usize;
  blockCount: i32;
  inHeight: i32;
  inWidth: i32;
  /** Channels that a neuron sees. */
  inChannels: i32;
  /** Bytes from pixel to pixel. */
  sourceStride: i32;
  outHeight: i32;
  outWidth: i32;
  /** Output channels that share their input channels. */
  channels: i32;
  /** Elements from pixel to pixel. */
  targetStride: i32;
  kernelY: i32;
  kernelX: i32;
  strideY: i32;
  strideX: i32;
  padTop: i32;
  padLeft: i32;
  dilationY: i32;
  dilationX: i32;
  /** Positions that are walked together. */
  tileHeight: i32;
  tileWidth: i32;
  /** log2 of the integer that stands for weight 1. */
  shift: i32;
  threshold: i32;
  /** Levels of one unit, and of two. */
  unit: i32;
  levelMax: i32;
  /** Not 0: no rectification, levels may be negative. */
  signed: i32;
  /** Not 0: lanes of 32 bits from the start. */
  wide: i32;
  /** Not 0: a potential or a current can leave 16 bits, or a bias is large: walks have to be watched. */
  watched: i32;
  /** Most steps by which a current may be multiplied in 16 bits. */
  stepMax: i32;
  /** A current beyond this may leave 16 bits within `CHUNK` events; 65535: none can. */
  currentMax: i32;
  /** A potential at which a neuron has crossed, or may have; what is above leaves room for the line that led there. */
  limit: i32;
  /** Not 0: lists are short, and walked event by event. */
  short: i32;
  /** Tile gather and scatter: for each source element where its events go. */
  places: usize;
  /** Of each source element: synapses, u32 (scatter), or positions that see it, u8 (tile gather). Of each pixel: windows, u32. */
  fanOut: usize;
  /** Tile gather: cursor of every tile at its list's start, u32. */
  cursors: usize;
  /** Tile gather: every element's events go to three tiles side by side (3), to at most two by two (2), or anywhere (0). */
  reach: i32;
  /** Tile gather and scatter: bytes of the events of one level. */
  bucketBytes: i32;
  /** Tile gather: tiles beyond each edge that only take what falls there; tiles in a row with them; bytes of a list. */
  marginY: i32;
  marginX: i32;
  rowTiles: i32;
  listBytes: i32;
  /** Tile gather: what a step to the next tile takes off a row number. */
  rowStepX: i32;
  rowStepY: i32;
  /** Tile gather: tile rows that are done at once. */
  bandRows: i32;
  /**
   * Scatter: bytes of a row of the map, bytes in it before the first neuron, and vectors by four of a row of an event's weights.
   * Points: bytes of a source row with its padding.
   */
  mapRowBytes: i32;
  mapMarginBytes: i32;
  quads: i32;
  /** Merged gather: positions that are done at once. */
  chunk: i32;
  /** Merged gather: not 0 when every position sees exactly one pixel. */
  single: i32;
  /** Scatter: weights of each input channel. Taps: weights `[tap][lane]` i16, and their positive and negative parts. */
  weights: usize;
  weightsUp: usize;
  weightsDown: usize;
  /** Taps: channels rounded up to eight; sources of each tap, or 0 where all read `source`. */
  lanesPerTap: i32;
  sources: usize;
  taps: i32;
  /** Taps: not 0 for an add of two maps whose weights are positive. */
  positive: i32;
  /**
   * Taps: a row of zeros, where a 3x3 kernel may be run eight channels after eight channels; 0: not. Merged gather: a list without
   * events, and its counts.
   */
  zeros: usize;
  /** Taps: with `zeros`, what `nine.ts` needs of each channel. */
  byChannel: usize;
  /** Depthwise: what dot products of bytes need, 16 vectors for eight channels (`fast/plan_taps.ts`). */
  dots: usize;
  /** Average pools: divisor counts padding too. */
  countPadding: i32;
}

/** Scratch memory of one thread, and what it counts. */
@unmanaged
export class Work {
  events: f64;
  early: i32;
  rectified: i32;
  saturated: i32;
  /** What a tile counts to which no event comes. */
  blankEarly: i32;
  blankRectified: i32;
  blankSaturated: i32;
  /** u32 a level. */
  histogram: usize;
  /** What a walk leaves: potentials, notes, a guard, and what it needs to go on. */
  result: usize;
  /** Levels of a tile, and of one to which no event comes. Scatter: levels of two rows, and notes. */
  tile: usize;
  blank: usize;
  /** Free for lists. */
  lists: usize;
  /** Events or keys that are not sorted yet, and parts that are not merged. */
  unsorted: usize;
  /** Cursors of tiles, u32; or where lists begin and end, two u32 each. */
  cursors: usize;
  /** Merged gather: lists of pixels and columns, and how many bytes of events each has of each level. */
  pixels: usize;
  starts: usize;
}

/** Bits of an event that are its row. */
export const ROW_MASK: u32 = 0xffffff;
/** Where in `Work.result` a walk in pairs keeps what, after its potentials: see `walk_groups.ts` and `crossing.ts`. */
export const NOTES: usize = 192;
export const GUARD: usize = 288;
/** Sums, and 96 bytes further those of the upper halves. */
export const SUMS: usize = 320;
export const HIGHS: usize = SUMS + 96;
/** Currents of a group, while its neurons are looked at. */
export const CURRENTS: usize = 512;
/** Notes that are no level: see `crossing.ts`. */
export const SETTLED: i32 = 255;
export const UNSURE: i32 = 254;
/** Events between two looks at the guard of the currents. */
export const CHUNK: usize = 128;
