/** Tables for `wasm/merge.ts`: a row of weights for each tap and channel, lists for a chunk of positions. */

import type { WeightBits } from "../../model/quantise.ts";
import type { Timing } from "../../ttfs/timing.ts";
import { commonRecord, type GatherPlan, placeBlocks, positionTable, TYPICAL_DENSITY } from "./blocks.ts";
import type { Convolution } from "./convolution.ts";
import type { Arena } from "./records.ts";

/**
 * Lists of a chunk of positions take at most this much, and a third of it at the usual density, so that they stay in cache beside
 * the weights. A chunk fetches all weights of a layer, so there should be few.
 */
const CHUNK_BYTES = 1024 * 1024;
/** Instructions for an event, beside those for each vector. */
const EVENT_WORK = 10;
/** Sources whose lists are so short that most levels have one event or two. */
const SHORT_ROWS = 96;
/** Most channels of `wasm/sort_eight.ts`, which needs 16 bytes for each in place of 4. */
const EIGHT_MAX = 96;
/** Bytes of `PART` in `wasm/merge_parts.ts`. */
const PART_BYTES = 12;

/** Tables for `runMerged`; `groups`: layers of this shape side by side in the same maps. */
export function planMerged(
  arena: Arena,
  timing: Timing,
  layer: Convolution,
  options: { readonly groups: number; readonly weightBits: WeightBits },
): GatherPlan & { readonly work: number } {
  const { input, output, kernel } = layer;
  const inputs = input[0];
  const taps = kernel[0] * kernel[1];
  const area = output[1] * output[2];
  const rows = taps * inputs;
  const table = positionTable(layer, options.weightBits);
  const blocks = placeBlocks(arena, timing, layer, { ...table, short: rows <= SHORT_ROWS });
  const listBytes = (rows + 16) * 4;
  const chunk = Math.max(1, Math.min(area, Math.floor(CHUNK_BYTES / listBytes)));
  const single = taps === 1 && layer.padding.every((pixels) => pixels === 0);
  const pixels = single ? 0 : input[1] * input[2];
  const columns = single ? 0 : input[2];
  const levelBytes = Math.ceil((timing.levelMax + 1) / 4) * 16;
  const vectors = Math.ceil(output[0] / 8);
  return {
    work: area * (60 + rows * TYPICAL_DENSITY * (EVENT_WORK + 1.5 * vectors)),
    record: {
      ...commonRecord(timing, layer, options.groups),
      ...blocks,
      chunk,
      single: single ? 1 : 0,
      zeros: single ? 0 : arena.place(new Uint8Array(levelBytes)),
    },
    sizes: {
      lists: chunk * listBytes + 256,
      unsorted: Math.max(inputs * (inputs <= EIGHT_MAX ? 16 : 4), (Math.max(...kernel) + 2) * PART_BYTES) + 64,
      cursors: chunk * 8,
      pixels: pixels * (inputs + 8) * 4 + columns * (kernel[0] * inputs + 16) * 4,
      starts: (pixels + columns + 1) * levelBytes,
    },
    note: `merged lists${blocks.short ? ", event by event" : ""}`,
  };
}
