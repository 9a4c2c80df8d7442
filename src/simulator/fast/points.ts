/** Tables for `wasm/points.ts`: which layers it takes, a row of weights for each source of a position. */

import type { WeightBits } from "../../model/quantise.ts";
import type { Timing } from "../../ttfs/timing.ts";
import { commonRecord, evenBlocks, type GatherPlan, placeBlocks, positionTable, shortLimit } from "./blocks.ts";
import type { Convolution } from "./convolution.ts";
import type { Arena } from "./records.ts";

/** Sources of a position, and those in a row of them, that are sorted. */
const ROWS_MAX = 32;
const COLUMNS_MAX = 16;
/** Channels that leave no more than half a group of lanes empty. */
const CHANNELS_MIN = 9;
/** Channels of which a tile holds a position or two. */
const CHANNELS_MANY = 64;
/** Colours of a camera, or a few frames; with more, tiles share more. */
const INPUTS_MAX = 4;
/** Positions whose lists are made together, and of scratch memory: bytes of a list, of where they are, of what is before the rows. */
const POSITIONS = 8;
const LIST_BYTES = 144;
const BOUNDS_BYTES = POSITIONS * 8;
const KEYS_BYTES = 640;

/**
 * Whether a layer is best run so: colours to more than a few channels, walked event by event; or, where tiles share little, as the
 * kernel leaps or channels are many, in any way. A single channel is mostly silent, and sorting takes its time whether there are
 * events or not. Measured against tiles on 12 to 64 channels: 0.6 to 1.0 of their time with all sources active, 0.95 to 1.05 at
 * a density of 0.3 and below; where they are left to tiles, 1.0 to 1.5.
 */
export function takesPoints(timing: Timing, layer: Convolution): boolean {
  const { input, output, kernel, stride, dilation } = layer;
  const columns = kernel[1] * input[0];
  const fits = input[0] > 1 && input[0] <= INPUTS_MAX && output[1] * output[2] > 1 && output[0] >= CHANNELS_MIN &&
    dilation.join() === "1,1" && columns <= COLUMNS_MAX && kernel[0] * columns <= ROWS_MAX;
  const sharesLittle = stride[0] * stride[1] > 1 || output[0] >= CHANNELS_MANY;
  return fits && (sharesLittle || shortLimit(timing, layer) !== null);
}

/** Tables for `runPoints`. */
export function planPoints(
  arena: Arena,
  timing: Timing,
  layer: Convolution,
  { weightBits }: { readonly weightBits: WeightBits },
): GatherPlan & { readonly work: number } {
  const { input, output, kernel, stride } = layer;
  const table = positionTable(layer, weightBits);
  const { lanes, rows } = table;
  const blocks = placeBlocks(arena, timing, layer, { ...table, short: true });
  const positions = Math.ceil(output[2] / POSITIONS) * POSITIONS;
  const rowBytes = Math.ceil((((positions - 1) * stride[1] + kernel[1]) * input[0] + 16) / 16) * 16;
  const groups = evenBlocks(lanes).reduce((sum, count) => sum + count, 0);
  return {
    record: { ...commonRecord(timing, layer, 1), ...blocks, mapRowBytes: rowBytes },
    sizes: {
      tile: lanes * 2 + 512,
      lists: POSITIONS * LIST_BYTES + 64,
      cursors: BOUNDS_BYTES,
      unsorted: KEYS_BYTES + kernel[0] * rowBytes + 64,
    },
    work: output[1] * output[2] * (250 + rows * (9 + 10 * groups)),
    note: `eight positions at once${blocks.short ? ", event by event" : ""}`,
  };
}
