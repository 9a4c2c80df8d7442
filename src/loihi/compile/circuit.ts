/**
 * A network as compartments and synapses before they have a place: populations of neurons and projections between them.
 *
 * Everything the board will do stands here, the control neurons too, so that placing it needs no knowledge of layers.
 */

import type { Shape } from "../../core/shape.ts";
import type { SynapseWeight } from "./mantissas.ts";

/** Source of a projection that is no population: pixels, and the spike that starts a frame. Both come from the host. */
export const INPUT = -1;
export const START = -2;

/** Neurons that share their behaviour. */
export interface Population {
  readonly name: string;
  /** `integrate` holds its current, `instant` forgets it within a step. */
  readonly kind: "integrate" | "instant";
  /** Layer of the network whose neurons these are; −1 for control neurons and relays. */
  readonly layer: number;
  /** Neurons are numbered channel, row, column. */
  readonly shape: Shape;
  /** Threshold mantissa of each neuron: it fires above mantissa · 64. */
  readonly thresholds: Int32Array;
  readonly refractorySteps: number;
}

/** Synapses from one source to one population, sorted by target in position-major order (see `orderOf`). */
export interface Projection {
  readonly role: "data" | "self" | "counter" | "rectifier" | "bias" | "control";
  /** Index of a population, `INPUT` or `START`. */
  readonly source: number;
  readonly target: number;
  readonly sourceShape: Shape;
  /** Synapses onto the target neuron that is number n in order are `start[n]` … `start[n + 1] − 1`. */
  readonly start: Int32Array;
  readonly sources: Int32Array;
  readonly mantissas: Int16Array;
  readonly exponents: Uint8Array;
  readonly delays: Uint8Array;
}

/** Place of a neuron in position-major order: all channels of the first position, then of the next. */
export function orderOf(neuron: number, channels: number, area: number): number {
  return (neuron % area) * channels + Math.floor(neuron / area);
}

/** The inverse of `orderOf`. */
export function neuronOf(order: number, channels: number, area: number): number {
  return (order % channels) * area + Math.floor(order / channels);
}

/** Neurons that stand one after the other in one place. */
export interface SignalPart {
  /** Index of a population, or `INPUT`. */
  readonly population: number;
  /** All of its neurons. */
  readonly count: number;
}

/** When a layer's neurons read out and fire at the latest; steps are absolute, the first of a frame is 1. */
export interface LayerSchedule {
  readonly name: string;
  /** What holds the layer's neurons, in their order; a flatten shares those of its input, a concat those of all inputs. */
  readonly parts: readonly SignalPart[];
  readonly shape: Shape;
  /** Step at which the counter weight arrives; 0 for layers without a window. */
  readonly readoutStep: number;
  /** Step at which a value of 0 spikes. */
  readonly zeroStep: number;
  /** Step by which every neuron has been made to spike. */
  readonly lastStep: number;
}

/** The whole. */
export interface Circuit {
  readonly populations: readonly Population[];
  readonly projections: readonly Projection[];
  readonly layers: readonly LayerSchedule[];
  readonly inputShape: Shape;
  readonly vMinExponent: number;
  /** Steps of a frame, the last layer complete. */
  readonly frameSteps: number;
}

/** First spike step of an input of value 1: the start spike of step 1 sets the control neurons going before. */
export const INPUT_STEP = 2;
export const START_STEP = 1;

/** A projection that may still grow. */
export interface Draft extends Pick<Projection, "role" | "source" | "target"> {
  readonly builder: ProjectionBuilder;
}

/** Collects synapses in any order. */
export class ProjectionBuilder {
  #count = 0;
  #fields = new Int32Array(5 * 1024);

  get count(): number {
    return this.#count;
  }

  add(source: number, target: number, weight: SynapseWeight, delay = 0): void {
    if ((this.#count + 1) * 5 > this.#fields.length) {
      const grown = new Int32Array(this.#fields.length * 2);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    const at = this.#count++ * 5;
    this.#fields[at] = source;
    this.#fields[at + 1] = target;
    this.#fields[at + 2] = weight.mantissa;
    this.#fields[at + 3] = weight.exponent;
    this.#fields[at + 4] = delay;
  }

  /** The synapses sorted by target, in the order of `add` within one. */
  build(ends: Pick<Projection, "role" | "source" | "target" | "sourceShape">, targetShape: Shape): Projection {
    const [channels, height, width] = targetShape;
    const area = height * width;
    const start = new Int32Array(channels * area + 1);
    const fields = this.#fields;
    for (let i = 0; i < this.#count; i++) start[orderOf(fields[i * 5 + 1], channels, area) + 1]++;
    for (let order = 1; order < start.length; order++) start[order] += start[order - 1];
    const next = start.slice();
    const sources = new Int32Array(this.#count);
    const mantissas = new Int16Array(this.#count);
    const exponents = new Uint8Array(this.#count);
    const delays = new Uint8Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      const at = next[orderOf(fields[i * 5 + 1], channels, area)]++;
      sources[at] = fields[i * 5];
      mantissas[at] = fields[i * 5 + 2];
      exponents[at] = fields[i * 5 + 3];
      delays[at] = fields[i * 5 + 4];
    }
    return { ...ends, start, sources, mantissas, exponents, delays };
  }
}
