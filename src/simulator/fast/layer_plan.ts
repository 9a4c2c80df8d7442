/** How a network is run: what each layer's steps are, and where the maps are. */

import type { Network } from "../../core/network.ts";
import type { Shape } from "../../core/shape.ts";
import type { WeightBits, WeightGrid } from "../../model/quantise.ts";
import type { Timing } from "../../ttfs/timing.ts";
import type { Arena, LayerRecord, WorkSizes } from "./records.ts";

/** Kernels of the WebAssembly module that take a layer. */
export const STEP_KINDS = [
  "tiles",
  "points",
  "scatter",
  "merged",
  "taps",
  "depthwise",
  "max_pool",
  "average_pool",
  "count_events",
] as const;

/** One of them. */
export type StepKind = typeof STEP_KINDS[number];

/** One call into the module. */
export interface Step {
  readonly kind: StepKind;
  /** Address of the layer's record. */
  readonly record: number;
  /** What can be divided: tile rows, positions, rows or pixels. */
  readonly amount: number;
  /** Blocks of a merged gather; 0 for the others. */
  readonly blocks: number;
  /** About how many instructions the whole step takes. */
  readonly work: number;
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
  /** True: the maps of all inputs beside each other, no neurons of its own. */
  readonly joins: boolean;
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
  /** Kernels that need relaxed SIMD can be used. */
  readonly relaxedSimd: boolean;
}

/** A layer with nothing special about it. */
export const PLAIN = { steps: [], alias: false, joins: false, general: false, fusedBy: -1, unwritten: false } as const;

/** What planning a layer needs to know of the rest, and what it leaves behind. */
export interface Planning {
  readonly network: Network;
  readonly arena: Arena;
  readonly timing: Timing;
  readonly options: PlanOptions;
  /** One a layer. */
  readonly grids: readonly (WeightGrid | null)[];
  /** Where each layer's own map is, planned already or not. */
  readonly maps: readonly MapPlace[];
  /** Pools that are done on the way, by the layer that does them. */
  readonly pooledBy: Map<number, number>;
  /** Where the levels of a layer that is planned already are; −1: the input. */
  sourceOf(layer: number): MapPlace;
  /** Scratch memory that a step asks for. */
  need(sizes: Partial<WorkSizes>): void;
  /** Places a record, makes the step. */
  step(kind: StepKind, record: LayerRecord, share: { readonly amount: number; readonly work: number }): Step;
}
