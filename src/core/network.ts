/** A network as both back ends read it: layers in order, normalised real-valued weights, spike-time convention. Types only. */

import type { Padding, Pair, Shape } from "./shape.ts";

/** How a value becomes a spike step; only `ttfs/timing.ts` may branch on it. */
export type Convention = "quartz-2023" | "quartz-loihi";

/** What every layer has. */
export interface LayerBase {
  readonly name: string;
  /** Indices into `Network.layers`, each smaller than this layer's own; −1 is the network's input. */
  readonly inputs: readonly number[];
  /** Output `[channels, height, width]`. */
  readonly shape: Shape;
}

/** A layer of integrate-and-fire neurons: it takes one window of time steps. */
export interface Spiking {
  /** True: a neuron that is silent until rectification is made to fire then, which codes 0 (ReLU). */
  readonly rectify: boolean;
}

/** Synapses with stored weights. */
export interface Weighted extends Spiking {
  /** One weight 1.0 carries one spike's worth of current. Shape: see each kind. */
  readonly weights: Float32Array;
  /** `[out]`, in units of value, each in [−2, 2]; all zeros when the file has none. */
  readonly bias: Float32Array;
  /** What the source network's weights were divided by. Information; the kernels do not use it. */
  readonly scale: number;
}

/** A window that slides over height and width. */
export interface Sliding {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}

/** Weights `[out, in / groups, kernel y, kernel x]`. */
export interface Conv2dLayer extends LayerBase, Weighted, Sliding {
  readonly kind: "conv2d";
  readonly dilation: Pair;
  readonly groups: number;
}
/** Weights `[out, in]`; the input is read in channel, row, column order. */
export interface DenseLayer extends LayerBase, Weighted {
  readonly kind: "dense";
}
/** The earliest spike of a window passes; a padded position never wins. */
export interface MaxPoolLayer extends LayerBase, Sliding {
  readonly kind: "max_pool";
}
/** Neurons with equal weights; `countPadding`: divide by the kernel's size even where it hangs over the border. */
export interface AvgPoolLayer extends LayerBase, Sliding, Spiking {
  readonly kind: "avg_pool";
  readonly countPadding: boolean;
}
/** One neuron a channel, equal weights over all positions. */
export interface GlobalAvgPoolLayer extends LayerBase, Spiking {
  readonly kind: "global_avg_pool";
}
/** The same levels as a vector, channel-row-column order. */
export interface FlattenLayer extends LayerBase {
  readonly kind: "flatten";
}
/** The channels of all inputs, one input after the other; no neurons of its own, as joining is only wiring. */
export interface ConcatLayer extends LayerBase {
  readonly kind: "concat";
}
/** Neurons with one synapse from each input at the same place: residual connections. */
export interface AddLayer extends LayerBase, Spiking {
  readonly kind: "add";
  /** One an input: the ratio of that input's scale to this layer's. */
  readonly weights: Float32Array;
}

/** Any layer; `kind` tells which. */
export type Layer =
  | Conv2dLayer
  | DenseLayer
  | MaxPoolLayer
  | AvgPoolLayer
  | GlobalAvgPoolLayer
  | FlattenLayer
  | ConcatLayer
  | AddLayer;

/** The kinds whose neurons integrate current over a window of their own. */
export type SpikingLayer = Conv2dLayer | DenseLayer | AvgPoolLayer | GlobalAvgPoolLayer | AddLayer;

/** What the network expects of a frame. value = (byte / 255 − mean) / std for each channel. */
export interface InputSpec {
  readonly shape: Shape;
  readonly color: "grey" | "rgb";
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Where a network came from and what was measured when it was made; null = not measured. */
export interface Provenance {
  readonly source: string;
  readonly sourceSha256: string;
  /** The source model's input is (byte / 255 − mean) / std, one number a channel; null for byte / 255 as it is. */
  readonly sourcePixels: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
  readonly converter: string;
  readonly calibrationFrames: number;
  readonly annAccuracy: number | null;
  readonly snnAccuracy: number | null;
  readonly snnAccuracyFrames: number | null;
}

/** Frames shipped inside the file, with the output spike steps that the reference kernel gave. */
export interface SelfTest {
  readonly count: number;
  /** `[count, channels, height, width]`, bytes at the network's input size. */
  readonly frames: Uint8Array;
  /** `[count, outputs]`, steps in the output layer's own window. */
  readonly steps: Int16Array;
}

/** A checked network; immutable once loaded. */
export interface Network {
  readonly name: string;
  /** SHA-256 of the file, hex: the network's identity everywhere. */
  readonly digest: string;
  readonly convention: Convention;
  /** Time steps that span one unit of activation. */
  readonly tMax: number;
  readonly input: InputSpec;
  /** The last one is the output. */
  readonly layers: readonly Layer[];
  /** Value in the source network of one unit of output. */
  readonly outputScale: number;
  readonly normalisation: { readonly method: string; readonly percentile: number | null };
  /** One for each output neuron; class ids of `[a-z0-9_-]`. */
  readonly labels: readonly string[];
  readonly provenance: Provenance;
  readonly selfTest: SelfTest | null;
}

/** True for layers of integrate-and-fire neurons. */
export function isSpiking(layer: Layer): layer is SpikingLayer {
  return layer.kind !== "max_pool" && hasNeurons(layer);
}

/** False for layers that only say how earlier neurons are read. */
export function hasNeurons(layer: Layer): boolean {
  return layer.kind !== "flatten" && layer.kind !== "concat";
}

/** Output shape of a layer's input number `position`. */
export function inputShapeOf(network: Network, layer: Layer, position = 0): Shape {
  const index = layer.inputs[position];
  return index < 0 ? network.input.shape : network.layers[index].shape;
}
