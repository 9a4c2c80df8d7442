/** A network to a circuit: every layer as a population, its synapses, its control, and the steps at which things happen. */

import { type Issue, ModelError } from "../../core/errors.ts";
import type { Layer, MaxPoolLayer, Network, SpikingLayer } from "../../core/network.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import { roundHalfEven } from "../../ttfs/timing.ts";
import {
  type Circuit,
  type Draft,
  INPUT,
  INPUT_STEP,
  type LayerSchedule,
  type Population,
  ProjectionBuilder,
  type SignalPart,
  START,
} from "./circuit.ts";
import { buildBiasChain, Clock } from "./control.ts";
import { visitMaxPool, visitSynapses } from "./data_synapses.ts";
import { INSTANT_THRESHOLD, INSTANT_WEIGHT } from "./instant.ts";
import { PAIR_MAX, splitPair, toSynapse } from "./mantissas.ts";
import { type Recipe, silencing } from "./recipe.ts";

/** Largest threshold mantissa of a compartment: 17 bits. */
const THRESHOLD_MANTISSA_MAX = 2 ** 17 - 1;
/** Steps that a frame runs on after its last spike is due, as in the published network. */
const SLACK_STEPS = 3;
/** Most synapses of a circuit: beyond it compiling would take gigabytes. */
export const SYNAPSES_MAX = 2 ** 26;

/**
 * Lowers `network`.
 *
 * @throws {ModelError} `loihi.range` when weights, thresholds or counter weights do not fit their registers, with every layer
 */
export function lower(network: Network, recipe: Recipe): Circuit {
  const state = new Lowering(network, recipe);
  network.layers.forEach((layer, index) => state.addLayer(layer, index));
  return state.finish();
}

// ---------------------------------------------------------------------------------------------------------------------

/** Neurons that a layer may read, and when those of level 0 spike and the last ones do. */
interface Signal {
  readonly parts: readonly SignalPart[];
  readonly shape: Shape;
  readonly zeroStep: number;
  readonly lastStep: number;
}

class Lowering {
  readonly #network: Network;
  readonly #recipe: Recipe;
  /** Population 0 is the clock, which is complete only at the end. */
  readonly #clock = new Clock(0);
  readonly #populations: Population[] = [];
  readonly #drafts: Draft[] = [];
  readonly #signals: Signal[] = [];
  readonly #layers: LayerSchedule[] = [];
  /** Populations of timers, by source and delay. */
  readonly #relays = new Map<string, number>();
  readonly #issues: Issue[] = [];

  constructor(network: Network, recipe: Recipe) {
    this.#network = network;
    this.#recipe = recipe;
    this.#populations.push(this.#clock.build().population);
  }

