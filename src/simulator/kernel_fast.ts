/**
 * The integer kernel: weights quantised once, level maps of bytes, WebAssembly SIMD. Same levels and counters, bit for bit, as
 * the reference kernel over the de-quantised network; differs in that the per-step metrics (synopsReference, operations,
 * memoryReads, memoryWrites) are NaN, as currents are never formed step by step here.
 *
 * A layer whose sources hold a negative level in this frame is run by the general kernel, whatever was planned for it.
 */

import { assert } from "../core/assert.ts";
import { layerDepths, synapseCount } from "../core/geometry.ts";
import { hasNeurons, inputShapeOf, isSpiking, type Network } from "../core/network.ts";
import type { InferenceOutput, RunCounters } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import { dequantise, quantise, type WeightBits } from "../model/quantise.ts";
import { decisionStep } from "../ttfs/timing.ts";
import type { LayerPlan, MapPlace, Plan, Step } from "./fast/layer_plan.ts";
import { planNetwork } from "./fast/plan.ts";
import { createArena, placeWork } from "./fast/records.ts";
import { runShare } from "./fast/share.ts";
import type { Team, TeamParts } from "./fast/team.ts";
import type { Kernel } from "./kernel.ts";
import { createGeneralLayer, type GeneralLayer } from "./kernel_general.ts";
import { hasRelaxedSimd, instantiateKernels, type WasmKernels } from "./wasm_module.ts";

/** What can be chosen. */
export interface FastKernelOptions {
  /** Default 8. */
  readonly weightBits?: WeightBits;
  /** True: `levelsOf` works for every layer, at the cost of a copy where a pool is fused. Default false. */
  readonly keepLevels?: boolean;
  /** False: does without relaxed SIMD, as on a machine that has none. Default: what this machine has. */
  readonly relaxedSimd?: boolean;
  /** Several threads: makes what runs the steps that are worth dividing. Without it there is one. */
  readonly team?: {
    readonly threads: number;
    readonly create: (parts: TeamParts) => Team;
    /** Instructions from which on a step is divided; default `SHARED_WORK_MIN`. */
    readonly workMin?: number;
  };
}

/** A step of fewer instructions (about 30 µs) gains too little from being divided. */
const SHARED_WORK_MIN = 120_000;

/** What was chosen, for `inspect`. */
export interface FastKernelDescription {
  readonly weightBits: WeightBits;
  readonly layers: readonly { readonly name: string; readonly kernel: string }[];
  /** WebAssembly memory: tables, maps and scratch. */
  readonly memoryBytes: number;
}

/** A kernel that can say how it runs each layer. */
export interface FastKernel extends Kernel {
  describe(): FastKernelDescription;
}

