/**
 * Real weights to whole numbers on a power-of-two grid, one grid a layer: weight ≈ integer · 2^−exponent.
 *
 * Whole numbers can be summed in any order, so every fast kernel, thread count and board can agree bit for bit. Biases stay
 * as they are: they act as spikes at a step, and steps are whole numbers already.
 */

import type { Layer, Network } from "../core/network.ts";

/** Bits of a weight, sign included; the grid is symmetric, so −2^(bits − 1) is not used. */
export type WeightBits = 8 | 16;

/** Weights of one layer on their grid. */
export interface WeightGrid {
  /** In the order of the layer's own weights. */
  readonly integers: Int16Array;
  /** Steps of the grid in one unit of weight are 2^exponent; negative when weights are larger than the integers. */
  readonly exponent: number;
}

/** A network and its weights on their grids. */
export interface QuantisedNetwork {
  readonly network: Network;
  readonly bits: WeightBits;
  /** One a layer; null for layers that store no weights. */
  readonly grids: readonly (WeightGrid | null)[];
}

/** What quantising did to one layer. */
export interface LayerQuantisation {
  readonly name: string;
  readonly exponent: number;
  /** Largest |weight − weight on the grid|. */
  readonly errorMax: number;
  /** 10 · log10 of signal over error power, dB; Infinity when nothing was lost. */
  readonly snrDb: number;
  /** Share of weights that became 0 and were not. */
  readonly zeroed: number;
}

/** Finest grid ever used: beyond it float64 sums of the twin would stop being exact for no gain. */
const EXPONENT_MAX = 24;

/** Puts each layer's weights on the finest grid on which its largest fits. Pure: the same network gives the same grids. */
export function quantise(network: Network, bits: WeightBits): QuantisedNetwork {
  return { network, bits, grids: network.layers.map((layer) => weightsOf(layer)).map((w) => w && toGrid(w, bits)) };
}

/** The network that the grids stand for, exactly: float64 sums over it are exact, so the reference kernel can run it. */
export function dequantise(quantised: QuantisedNetwork): Network {
  const layers = quantised.network.layers.map((layer, index) => {
    const grid = quantised.grids[index];
    return grid === null ? layer : { ...layer, weights: Float32Array.from(grid.integers, (w) => valueOf(grid, w)) };
  });
  return { ...quantised.network, layers: layers as Layer[] };
}

/** True for weights that are on such a grid already: quantising changes none of them. */
export function isOnGrid(weights: Float32Array | Float64Array, bits: WeightBits): boolean {
  const grid = toGrid(weights, bits);
  for (let i = 0; i < weights.length; i++) if (weights[i] !== valueOf(grid, grid.integers[i])) return false;
  return true;
}

/** What quantising to `bits` costs, for each layer with weights. */
export function quantiseReport(network: Network, bits: WeightBits): LayerQuantisation[] {
  const { grids } = quantise(network, bits);
  return network.layers.flatMap((layer, index) => {
    const grid = grids[index];
    return grid === null ? [] : [compare(layer.name, weightsOf(layer)!, grid)];
  });
}

// ---------------------------------------------------------------------------------------------------------------------

function weightsOf(layer: Layer): Float32Array | null {
  return "weights" in layer ? layer.weights : null;
}

function valueOf(grid: WeightGrid, integer: number): number {
  return integer * 2 ** -grid.exponent;
}

function toGrid(weights: Float32Array | Float64Array, bits: WeightBits): WeightGrid {
  const limit = 2 ** (bits - 1) - 1;
  // Loops: `reduce` and `from` take their time, and large networks have millions of weights.
  let largest = 0;
  for (let i = 0; i < weights.length; i++) largest = Math.max(largest, Math.abs(weights[i]));
  let exponent = EXPONENT_MAX;
  while (Math.round(largest * 2 ** exponent) > limit) exponent--;
  const integers = new Int16Array(weights.length);
  const one = 2 ** exponent;
  for (let i = 0; i < weights.length; i++) integers[i] = Math.round(weights[i] * one);
  return { integers, exponent };
}

function compare(name: string, weights: Float32Array, grid: WeightGrid): LayerQuantisation {
  let errorMax = 0;
  let signal = 0;
  let noise = 0;
  let zeroed = 0;
  for (let i = 0; i < weights.length; i++) {
    const error = weights[i] - valueOf(grid, grid.integers[i]);
    errorMax = Math.max(errorMax, Math.abs(error));
    signal += weights[i] ** 2;
    noise += error ** 2;
    if (grid.integers[i] === 0 && weights[i] !== 0) zeroed++;
  }
  const snrDb = noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
  return { name, exponent: grid.exponent, errorMax, snrDb, zeroed: zeroed / Math.max(1, weights.length) };
}
