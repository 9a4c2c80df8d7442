/**
 * The synapses of one neuron, for each kind of layer: what arrives, and when.
 *
 * Each function adds the weights of neuron (channel, y, x) to `drive` at the steps at which their spikes arrive, and totals
 * in `tally`. Written for reading: one loop nest a kind, no tables. Positions on padding have no neuron and so no synapse.
 */

import type { AvgPoolLayer, Conv2dLayer } from "../core/network.ts";
import type { Shape } from "../core/shape.ts";

/** Totals over the synapses of one neuron, reset by the caller. */
export interface Tally {
  /** Σ weights. */
  weightSum: number;
  /** Synapses whose source does not code 0. */
  events: number;
  /** All synapses. */
  synapses: number;
}

/** Where arriving weights go: `drive[step]` is what the current gains at that step, `[windowSteps]`. */
export interface Drive {
  readonly drive: Float64Array;
  readonly readoutStep: number;
  readonly tally: Tally;
}

/** Adds one synapse. Its source's level is at most `readoutStep`: outputs saturate there. */
export function addSynapse(target: Drive, level: number, weight: number): void {
  target.drive[target.readoutStep - level] += weight;
  target.tally.weightSum += weight;
  target.tally.synapses++;
  if (level !== 0) target.tally.events++;
}

/** Convolution: input channels of the neuron's group under the kernel. */
export function gatherConv2d(
  target: Drive,
  layer: Conv2dLayer,
  levels: Int16Array,
  shape: Shape,
  neuron: readonly [channel: number, y: number, x: number],
): void {
  const [channel, y, x] = neuron;
  const { kernel, stride, padding, dilation, groups, weights } = layer;
  const [channels, height, width] = shape;
  const groupInputs = channels / groups;
  const firstInput = Math.floor(channel / (layer.shape[0] / groups)) * groupInputs;
  for (let i = 0; i < groupInputs; i++) {
    for (let ky = 0; ky < kernel[0]; ky++) {
      const row = y * stride[0] - padding[0] + ky * dilation[0];
      if (row < 0 || row >= height) continue;
      for (let kx = 0; kx < kernel[1]; kx++) {
        const column = x * stride[1] - padding[1] + kx * dilation[1];
        if (column < 0 || column >= width) continue;
        const weight = weights[((channel * groupInputs + i) * kernel[0] + ky) * kernel[1] + kx];
        addSynapse(target, levels[((firstInput + i) * height + row) * width + column], weight);
      }
    }
  }
}

/** Average over a window: weight 1 each. @returns the divisor, i.e. the weight that counts as 1.0 */
export function gatherAvgPool(
  target: Drive,
  layer: AvgPoolLayer,
  levels: Int16Array,
  shape: Shape,
  neuron: readonly [channel: number, y: number, x: number],
): number {
  const [channel, y, x] = neuron;
  const { kernel, stride, padding } = layer;
  const [, height, width] = shape;
  const before = target.tally.synapses;
  for (let ky = 0; ky < kernel[0]; ky++) {
    const row = y * stride[0] - padding[0] + ky;
    if (row < 0 || row >= height) continue;
    for (let kx = 0; kx < kernel[1]; kx++) {
      const column = x * stride[1] - padding[1] + kx;
      if (column < 0 || column >= width) continue;
      addSynapse(target, levels[(channel * height + row) * width + column], 1);
    }
  }
  return layer.countPadding ? kernel[0] * kernel[1] : target.tally.synapses - before;
}

/** Every input neuron, weights `[out, in]`. */
export function gatherDense(target: Drive, weights: Float32Array, levels: Int16Array, neuron: number): void {
  for (let i = 0; i < levels.length; i++) addSynapse(target, levels[i], weights[neuron * levels.length + i]);
}

/** All positions of one channel, weight 1 each. @returns the divisor */
export function gatherGlobalAvgPool(target: Drive, levels: Int16Array, area: number, channel: number): number {
  for (let i = 0; i < area; i++) addSynapse(target, levels[channel * area + i], 1);
  return area;
}

/** The same position of every input. */
export function gatherAdd(target: Drive, weights: Float32Array, inputs: readonly Int16Array[], neuron: number): void {
  for (let i = 0; i < inputs.length; i++) addSynapse(target, inputs[i][neuron], weights[i]);
}
