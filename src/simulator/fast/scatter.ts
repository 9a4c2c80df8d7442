/** Tables for `wasm/scatter.ts`: where an event's weights go, and weights in the order in which they get there. */

import type { Timing } from "../../ttfs/timing.ts";
import { LANE_MAX } from "./arithmetic.ts";
import { commonRecord, type GatherPlan, TYPICAL_DENSITY } from "./blocks.ts";
import { type Convolution, reachOnAxis } from "./convolution.ts";
import { type Arena, BLOCK_FIELDS } from "./records.ts";

/** Lanes that an event adds at once. */
const QUAD = 32;
/** Lanes of one row of an event's weights: beyond, tiles with weights in pairs are faster. */
const RUN_MAX = 2 * QUAD;
/** Currents and potentials together should fit the first-level cache. */
const MAPS_BYTES_MAX = 48 * 1024;
/** Levels that have events where costs are compared. */
const LEVELS_TYPICAL = 20;

/**
 * Whether a layer is best run so: few channels, a small map, nothing that could leave 16 bits, and events enough at each level
 * that advancing the whole map, which every level costs, is the smaller part. Measured against tiles on layers of 6 to 24
 * channels: 0.55 to 0.98 of their time at a density of 0.3 and above, up to 1.2 times at 0.06.
 */
export function scatterPays(layer: Convolution): boolean {
  const { input, output, kernel, stride, dilation, wide, bounds, integers } = layer;
  const [channels, height, width] = output;
  const fits = !wide && !bounds.guarded &&
    kernel[1] * channels <= RUN_MAX && height * rowLanesOf(layer) * 4 <= MAPS_BYTES_MAX;
  if (!fits || !integers.rectify || [...stride, ...dilation].some((step) => step !== 1)) return false;
  const eventsOfLevel = input[0] * input[1] * input[2] * TYPICAL_DENSITY / LEVELS_TYPICAL;
  const rowsOfEvent = kernel[0] * Math.min(1, height / input[1]);
  return eventsOfLevel * rowsOfEvent * runOf(layer) >= height * width * channels;
}

/** Tables for `runScatter`. */
export function planScatter(arena: Arena, timing: Timing, layer: Convolution): GatherPlan {
  const { input, output, kernel, padding, integers } = layer;
  const [inputs, height, width] = input;
  const [channels, outHeight, outWidth] = output;
  const one = 2 ** integers.shift;
  const run = runOf(layer);
  const rowBytes = rowLanesOf(layer) * 2;
  // Of each source: byte of the currents, byte of the weights, first row and number of rows, byte in a row.
  const places = new Uint32Array(height * width * inputs * 4);
  const fanOut = new Uint32Array(height * width * inputs);
  const reach = [reachOnAxis(layer, 0), reachOnAxis(layer, 1)];
  for (let y = 0; y < height; y++) {
    const first = Math.max(0, y + padding[0] - kernel[0] + 1);
    const last = Math.min(outHeight - 1, y + padding[0]);
    for (let x = 0; x < width; x++) {
      for (let i = 0; i < inputs; i++) {
        const element = (y * width + x) * inputs + i;
        const column = (x + padding[1]) * channels * 2;
        const skipped = kernel[0] - 1 - (y + padding[0] - first);
        places[element * 4] = first * rowBytes + column;
        places[element * 4 + 1] = (i * kernel[0] + skipped) * run * 2;
        places[element * 4 + 2] = first | (Math.max(0, last - first + 1) << 16);
        places[element * 4 + 3] = column;
        fanOut[element] = reach[0][y] * reach[1][x] * channels;
      }
    }
  }
  const lanes = outWidth * channels;
  const size = lanes + 16;
  const biasOf = (lane: number) => (lane < lanes ? integers.biasLevels[lane % channels] : 0);
  const rises = Uint32Array.from({ length: timing.levelMax + 1 }, (_, level) => {
    if (level === 0 || !integers.biasLevels.includes(level)) return 0;
    return arena.place(Int16Array.from({ length: size }, (_, lane) => (biasOf(lane) === level ? one : 0)));
  });
  const finish = Int16Array.from(
    { length: size },
    (_, lane) => Math.max(-LANE_MAX - 1, Math.min(0, biasOf(lane)) * one + one / 2),
  );
  const block = { rises: arena.place(rises), finish: arena.place(finish) };
  const bucketBytes = height * width * inputs * 4 + 64;
  return {
    record: {
      ...commonRecord(timing, layer, 1),
      blocks: arena.placeRecords(BLOCK_FIELDS, [block]),
      blockCount: 1,
      // Its potentials before and after a level are both kept.
      limit: LANE_MAX,
      places: arena.place(places),
      fanOut: arena.place(fanOut),
      weights: arena.place(turnedWeights(layer, run)),
      bucketBytes,
      mapRowBytes: rowBytes,
      mapMarginBytes: (kernel[1] - 1) * channels * 2,
      quads: run / QUAD,
    },
    sizes: {
      tile: 2 * lanes + 128,
      blank: outHeight * lanes + 64,
      lists: 2 * outHeight * rowBytes + 512,
      unsorted: bucketBytes * (timing.levelMax + 1),
    },
    note: "scattered over the map",
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Weights `[input][kernel row][kernel column][output]`, rows and columns from last to first, each row `run` lanes. */
function turnedWeights(
  { input: [inputs], output: [channels], kernel, integers }: Convolution,
  run: number,
): Int16Array {
  const [rows, columns] = kernel;
  const turned = new Int16Array(inputs * rows * run);
  for (let channel = 0, from = 0; channel < channels; channel++) {
    for (let i = 0; i < inputs; i++) {
      for (let ky = rows - 1; ky >= 0; ky--) {
        const row = (i * rows + ky) * run + channel;
        for (let kx = columns - 1; kx >= 0; kx--) turned[row + kx * channels] = integers.weights[from++];
      }
    }
  }
  return turned;
}

/** Lanes of one row of an event's weights, by the quad. */
function runOf({ kernel, output }: Convolution): number {
  return Math.ceil(kernel[1] * output[0] / QUAD) * QUAD;
}

/** Lanes of a row of the map: those of its neurons, what falls beyond the edges, and the end of an event's last quad. */
function rowLanesOf({ input, output, kernel, padding }: Convolution): number {
  const columns = Math.max(input[2] + padding[1], output[2]) + kernel[1] - 1;
  return Math.ceil((columns * output[0] + QUAD) / 8) * 8;
}
