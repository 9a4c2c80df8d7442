/** Chooses a kernel for each layer of a network and lays out what it needs. */

import { assert } from "../core/assert.ts";
import { inputShapeOf, isSpiking, type Layer, type Network } from "../core/network.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { quantise, type WeightBits } from "../model/quantise.ts";
import { biasSpike, createTiming, type Timing } from "../ttfs/timing.ts";
import { boundsOf, type IntegerLayer, laneConstants } from "./fast_arithmetic.ts";
import { chooseTile, type Convolution, planMerged, planTiles, reachOnAxis, ROWS_MAX } from "./fast_gather.ts";
import {
  type Arena,
  BLOCK_FIELDS,
  largerSizes,
  LAYER_FIELDS,
  type LayerRecord,
  leastSizes,
  type WorkSizes,
} from "./fast_records.ts";

/** Kernels of the WebAssembly module that take a layer. */
export type StepKind = "tiles" | "merged" | "taps" | "max_pool" | "average_pool" | "count_events";

/** One call into the module. */
export interface Step {
  readonly kind: StepKind;
  /** Address of the layer's record. */
  readonly record: number;
  /** What can be divided: tile rows, positions, rows or pixels. */
  readonly amount: number;
  /** Blocks of a merged gather; 0 for the others. */
  readonly blocks: number;
}

/** Where a map's levels are. */
export interface MapPlace {
  /** u8, height-width-channel. */
  readonly bytes: number;
  /** i16, height-width-channel, when the layer is not rectified; else 0. */
  readonly shorts: number;
  /** Shape whose pixels are in memory: a flattened map keeps that of its source. */
  readonly layout: Shape;
}

/** How a layer is run. */
export interface LayerPlan {
  readonly steps: readonly Step[];
  /** True: nothing to run, the map is its source's. */
  readonly alias: boolean;
  /** True: by the general kernel always. */
  readonly general: boolean;
  /** A pool: layer whose steps fill this map on the way; −1: none. */
  readonly fusedBy: number;
  /** True: the map is not written, as only a pool that is done on the way reads it. */
  readonly unwritten: boolean;
  readonly map: MapPlace;
  /** Kernel and lane width, for people. */
  readonly note: string;
}

/** A whole network. */
export interface Plan {
  readonly timing: Timing;
  readonly input: MapPlace;
  readonly layers: readonly LayerPlan[];
  readonly sizes: WorkSizes;
}

/** What the caller may ask for. */
export interface PlanOptions {
  readonly weightBits: WeightBits;
  /** True: every layer's levels can be read afterwards; costs a copy where a pool is done on the way. */
  readonly keepLevels: boolean;
}

const PLAIN = { steps: [], alias: false, general: false, fusedBy: -1, unwritten: false } as const;
/** Largest level that a byte holds. */
const BYTE_MAX = 255;

/** Lays out `network` in `arena`. Pure otherwise: the same network gives the same plan. */
export function planNetwork(network: Network, arena: Arena, options: PlanOptions): Plan {
  const planner = new Planner(network, arena, options);
  return planner.plan();
}

// ---------------------------------------------------------------------------------------------------------------------

class Planner {
  readonly #network: Network;
  readonly #arena: Arena;
  readonly #options: PlanOptions;
  readonly #timing: Timing;
  readonly #grids;
  readonly #input: MapPlace;
  readonly #layers: LayerPlan[] = [];
  #sizes = leastSizes();

  constructor(network: Network, arena: Arena, options: PlanOptions) {
    this.#network = network;
    this.#arena = arena;
    this.#options = options;
    this.#timing = createTiming(network.convention, network.tMax);
    this.#grids = quantise(network, options.weightBits).grids;
    this.#input = this.#newMap(network.input.shape, false);
  }