  addLayer(layer: Layer, index: number): void {
    const inputs = layer.inputs.map((from) => this.#signal(from));
    let signal: Signal;
    let readoutStep = 0;
    if (layer.kind === "flatten") signal = { ...inputs[0], shape: layer.shape };
    else if (layer.kind === "concat") signal = this.#join(layer, inputs);
    else if (layer.kind === "max_pool") signal = this.#addMaxPool(layer, index, inputs[0]);
    else {
      readoutStep = Math.max(...inputs.map((input) => input.zeroStep)) + 1;
      signal = this.#addSpiking(layer, index, inputs, readoutStep);
    }
    this.#signals.push(signal);
    const { parts, zeroStep, lastStep } = signal;
    this.#layers.push({ name: layer.name, parts, shape: layer.shape, readoutStep, zeroStep, lastStep });
  }

  finish(): Circuit {
    const last = this.#signals[this.#signals.length - 1];
    if (last.parts.some(({ population }) => population === INPUT)) {
      this.#issue(this.#layers[this.#layers.length - 1].name, "neurons in the network", "none");
    }
    if (this.#issues.length > 0) {
      const message = `Cannot compile network ${
        JSON.stringify(this.#network.name)
      } as its numbers leave the chip's registers`;
      throw new ModelError("loihi.range", message, { issues: this.#issues });
    }
    const { population, drafts } = this.#clock.build();
    this.#populations[0] = population;
    const all = [...this.#drafts, ...drafts].filter(({ builder }) => builder.count > 0);
    return {
      populations: this.#populations,
      projections: all.map(({ builder, ...ends }) =>
        builder.build({ ...ends, sourceShape: this.#shapeOf(ends.source) }, this.#populations[ends.target].shape)
      ),
      layers: this.#layers,
      inputShape: this.#network.input.shape,
      vMinExponent: silencing(this.#recipe, this.#recipe.weightUnit).vMinExponent,
      frameSteps: last.lastStep + SLACK_STEPS,
    };
  }

  #signal(from: number): Signal {
    if (from >= 0) return this.#signals[from];
    const zeroStep = INPUT_STEP + this.#network.tMax;
    const { shape } = this.#network.input;
    return { parts: [{ population: INPUT, count: sizeOf(shape) }], shape, zeroStep, lastStep: zeroStep };
  }

  #shapeOf(source: number): Shape {
    if (source === START) return [1, 1, 1];
    return source === INPUT ? this.#network.input.shape : this.#populations[source].shape;
  }

  #addPopulation(population: Population): number {
    this.#populations.push(population);
    return this.#populations.length - 1;
  }

  #draft(role: Draft["role"], source: number, target: number): ProjectionBuilder {
    const builder = new ProjectionBuilder();
    this.#drafts.push({ role, source, target, builder });
    return builder;
  }

  /** Adds data synapses from the neurons of a signal, whichever population they are in. */
  #data(signal: Signal, target: number): { add: ProjectionBuilder["add"]; count(): number } {
    const builders = signal.parts.map(({ population }) => this.#draft("data", population, target));
    return {
      count: () => builders.reduce((sum, builder) => sum + builder.count, 0),
      add(source, neuron, weight) {
        let part = 0;
        while (source >= signal.parts[part].count) source -= signal.parts[part++].count;
        builders[part].add(source, neuron, weight);
      },
    };
  }

  /** All inputs as one, in step with the latest: wires only, but for the relays of shorter branches. */
  #join({ shape }: Layer, inputs: readonly Signal[]): Signal {
    const zeroStep = Math.max(...inputs.map((input) => input.zeroStep));
    const aligned = inputs.map((input) => this.#delayed(input, zeroStep));
    const lastStep = Math.max(...aligned.map((input) => input.lastStep));
    return { parts: aligned.flatMap((input) => input.parts), shape, zeroStep, lastStep };
  }

  #addMaxPool(layer: MaxPoolLayer, index: number, input: Signal): Signal {
    const neurons = sizeOf(layer.shape);
    const population = this.#addPopulation({
      name: layer.name,
      kind: "instant",
      layer: index,
      shape: layer.shape,
      thresholds: new Int32Array(neurons).fill(INSTANT_THRESHOLD),
      refractorySteps: this.#silencing(this.#recipe.weightUnit).refractorySteps,
    });
    const data = this.#data(input, population);
    visitMaxPool(layer, input.shape, (source, target) => {
      data.add(source, target, { mantissa: INSTANT_WEIGHT, exponent: 0 });
    });
    this.#addSelf(population, new Int32Array(neurons).fill(this.#recipe.weightUnit));
    const parts = [{ population, count: neurons }];
    return { parts, shape: layer.shape, zeroStep: input.zeroStep + 1, lastStep: input.lastStep + 1 };
  }

