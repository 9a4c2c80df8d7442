/**
 * The control neurons: what makes counter weights, rectifier pulses and bias spikes arrive at their step.
 *
 * ```
 * start (host, step 1) ─► sync₁ ─► sync₂ ─► …        timers: spike one step before a read-out
 *                           │        └─► rectifier₂   timers: spike one step before rectification
 *                           └─► bias₂₀ ─► bias₂₁ ─► …  instant neurons, one a distinct bias step of a layer, linked by delays
 * ```
 * A timer is an integrating neuron: one synapse of grid weight 2 lets its potential climb 2 a step, so a threshold of 2n makes
 * it fire n steps after its trigger; a synapse of −2 onto itself stops it. No axon delays are needed.
 */

import type { Shape } from "../../core/shape.ts";
import { type Draft, type Population, ProjectionBuilder, START, START_STEP } from "./circuit.ts";
import { INSTANT_THRESHOLD, INSTANT_WEIGHT } from "./instant.ts";

/** A population and neuron that spikes at a known step. */
export interface ControlNeuron {
  readonly population: number;
  readonly neuron: number;
  readonly spikeStep: number;
}

/** Longest synaptic delay: 8 accumulator slots for each of 1,024 compartments. */
export const DELAY_MAX = 7;
const TIMER_WEIGHT = 2;
const CLOCK_NAME = "control";

/** Timers for all layers; each distinct step has one. */
export class Clock {
  readonly population: number;
  readonly #timers: { spikeStep: number; wait: number; trigger: number }[] = [];

  /** @param population the index that the clock's own population will have */
  constructor(population: number) {
    this.population = population;
  }

  /** A neuron that spikes at `spikeStep`, triggered by the latest that is there and early enough, else by the start. */
  at(spikeStep: number): ControlNeuron {
    let neuron = this.#timers.findIndex((timer) => timer.spikeStep === spikeStep);
    if (neuron < 0) {
      const trigger = this.latest(spikeStep - 1);
      const from = trigger?.spikeStep ?? START_STEP;
      this.#timers.push({ spikeStep, wait: spikeStep - from - 1, trigger: trigger?.neuron ?? -1 });
      neuron = this.#timers.length - 1;
    }
    return { population: this.population, neuron, spikeStep };
  }

  /** The last timer that spikes at `step` or before; null when only the start does. */
  latest(step: number): ControlNeuron | null {
    let best: ControlNeuron | null = null;
    this.#timers.forEach(({ spikeStep }, neuron) => {
      if (spikeStep <= step && (best === null || spikeStep > best.spikeStep)) {
        best = { population: this.population, neuron, spikeStep };
      }
    });
    return best;
  }

  build(): { population: Population; drafts: Draft[] } {
    const target = this.population;
    const shape: Shape = [this.#timers.length, 1, 1];
    const thresholds = Int32Array.from(this.#timers, ({ wait }) => wait * TIMER_WEIGHT);
    const own = new ProjectionBuilder();
    const start = new ProjectionBuilder();
    this.#timers.forEach(({ trigger }, neuron) => {
      own.add(neuron, neuron, { mantissa: -TIMER_WEIGHT, exponent: 0 });
      const weight = { mantissa: TIMER_WEIGHT, exponent: 0 };
      if (trigger < 0) start.add(0, neuron, weight);
      else own.add(trigger, neuron, weight);
    });
    return {
      population: { name: CLOCK_NAME, kind: "integrate", layer: -1, shape, thresholds, refractorySteps: 1 },
      drafts: [
        { role: "control", source: target, target, builder: own },
        { role: "control", source: START, target, builder: start },
      ],
    };
  }
}

/** Neurons that spike at each of `spikeSteps` (ascending, distinct), as their own population with the index `population`. */
export function buildBiasChain(
  name: string,
  population: number,
  spikeSteps: readonly number[],
  clock: Clock,
): { population: Population; drafts: Draft[]; neuronAt: ReadonlyMap<number, number> } {
  const trigger = clock.latest(spikeSteps[0] - 1);
  const builder = new ProjectionBuilder();
  const first = new ProjectionBuilder();
  const neuronAt = new Map<number, number>();
  const weight = { mantissa: INSTANT_WEIGHT, exponent: 0 };
  let step = trigger?.spikeStep ?? START_STEP;
  let last = -1;
  let count = 0;
  for (const wanted of spikeSteps) {
    while (step < wanted) {
      const delay = Math.min(DELAY_MAX, wanted - step - 1);
      if (last < 0) first.add(trigger?.neuron ?? 0, count, weight, delay);
      else builder.add(last, count, weight, delay);
      last = count++;
      step += delay + 1;
    }
    neuronAt.set(wanted, last);
  }
  const shape: Shape = [count, 1, 1];
  const thresholds = new Int32Array(count).fill(INSTANT_THRESHOLD);
  return {
    population: { name: `${name}.bias`, kind: "instant", layer: -1, shape, thresholds, refractorySteps: 1 },
    drafts: [
      { role: "control", source: population, target: population, builder },
      { role: "control", source: trigger === null ? START : clock.population, target: population, builder: first },
    ],
    neuronAt,
  };
}
