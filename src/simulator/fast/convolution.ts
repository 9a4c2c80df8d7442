/** A weighted layer as the gathering kernels see it: integers in the order of its source in memory, and its geometry. */

import { assert } from "../../core/assert.ts";
import { inputShapeOf, type Layer, type Network } from "../../core/network.ts";
import type { Shape } from "../../core/shape.ts";
import type { WeightGrid } from "../../model/quantise.ts";
import { biasSpike, type Timing } from "../../ttfs/timing.ts";
import { type Bounds, boundsOf, type IntegerLayer } from "./arithmetic.ts";

/**
 * A convolution, one group of it; a dense layer is one over a single pixel, and so is a convolution whose kernel is the whole
 * map. Weights of `integers` are `[out, in, kernel y, kernel x]`.
 */
export interface Convolution {
  readonly integers: IntegerLayer;
  readonly bounds: Bounds;
  readonly input: readonly [channels: number, height: number, width: number];
  readonly output: readonly [channels: number, height: number, width: number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [top: number, left: number, bottom: number, right: number];
  readonly dilation: readonly [number, number];
  /** Lanes of 32 bits from the start. */
  readonly wide: boolean;
}

/**
 * A layer's integers. Input channels are those of one group.
 *
 * @param layout shape of the source's pixels in memory
 * @param lanes 32: 16-bit lanes are not wanted
 */
export function toConvolution(
  network: Network,
  layer: Extract<Layer, { kind: "conv2d" | "dense" }>,
  options: {
    readonly grid: WeightGrid | null;
    readonly timing: Timing;
    readonly layout: Shape;
    readonly lanes: 16 | 32;
  },
): Convolution {
  const { grid, timing, layout, lanes } = options;
  assert(grid !== null, "a weighted layer has a grid");
  const neurons = layer.shape[0];
  const fanIn = grid.integers.length / neurons;
  const shape = layer.kind === "dense" ? layout : inputShapeOf(network, layer);
  const flat = layer.kind === "dense" || coversMap(layer, shape);
  const integers: IntegerLayer = {
    weights: flat ? reorder(grid.integers, neurons, shape) : grid.integers,
    neurons,
    fanIn,
    biasLevels: Int32Array.from(layer.bias, (bias) => biasSpike(timing, bias).level),
    shift: grid.exponent,
    rectify: layer.rectify,
  };
  const bounds = boundsOf(timing, integers);
  const common = { integers, bounds, output: layer.shape, wide: lanes === 32 || !bounds.fits16 };
  if (flat) {
    return {
      ...common,
      input: [fanIn, 1, 1],
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
    };
  }
  const [channels, height, width] = shape;
  const { kernel, stride, padding, dilation, groups } = layer;
  return { ...common, input: [channels / groups, height, width], kernel, stride, padding, dilation };
}

/** One of a convolution's groups, a layer of its own. */
export function groupOf(whole: Convolution, group: number, groups: number): Convolution {
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

/** Source rows (or columns) that `count` neighbouring positions see. */
export function windowOf(layer: Convolution, axis: 0 | 1, count: number): number {
  return (count - 1) * layer.stride[axis] + (layer.kernel[axis] - 1) * layer.dilation[axis] + 1;
}

/** For each pixel along an axis, how many positions' kernels cover it. */
export function reachOnAxis(
  layer: Pick<Convolution, "input" | "output" | "kernel" | "stride" | "padding" | "dilation">,
  axis: 0 | 1,
): Uint32Array {
  const reach = new Uint32Array(layer.input[axis + 1]);
  for (let position = 0; position < layer.output[axis + 1]; position++) {
    for (let tap = 0; tap < layer.kernel[axis]; tap++) {
      const pixel = position * layer.stride[axis] - layer.padding[axis] + tap * layer.dilation[axis];
      if (pixel >= 0 && pixel < reach.length) reach[pixel]++;
    }
  }
  return reach;
}

/** Number of windows that each pixel is in, row by row. */
export function reachOfPixels(layer: Parameters<typeof reachOnAxis>[0]): Uint32Array {
  const columns = reachOnAxis(layer, 1);
  return Uint32Array.from([...reachOnAxis(layer, 0)].flatMap((y) => Array.from(columns, (x) => x * y)));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Whether a convolution is a dense layer over its source: one position, whose kernel is all of the map and nothing else. */
function coversMap(layer: Extract<Layer, { kind: "conv2d" }>, [, height, width]: Shape): boolean {
  const { groups, kernel, padding, dilation } = layer;
  return groups === 1 && kernel[0] === height && kernel[1] === width &&
    [...padding, ...dilation].join() === "0,0,0,0,1,1";
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