  #addSpiking(layer: SpikingLayer, index: number, inputs: readonly Signal[], readoutStep: number): Signal {
    const neurons = sizeOf(layer.shape);
    const { tMax } = this.#network;
    const sums = new Float64Array(neurons);
    const units = new Int32Array(neurons);
    const sources = inputs.map((input) => this.#delayed(input, readoutStep - 1));
    const population = this.#populations.length;
    this.#addPopulation({
      name: layer.name,
      kind: "integrate",
      layer: index,
      shape: layer.shape,
      thresholds: new Int32Array(neurons),
      refractorySteps: this.#silencing(this.#recipe.weightUnit).refractorySteps,
    });
    const data = sources.map((source) => this.#data(source, population));
    let wrong = 0;
    visitSynapses(layer, inputs[0].shape, this.#recipe, units, (input, source, target, grid) => {
      if (grid === 0) return;
      const weight = toSynapse(grid);
      if (weight === null) wrong++;
      else data[input].add(source, target, weight);
      sums[target] += grid;
    });
    if (wrong > 0) this.#issue(layer.name, "weights within ±127 of 1.0", `${wrong} that are larger`);
    const synapses = data.reduce((sum, { count }) => sum + count(), 0);
    if (synapses > SYNAPSES_MAX) this.#issue(layer.name, `at most ${SYNAPSES_MAX} synapses`, `${synapses}`);
    this.#setThresholds(layer.name, this.#populations[population].thresholds, units);
    this.#addSelf(population, units);
    const first = inputs[0].parts[0].population === INPUT;
    const signs = this.#addBias(layer, population, units, { readoutStep, first });
    this.#addCounter(layer.name, population, { units, sums, signs, readoutStep });
    const forcedStep = layer.rectify ? readoutStep + tMax : readoutStep + 2 * tMax - 1;
    this.#addRectifier(population, units, forcedStep);
    const parts = [{ population, count: neurons }];
    return { parts, shape: layer.shape, zeroStep: readoutStep + tMax, lastStep: forcedStep };
  }

  #setThresholds(name: string, thresholds: Int32Array, units: Int32Array): void {
    let worst = 0;
    units.forEach((unit, neuron) => {
      thresholds[neuron] = unit * this.#network.tMax;
      worst = Math.max(worst, thresholds[neuron]);
    });
    if (worst <= THRESHOLD_MANTISSA_MAX) return;
    this.#issue(
      name,
      `a threshold mantissa of at most ${THRESHOLD_MANTISSA_MAX}`,
      `${worst}`,
      "Convert with a smaller t_max",
    );
  }

  #addSelf(population: number, units: Int32Array): void {
    const builder = this.#draft("self", population, population);
    units.forEach((unit, neuron) => {
      for (const synapse of this.#silencing(unit).self) builder.add(neuron, neuron, synapse, synapse.delay);
    });
  }

  /** @returns the sign of each neuron's bias */
  #addBias(
    layer: SpikingLayer,
    population: number,
    units: Int32Array,
    { readoutStep, first }: { readoutStep: number; first: boolean },
  ): Int8Array {
    const signs = new Int8Array(units.length);
    if (layer.kind !== "conv2d" && layer.kind !== "dense") return signs;
    const area = layer.shape[1] * layer.shape[2];
    const spikeSteps = Array.from(layer.bias, (bias) => this.#biasStep(bias, readoutStep, first) - 1);
    const used = spikeSteps.filter((_, channel) => layer.bias[channel] !== 0);
    if (used.length === 0) return signs;
    const distinct = [...new Set(used)].sort((a, b) => a - b);
    const chain = buildBiasChain(layer.name, this.#populations.length, distinct, this.#clock);
    const source = this.#addPopulation(chain.population);
    this.#drafts.push(...chain.drafts);
    const builder = this.#draft("bias", source, population);
    layer.bias.forEach((bias, channel) => {
      if (bias === 0) return;
      const from = chain.neuronAt.get(spikeSteps[channel])!;
      for (let neuron = channel * area; neuron < (channel + 1) * area; neuron++) {
        signs[neuron] = Math.sign(bias);
        builder.add(from, neuron, toSynapse(signs[neuron] * units[neuron])!);
      }
    });
    return signs;
  }

  /** Step at which a bias spike arrives. */
  #biasStep(bias: number, readoutStep: number, first: boolean): number {
    const { tMax } = this.#network;
    const late = roundHalfEven((1 - Math.min(1, Math.abs(bias))) * tMax);
    const earliest = readoutStep - tMax;
    if (this.#recipe.bias === "aligned") return earliest + late;
    return earliest + (first ? 1 : 0) + Math.max(late - 1, 0);
  }

  #addCounter(
    name: string,
    population: number,
    parts: { units: Int32Array; sums: Float64Array; signs: Int8Array; readoutStep: number },
  ): void {
    const { units, sums, signs, readoutStep } = parts;
    const sync = this.#clock.at(readoutStep - 1);
    const builder = this.#draft("counter", sync.population, population);
    let worst = 0;
    units.forEach((unit, neuron) => {
      const counter = unit - sums[neuron] - signs[neuron] * unit;
      worst = Math.max(worst, Math.abs(counter));
      for (const synapse of splitPair(counter)) builder.add(sync.neuron, neuron, synapse);
    });
    if (worst > PAIR_MAX) {
      this.#issue(name, `counter weights within ±${PAIR_MAX}`, `${worst}`, "Its weights add up to too much");
    }
  }

  #addRectifier(population: number, units: Int32Array, forcedStep: number): void {
    const rectifier = this.#clock.at(forcedStep - 1);
    const builder = this.#draft("rectifier", rectifier.population, population);
    units.forEach((unit, neuron) => {
      for (const synapse of this.#silencing(unit).pulse) builder.add(rectifier.neuron, neuron, synapse, synapse.delay);
    });
  }

  /** The same spikes late enough that those of level 0 come at `zeroStep`: where branches differ in length. */
  #delayed(input: Signal, zeroStep: number): Signal {
    const late = zeroStep - input.zeroStep;
    if (late === 0) return input;
    const parts = input.parts.map(({ population, count }) => ({ population: this.#relay(population, late), count }));
    return { parts, shape: input.shape, zeroStep, lastStep: input.lastStep + late };
  }

  /** One timer a neuron of `source`, which fires `late` steps after it. @returns their population */
  #relay(source: number, late: number): number {
    const key = `${source}+${late}`;
    const known = this.#relays.get(key);
    if (known !== undefined) return known;
    const shape = this.#shapeOf(source);
    const neurons = sizeOf(shape);
    const name = `relay ${source < 0 ? "input" : this.#populations[source].name} +${late}`;
    const thresholds = new Int32Array(neurons).fill(2 * (late - 1));
    const population = this.#addPopulation({
      name,
      kind: "integrate",
      layer: -1,
      shape,
      thresholds,
      refractorySteps: 1,
    });
    const data = this.#draft("data", source, population);
    const self = this.#draft("self", population, population);
    for (let neuron = 0; neuron < neurons; neuron++) {
      data.add(neuron, neuron, { mantissa: 2, exponent: 0 });
      self.add(neuron, neuron, { mantissa: -2, exponent: 0 });
    }
    this.#relays.set(key, population);
    return population;
  }

  #silencing(unit: number): ReturnType<typeof silencing> {
    return silencing(this.#recipe, unit);
  }

  #issue(where: string, expected: string, found: string, hint?: string): void {
    this.#issues.push({ where: `layer ${JSON.stringify(where)}`, expected, found, hint });
  }
}
