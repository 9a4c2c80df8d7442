/**
 * Any single layer, slowly, on the reference kernel: for what the fast kernels leave out (levels below zero or above 255,
 * the `quartz-loihi` convention, weights off every usable grid). Exact by definition.
 */

import type { Layer, Network } from "../core/network.ts";
import { inputShapeOf } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import { type InferenceOutput, zeroCounters } from "../core/results.ts";
import type { Kernel } from "./kernel.ts";
import { createReferenceKernel } from "./kernel_reference.ts";

/** One layer that takes levels `[channels, height, width]` of its inputs. */
export interface GeneralLayer {
  /** @returns the layer's levels `[channels, height, width]`, valid until the next run */
  run(sources: readonly Int16Array[]): Int16Array;
  /** Counters of the last run. */
  readonly output: InferenceOutput;
}

/** Layer number `index` of `network` by itself. */
export function createGeneralLayer(network: Network, index: number): GeneralLayer {
  const layer = network.layers[index];
  const alone = layerAlone(network, layer);
  const kernel: Kernel = createReferenceKernel(alone);
  const output: InferenceOutput = {
    levels: new Int16Array(sizeOf(layer.shape)),
    counters: zeroCounters(),
    earlySpikesByLayer: new Float64Array(1),
  };
  const stacked = new Int16Array(layer.inputs.length > 1 ? sizeOf(alone.input.shape) : 0);
  return {
    output,
    run(sources) {
      if (sources.length === 1) kernel.run(sources[0], output);
      else {
        sources.forEach((levels, source) => {
          for (let i = 0; i < levels.length; i++) stacked[placeOf(layer, i) + source * areaOf(layer)] = levels[i];
        });
        kernel.run(stacked, output);
      }
      return output.levels;
    },
  };

  /** Inputs of an add become neighbouring channels. */
  function placeOf(layer: Layer, neuron: number): number {
    const area = areaOf(layer);
    return Math.floor(neuron / area) * area * layer.inputs.length + neuron % area;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function areaOf(layer: Layer): number {
  return layer.shape[1] * layer.shape[2];
}

/** A network of one layer. An add of several maps has one synapse from each: a grouped 1x1 convolution over them. */
function layerAlone(network: Network, layer: Layer): Network {
  const shape = inputShapeOf(network, layer);
  if (layer.kind !== "add" || layer.inputs.length === 1) {
    return {
      ...network,
      input: { ...network.input, shape },
      layers: [{ ...layer, inputs: layer.inputs.map(() => -1) }],
    };
  }
  const channels = shape[0];
  const sources = layer.inputs.length;
  const weights = new Float32Array(channels * sources);
  for (let channel = 0; channel < channels; channel++) weights.set(layer.weights, channel * sources);
  const convolution: Layer = {
    kind: "conv2d",
    name: layer.name,
    inputs: [-1],
    shape: layer.shape,
    rectify: layer.rectify,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    groups: channels,
    weights,
    bias: new Float32Array(channels),
    scale: 1,
  };
  return {
    ...network,
    input: { ...network.input, shape: [channels * sources, shape[1], shape[2]] },
    layers: [convolution],
  };
}