/** Compiles `network`. `run` allocates nothing, except where a layer falls back to the general kernel for the first time. */
export function createFastKernel(network: Network, options: FastKernelOptions = {}): FastKernel {
  return new CompiledNetwork(network, options);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Levels of a map after a run. */
interface MapState {
  readonly place: MapPlace;
  /** True: some levels do not fit a byte (most often, are negative), and only `levels` holds them. */
  wide: boolean;
  /** True: the general kernel made them. */
  general: boolean;
  /** `[channels, height, width]`; true content when `wide`, or when just unpacked. */
  readonly levels: Int16Array;
}

class CompiledNetwork implements FastKernel {
  readonly #network: Network;
  readonly #bits: WeightBits;
  readonly #arena = createArena();
  readonly #plan: Plan;
  readonly #kernels: WasmKernels;
  /** Scratch record of each thread, and the counters at its start. */
  readonly #works: readonly number[];
  readonly #counts: readonly Int32Array[];
  readonly #events: readonly Float64Array[];
  readonly #team: Team | null;
  readonly #sharedWorkMin: number;
  readonly #input: MapState;
  readonly #maps: MapState[] = [];
  /** The input as it came. */
  readonly #inputShorts: Int16Array;
  readonly #memoryBytes: Uint8Array;
  readonly #memoryShorts: Int16Array;
  /** Made when first needed: most networks never do. */
  readonly #general: GeneralLayer[] = [];
  readonly #statics: {
    readonly spikes: number;
    readonly synops: number;
    readonly depth: number;
    readonly pools: number;
  };

  constructor(
    network: Network,
    { weightBits = 8, keepLevels = false, relaxedSimd = hasRelaxedSimd(), team }: FastKernelOptions,
  ) {
    this.#network = network;
    this.#bits = weightBits;
    this.#plan = planNetwork(network, this.#arena, { weightBits, keepLevels, relaxedSimd });
    this.#works = Array.from({ length: team?.threads ?? 1 }, () => placeWork(this.#arena, this.#plan.sizes));
    const inputs = sizeOf(network.input.shape);
    const inputAddress = this.#arena.reserve(inputs * 2);
    const memory = this.#arena.seal();
    const { buffer } = memory;
    this.#memoryBytes = new Uint8Array(buffer);
    this.#memoryShorts = new Int16Array(buffer);
    this.#inputShorts = new Int16Array(buffer, inputAddress, inputs);
    this.#events = this.#works.map((work) => new Float64Array(buffer, work, 1));
    this.#counts = this.#works.map((work) => new Int32Array(buffer, work + 8, 3));
    this.#kernels = instantiateKernels(memory);
    this.#team = team?.create({ kernels: this.#kernels, memory, works: this.#works }) ?? null;
    this.#sharedWorkMin = team?.workMin ?? SHARED_WORK_MIN;
    this.#input = mapState(this.#plan.input);
    this.#plan.layers.forEach((plan, index) => {
      this.#maps.push(plan.alias ? this.#mapOf(network.layers[index].inputs[0]) : mapState(plan.map));
    });
    this.#statics = staticCounts(network);
  }

  describe(): FastKernelDescription {
    return {
      weightBits: this.#bits,
      layers: this.#network.layers.map((layer, index) => ({ name: layer.name, kernel: this.#plan.layers[index].note })),
      memoryBytes: this.#arena.usedBytes(),
    };
  }

  run(input: Int16Array, output: InferenceOutput): void {
    const { counters, earlySpikesByLayer } = output;
    if (input.length !== this.#inputShorts.length) assert(false, `input has ${input.length} levels`);
    this.#startCounters(counters);
    this.#takeInput(input);
    const layers = this.#plan.layers;
    for (let index = 0; index < layers.length; index++) {
      earlySpikesByLayer[index] = this.#runLayer(layers[index], index, counters);
    }
    const levels = this.levelsOf(layers.length - 1);
    output.levels.set(levels);
    let best = levels[0];
    for (let i = 1; i < levels.length; i++) best = Math.max(best, levels[i]);
    counters.decisionStep = decisionStep(this.#plan.timing, this.#statics.depth, this.#statics.pools, best);
  }

  levelsOf(layer: number): Int16Array {
    const map = this.#maps[layer];
    // Building the message costs more than a small layer, so only a failure does.
    if (this.#plan.layers[layer].unwritten && !map.wide) assert(false, `levels of layer ${layer} were not kept`);
    return this.#levelsOf(map);
  }

  #mapOf(index: number): MapState {
    return index < 0 ? this.#input : this.#maps[index];
  }

  #startCounters(counters: RunCounters): void {
    counters.spikes = this.#statics.spikes;
    counters.earlySpikes =
      counters.rectifiedSpikes =
      counters.saturatedSpikes =
      counters.synopsEvents =
        0;
    counters.synopsAll = this.#statics.synops;
    counters.synopsReference =
      counters.operations =
      counters.memoryReads =
      counters.memoryWrites =
        NaN;
    counters.runUs = 0;
  }

  #takeInput(input: Int16Array): void {
    this.#inputShorts.set(input);
    const { bytes, layout } = this.#plan.input;
    const signs = this.#kernels.packLevels(this.#inputShorts.byteOffset, bytes, layout[0], layout[1] * layout[2]);
    this.#input.wide = signs !== 0 || this.#plan.timing.levelMax > 255;
    if (this.#input.wide) this.#input.levels.set(input);
  }

  /** @returns the layer's early spikes */
  #runLayer(plan: LayerPlan, index: number, counters: RunCounters): number {
    if (plan.alias) return 0;
    const map = this.#maps[index];
    const { inputs } = this.#network.layers[index];
    if (plan.joins) return this.#join(inputs, map);
    let general = plan.general;
    for (let i = 0; i < inputs.length; i++) general ||= this.#mapOf(inputs[i]).wide;
    map.general = general;
    if (general) return this.#runGeneral(index, map, counters);
    map.wide = false;
    if (plan.fusedBy >= 0 && !this.#maps[plan.fusedBy].general) return 0;
    this.#clearCounts();
    for (let i = 0; i < plan.steps.length; i++) this.#runStep(plan.steps[i]);
    const early = this.#addCounts(counters);
    const { shorts, bytes } = plan.map;
    if (shorts !== 0 && this.#kernels.narrowLevels(shorts, bytes, map.levels.length) !== 0) {
      unpack(this.#memoryShorts, shorts >> 1, map);
      map.wide = true;
    }
    return early;
  }

  /** Copies the channels of all inputs beside each other. @returns early spikes: none of its own */
  #join(inputs: readonly number[], map: MapState): number {
    map.wide = false;
    for (let i = 0; i < inputs.length; i++) map.wide ||= this.#mapOf(inputs[i]).wide;
    let first = 0;
    for (let i = 0; i < inputs.length; i++) {
      const source = this.#mapOf(inputs[i]);
      const { length } = source.levels;
      if (map.wide) map.levels.set(this.#levelsOf(source), first);
      else joinChannels(this.#memoryBytes, source, map, first);
      first += length;
    }
    return 0;
  }

  #clearCounts(): void {
    for (let thread = 0; thread < this.#works.length; thread++) {
      this.#counts[thread].fill(0);
      this.#events[thread][0] = 0;
    }
  }

  /** @returns early spikes */
  #addCounts(counters: RunCounters): number {
    let early = 0;
    for (let thread = 0; thread < this.#works.length; thread++) {
      const counts = this.#counts[thread];
      early += counts[0];
      counters.rectifiedSpikes += counts[1];
      counters.saturatedSpikes += counts[2];
      counters.synopsEvents += this.#events[thread][0];
    }
    counters.earlySpikes += early;
    return early;
  }

  #runStep(step: Step): void {
    if (this.#team !== null && step.work >= this.#sharedWorkMin) this.#team.run(step);
    else runShare(this.#kernels, step, this.#works[0], 0, 1);
  }

  #runGeneral(index: number, map: MapState, counters: RunCounters): number {
    this.#general[index] ??= createGeneralLayer(dequantise(quantise(this.#network, this.#bits)), index);
    const { run, output } = this.#general[index];
    const levels = run(this.#network.layers[index].inputs.map((source) => this.#levelsOf(this.#mapOf(source))));
    map.levels.set(levels);
    map.wide = this.#plan.timing.levelMax > 255 || levels.some((level) => level < 0);
    if (!map.wide) pack(map, this.#memoryBytes, map.place.bytes);
    counters.earlySpikes += output.counters.earlySpikes;
    counters.rectifiedSpikes += output.counters.rectifiedSpikes;
    counters.saturatedSpikes += output.counters.saturatedSpikes;
    counters.synopsEvents += output.counters.synopsEvents;
    return output.counters.earlySpikes;
  }

  #levelsOf(map: MapState): Int16Array {
    if (!map.wide) unpack(this.#memoryBytes, map.place.bytes, map);
    return map.levels;
  }
}

function mapState(place: MapPlace): MapState {
  return { place, wide: false, general: false, levels: new Int16Array(sizeOf(place.layout)) };
}

/** Height-width-channel at `memory[start]` to the map's own channel-height-width levels. */
function unpack(memory: Uint8Array | Int16Array, start: number, { place, levels }: MapState): void {
  const [channels, height, width] = place.layout;
  const area = height * width;
  for (let channel = 0, i = 0; channel < channels; channel++) {
    for (let pixel = 0, at = start + channel; pixel < area; pixel++, at += channels) levels[i++] = memory[at];
  }
}

/** Puts a map's bytes among those of a wider one, from its level number `first` on (channel, row, column). */
function joinChannels(memory: Uint8Array, source: MapState, target: MapState, first: number): void {
  const [columns, height, width] = target.place.layout;
  const area = height * width;
  const channels = source.levels.length / area;
  const start = target.place.bytes + first / area;
  for (let pixel = 0, from = source.place.bytes; pixel < area; pixel++) {
    const to = start + pixel * columns;
    for (let channel = 0; channel < channels; channel++) memory[to + channel] = memory[from++];
  }
}

/** The way back. */
function pack({ place, levels }: MapState, memory: Uint8Array, start: number): void {
  const [channels, height, width] = place.layout;
  const area = height * width;
  for (let channel = 0, i = 0; channel < channels; channel++) {
    for (let pixel = 0, at = start + channel; pixel < area; pixel++, at += channels) memory[at] = levels[i++];
  }
}

/** What no frame changes. */
function staticCounts(network: Network): { spikes: number; synops: number; depth: number; pools: number } {
  let spikes = 0;
  let synops = 0;
  for (const layer of network.layers) {
    if (hasNeurons(layer)) spikes += sizeOf(layer.shape);
    if (isSpiking(layer)) synops += synapseCount(layer, inputShapeOf(network, layer));
  }
  const depth = layerDepths(network.layers)[network.layers.length - 1];
  return { spikes, synops, depth, pools: network.layers.filter((layer) => layer.kind === "max_pool").length };
}