  plan(): Plan {
    // A layer's map is placed before the layers that may write into it on the way.
    const maps = this.#network.layers.map((layer) => this.#newMap(layer.shape, isSpiking(layer) && !layer.rectify));
    const pooledBy = new Map<number, number>();
    this.#network.layers.forEach((layer, index) => {
      this.#layers.push(this.#planLayer(layer, index, maps, pooledBy));
    });
    return { timing: this.#timing, input: this.#input, layers: this.#layers, sizes: this.#sizes };
  }

  #newMap(shape: Shape, signed: boolean): MapPlace {
    const size = sizeOf(shape);
    return { bytes: this.#arena.reserve(size), shorts: signed ? this.#arena.reserve(size * 2) : 0, layout: shape };
  }

  #planLayer(layer: Layer, index: number, maps: readonly MapPlace[], pooledBy: Map<number, number>): LayerPlan {
    const map = maps[index];
    const general = (why: string): LayerPlan => ({ ...PLAIN, general: true, map, note: `reference kernel: ${why}` });
    if (this.#timing.strict) return general("quartz-loihi convention");
    if (this.#timing.levelMax > BYTE_MAX) return general(`t_max ${this.#network.tMax}`);
    switch (layer.kind) {
      case "flatten":
        return this.#planFlatten(layer, index) ?? general("flattened for a layer that is not dense");
      case "conv2d":
      case "dense":
        return this.#planWeighted(layer, index, maps, pooledBy) ?? general("weights off every usable grid");
      case "max_pool":
        return this.#planPool(layer, map, { kind: "max_pool", fusedBy: pooledBy.get(index) ?? -1 });
      case "avg_pool":
      case "global_avg_pool":
        return this.#planPool(layer, map, { kind: "average_pool", fusedBy: -1 });
      case "add":
        return this.#planAdd(layer, index, map) ?? general("weights off every usable grid");
    }
  }

  #mapOf(index: number): MapPlace {
    return index < 0 ? this.#input : this.#layers[index].map;
  }

  #consumersOf(index: number): Layer[] {
    return this.#network.layers.filter((layer) => layer.inputs.includes(index));
  }

  #step(kind: StepKind, record: LayerRecord, amount: number): Step {
    const address = this.#arena.placeRecords(LAYER_FIELDS, [record]);
    return { kind, record: address, amount, blocks: kind === "merged" ? record.blockCount! : 0 };
  }

  /** A flattened map stays where it is when only dense layers read it: their weights are put in its order instead. */
  #planFlatten(layer: Layer, index: number): LayerPlan | null {
    const source = this.#mapOf(layer.inputs[0]);
    const [channels, height, width] = source.layout;
    const sameOrder = channels === 1 || height * width === 1;
    if (!sameOrder && this.#consumersOf(index).some((consumer) => consumer.kind !== "dense")) return null;
    return { ...PLAIN, alias: true, map: source, note: "nothing to do" };
  }

  #planWeighted(
    layer: Extract<Layer, { kind: "conv2d" | "dense" }>,
    index: number,
    maps: readonly MapPlace[],
    pooledBy: Map<number, number>,
  ): LayerPlan | null {
    const source = this.#mapOf(layer.inputs[0]);
    const map = maps[index];
    const groups = layer.kind === "dense" ? 1 : layer.groups;
    const whole = this.#convolution(layer, index, source);
    if (!whole.bounds.fits32) return null;
    if (layer.kind === "conv2d" && groups > 1 && groups === layer.shape[0] && groups === whole.input[0] * groups) {
      return this.#planDepthwise(layer, whole, source, map);
    }
    const lanes = whole.wide ? "32-bit lanes" : whole.bounds.guarded ? "16-bit lanes, guarded" : "16-bit lanes";
    const target = map.shorts || map.bytes;
    if (groups === 1) {
      const pool = this.#poolAfter(layer, index);
      const tile = chooseTile(whole, pool !== null);
      if (tile !== null) {
        const { record, sizes, note } = planTiles(this.#arena, this.#timing, whole, tile);
        this.#sizes = largerSizes(this.#sizes, sizes);
        const fused = pool !== null && tile[0] === 2 && tile[1] === 2;
        if (fused) pooledBy.set(pool, index);
        const pooled = fused ? maps[pool].bytes : 0;
        const keep = this.#options.keepLevels ? 1 : 0;
        const step = this.#step(
          "tiles",
          { ...record, source: source.bytes, target, pooled, keep },
          layer.shape[1] / tile[0],
        );
        const unwritten = fused && !this.#options.keepLevels;
        return { ...PLAIN, steps: [step], map, unwritten, note: `${note}${fused ? " and their pool" : ""}, ${lanes}` };
      }
    }
    const { weightBits } = this.#options;
    const steps: Step[] = [];
    let kernelNote = "";
    for (let group = 0; group < groups; group++) {
      const part = groups === 1 ? whole : this.#groupOf(whole, group, groups);
      if (part.input[0] * part.kernel[0] * part.kernel[1] >= ROWS_MAX) return null;
      const { record, sizes, note } = planMerged(this.#arena, this.#timing, part, { groups, weightBits });
      this.#sizes = largerSizes(this.#sizes, sizes);
      const offset = group * part.output[0] * (map.shorts ? 2 : 1);
      steps.push(
        this.#step(
          "merged",
          { ...record, source: source.bytes + group * part.input[0], target: target + offset },
          part.output[1] * part.output[2],
        ),
      );
      kernelNote = groups === 1 ? note : `${groups} groups, ${note}`;
    }
    return { ...PLAIN, steps, map, note: `${kernelNote}, ${lanes}` };
  }

  /** A layer's integers in the order of its source in memory. Input channels are those of one group. */
  #convolution(layer: Extract<Layer, { kind: "conv2d" | "dense" }>, index: number, source: MapPlace): Convolution {
    const grid = this.#grids[index];
    assert(grid !== null, "a weighted layer has a grid");
    const biasLevels = Int32Array.from(layer.bias, (bias) => biasSpike(this.#timing, bias).level);
    const neurons = layer.shape[0];
    const fanIn = grid.integers.length / neurons;
    const weights = layer.kind === "dense" ? reorder(grid.integers, neurons, source.layout) : grid.integers;
    const integers: IntegerLayer = {
      weights,
      neurons,
      fanIn,
      biasLevels,
      shift: grid.exponent,
      rectify: layer.rectify,
    };
    const bounds = boundsOf(this.#timing, integers);
    const geometry = layer.kind === "dense"
      ? {
        input: [fanIn, 1, 1] as const,
        kernel: [1, 1] as const,
        stride: [1, 1] as const,
        padding: [0, 0, 0, 0] as const,
        dilation: [1, 1] as const,
      }
      : {
        input: [inputShapeOf(this.#network, layer)[0] / layer.groups, ...this.#mapSize(layer)] as const,
        kernel: layer.kernel,
        stride: layer.stride,
        padding: layer.padding,
        dilation: layer.dilation,
      };
    const wide = this.#options.weightBits !== 8 || !bounds.fits16;
    return { integers, bounds, output: layer.shape, ...geometry, wide };
  }

  #mapSize(layer: Layer): readonly [number, number] {
    const shape = inputShapeOf(this.#network, layer);
    return [shape[1], shape[2]];
  }

  #groupOf(whole: Convolution, group: number, groups: number): Convolution {
    const { integers } = whole;
    const neurons = integers.neurons / groups;
    const first = group * neurons;
    return {
      ...whole,
      output: [neurons, whole.output[1], whole.output[2]],
      integers: {
        ...integers,
        neurons,
        weights: integers.weights.subarray(first * integers.fanIn, (first + neurons) * integers.fanIn),
        biasLevels: integers.biasLevels.subarray(first, first + neurons),
      },
    };
  }

  /** Index of a 2x2 pool by maximum that alone reads this layer and covers it exactly; null: none. */
  #poolAfter(layer: Extract<Layer, { kind: "conv2d" | "dense" }>, index: number): number | null {
    const consumers = this.#consumersOf(index);
    if (consumers.length !== 1 || !layer.rectify || index === this.#network.layers.length - 1) return null;
    const [pool] = consumers;
    if (pool.kind !== "max_pool" || layer.shape[1] % 2 !== 0 || layer.shape[2] % 2 !== 0) return null;
    const numbers = [...pool.kernel, ...pool.stride, ...pool.padding].join();
    return numbers === "2,2,2,2,0,0,0,0" ? this.#network.layers.indexOf(pool) : null;
  }

  #planDepthwise(
    layer: Extract<Layer, { kind: "conv2d" }>,
    whole: Convolution,
    source: MapPlace,
    map: MapPlace,
  ): LayerPlan {
    const channels = layer.shape[0];
    const taps = layer.kernel[0] * layer.kernel[1];
    const weightOf = (tap: number, channel: number) => whole.integers.weights[channel * taps + tap];
    const record = this.#tapsRecord(whole, { channels, taps, weightOf, map });
    const geometry = {
      ...this.#slidingRecord(inputShapeOf(this.#network, layer), layer),
      source: source.bytes,
      sourceStride: channels,
      dilationY: layer.dilation[0],
      dilationX: layer.dilation[1],
    };
    const fanOut = this.#placeReach({ ...whole, input: inputShapeOf(this.#network, layer) });
    const shape = inputShapeOf(this.#network, layer);
    return {
      ...PLAIN,
      steps: [
        this.#step("taps", { ...record, ...geometry }, layer.shape[1]),
        this.#step(
          "count_events",
          { source: source.bytes, sourceStride: channels, channels, fanOut },
          shape[1] * shape[2],
        ),
      ],
      map,
      note: whole.wide ? "every neuron walked, 32 bits" : "closed form and bound, 16-bit lanes",
    };
  }

  #planAdd(layer: Extract<Layer, { kind: "add" }>, index: number, map: MapPlace): LayerPlan | null {
    const grid = this.#grids[index];
    assert(grid !== null, "an add has a grid");
    const [channels, height, width] = layer.shape;
    const sources = layer.inputs.map((input) => this.#mapOf(input));
    // A flattened map keeps its source's order; two of them need not have the same.
    if (sources.some((source) => source.layout.join() !== layer.shape.join())) return null;
    const integers: IntegerLayer = {
      weights: grid.integers,
      neurons: 1,
      fanIn: layer.inputs.length,
      biasLevels: new Int32Array(1),
      shift: grid.exponent,
      rectify: layer.rectify,
    };
    const bounds = boundsOf(this.#timing, integers);
    if (!bounds.fits32) return null;
    const wide = this.#options.weightBits !== 8 || !bounds.fits16;
    const record = this.#tapsRecord({ integers, bounds, wide }, {
      channels,
      taps: layer.inputs.length,
      weightOf: (tap) => grid.integers[tap],
      map,
    });
    const places = this.#arena.place(Uint32Array.from(sources, (source) => source.bytes));
    const ones = this.#arena.place(new Uint32Array(height * width).fill(1));
    const steps = [
      this.#step("taps", {
        ...record,
        sources: places,
        taps: layer.inputs.length,
        outHeight: height,
        outWidth: width,
        sourceStride: channels,
      }, height),
      ...sources.map((source) =>
        this.#step(
          "count_events",
          { source: source.bytes, sourceStride: channels, channels, fanOut: ones },
          height * width,
        )
      ),
    ];
    return { ...PLAIN, steps, map, note: wide ? "every neuron walked, 32 bits" : "closed form and bound" };
  }

  #tapsRecord(
    layer: Pick<Convolution, "integers" | "bounds" | "wide">,
    options: {
      readonly channels: number;
      readonly taps: number;
      readonly weightOf: (tap: number, channel: number) => number;
      readonly map: MapPlace;
    },
  ): LayerRecord {
    const { channels, taps, weightOf, map } = options;
    const { integers, bounds, wide } = layer;
    const lanes = Math.ceil(channels / 8) * 8;
    const weights = new Int16Array(taps * lanes);
    for (let tap = 0; tap < taps; tap++) {
      for (let channel = 0; channel < channels; channel++) weights[tap * lanes + channel] = weightOf(tap, channel);
    }
    const biases = Array.from({ length: channels }, (_, channel) => integers.biasLevels[channel] ?? 0);
    const constants = laneConstants(biases, lanes, { shift: integers.shift, room: 0 });
    const block = {
      start: this.#arena.place(constants.start),
      finish: this.#arena.place(constants.finish),
      biasLevels: this.#arena.place(constants.biasLevels),
    };
    this.#sizes = largerSizes(this.#sizes, { tile: lanes * 2 + 128, lists: taps * 8 + 64, unsorted: taps * 4 + 64 });
    return {
      target: map.shorts || map.bytes,
      targetStride: channels,
      channels,
      blocks: this.#arena.placeRecords(BLOCK_FIELDS, [block]),
      blockCount: 1,
      shift: integers.shift,
      threshold: bounds.threshold,
      unit: this.#timing.unit,
      levelMax: this.#timing.levelMax,
      signed: map.shorts ? 1 : 0,
      wide: wide ? 1 : 0,
      weights: this.#arena.place(weights),
      weightsUp: this.#arena.place(weights.map((weight) => Math.max(0, weight))),
      weightsDown: this.#arena.place(weights.map((weight) => Math.min(0, weight))),
      lanesPerTap: lanes,
    };
  }

  #slidingRecord(
    input: Shape,
    layer: Layer & {
      readonly kernel: readonly number[];
      readonly stride: readonly number[];
      readonly padding: readonly number[];
    },
  ): LayerRecord {
    return {
      inHeight: input[1],
      inWidth: input[2],
      outHeight: layer.shape[1],
      outWidth: layer.shape[2],
      kernelY: layer.kernel[0],
      kernelX: layer.kernel[1],
      strideY: layer.stride[0],
      strideX: layer.stride[1],
      padTop: layer.padding[0],
      padLeft: layer.padding[1],
    };
  }

  /** Number of windows that each pixel is in. */
  #placeReach(layer: Parameters<typeof reachOnAxis>[0]): number {
    const rows = reachOnAxis(layer, 0);
    const columns = reachOnAxis(layer, 1);
    return this.#arena.place(Uint32Array.from(Array.from(rows).flatMap((y) => Array.from(columns, (x) => x * y))));
  }

  #planPool(
    layer: Extract<Layer, { kind: "max_pool" | "avg_pool" | "global_avg_pool" }>,
    map: MapPlace,
    options: { readonly kind: "max_pool" | "average_pool"; readonly fusedBy: number },
  ): LayerPlan {
    const { kind, fusedBy } = options;
    const source = this.#mapOf(layer.inputs[0]);
    const shape = inputShapeOf(this.#network, layer);
    const sliding = layer.kind === "global_avg_pool"
      ? { ...layer, kernel: [shape[1], shape[2]], stride: [1, 1], padding: [0, 0, 0, 0] } as const
      : layer;
    const record: LayerRecord = {
      ...this.#slidingRecord(shape, sliding),
      source: source.bytes,
      target: map.shorts || map.bytes,
      sourceStride: shape[0],
      targetStride: shape[0],
      channels: shape[0],
      unit: this.#timing.unit,
      levelMax: this.#timing.levelMax,
      signed: map.shorts ? 1 : 0,
      countPadding: layer.kind === "avg_pool" && layer.countPadding ? 1 : 0,
    };
    this.#sizes = largerSizes(this.#sizes, { tile: shape[0] + 64 });
    const steps = [this.#step(kind, record, layer.shape[1])];
    if (kind === "average_pool") {
      const fanOut = this.#placeReach({
        input: shape,
        output: layer.shape,
        kernel: [sliding.kernel[0], sliding.kernel[1]],
        stride: [sliding.stride[0], sliding.stride[1]],
        padding: sliding.padding,
        dilation: [1, 1],
      });
      steps.push(
        this.#step(
          "count_events",
          { source: source.bytes, sourceStride: shape[0], channels: shape[0], fanOut },
          shape[1] * shape[2],
        ),
      );
    }
    const note = fusedBy >= 0 ? "with the layer before it" : kind === "max_pool" ? "bytes, 16 at once" : "sums";
    return { ...PLAIN, steps, map, fusedBy, note };
  }
}

/** Weights `[neuron, channel-height-width]` to `[neuron, height-width-channel]`. */
function reorder(weights: Int16Array, neurons: number, layout: Shape): Int16Array {
  const [channels, height, width] = layout;
  const area = height * width;
  const fanIn = channels * area;
  if (area === 1 || channels === 1) return weights;
  const result = new Int16Array(weights.length);
  for (let neuron = 0; neuron < neurons; neuron++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let place = 0; place < area; place++) {
        result[neuron * fanIn + place * channels + channel] = weights[neuron * fanIn + channel * area + place];
      }
    }
  }
  return result;
}
