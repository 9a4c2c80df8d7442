/**
 * Random small networks of every layer kind, for property tests: branches, paddings, strides, groups, and weights large
 * enough that many neurons fire early. Weights and biases are multiples of 1/64, so that float64 sums are exact in any order.
 */

import type { Layer, Network } from "../../src/core/network.ts";
import { isSpiking } from "../../src/core/network.ts";
import { outputShape } from "../../src/core/geometry.ts";
import type { Random } from "../../src/core/random.ts";
import { type Padding, type Pair, sameShape, type Shape, sizeOf } from "../../src/core/shape.ts";
import { makeNetwork } from "./networks.ts";

const KINDS = ["conv2d", "dense", "max_pool", "avg_pool", "global_avg_pool", "flatten", "concat", "add"] as const;

/** What a random network may be. */
export interface RandomNetworkOptions {
  readonly tMax?: number;
  readonly layersMax?: number;
  readonly convention?: Network["convention"];
  /** Kinds to draw from; all by default. */
  readonly kinds?: readonly Layer["kind"][];
  /** Largest weight; 1 by default, where early spikes are frequent. */
  readonly weightMax?: number;
}

/** A network that passes every check of the loader. */
export function randomNetwork(random: Random, options: RandomNetworkOptions = {}): Network {
  const { tMax = 2 + random.integer(63), layersMax = 5, kinds = KINDS, weightMax = 1 } = options;
  const channels = random.next() < 0.5 ? 1 : 3;
  const inputShape: Shape = [channels, 2 + random.integer(6), 2 + random.integer(6)];
  const layers: Layer[] = [];
  const count = 1 + random.integer(layersMax);
  while (layers.length < count) {
    const kind = kinds[random.integer(kinds.length)];
    // A layer reads the one before, so that every layer is used; `add` also reads an older one of the same shape.
    const layer = drawLayer(random, kind, layers, inputShape, weightMax);
    if (layer !== null) layers.push(layer);
  }
  const input = {
    shape: inputShape,
    color: channels === 3 ? "rgb" as const : "grey" as const,
    mean: Array(channels).fill(0),
    std: Array(channels).fill(1),
  };
  return makeNetwork({ layers, input, tMax, convention: options.convention ?? "quartz-2023" });
}

/** Share of a network's neurons that integrate, to say how much a test covered. */
export function spikingNeurons(network: Network): number {
  return network.layers.reduce((sum, layer) => sum + (isSpiking(layer) ? sizeOf(layer.shape) : 0), 0);
}

// ---------------------------------------------------------------------------------------------------------------------

function drawLayer(
  random: Random,
  kind: Layer["kind"],
  layers: Layer[],
  inputShape: Shape,
  weightMax: number,
): Layer | null {
  const from = layers.length - 1;
  const input = from < 0 ? inputShape : layers[from].shape;
  const name = `layer${layers.length}`;
  const rectify = random.next() < 0.8;
  const grid = (limit: number) => (random.integer(2 * 64 * limit + 1) - 64 * limit) / 64;
  const drawTensors = (out: number, fanIn: number) => ({
    weights: Float32Array.from({ length: out * fanIn }, () => grid(weightMax)),
    bias: Float32Array.from({ length: out }, () => grid(2)),
    scale: 1,
    rectify,
  });
  const drawWindow = () => {
    const kernel: Pair = [1 + random.integer(3), 1 + random.integer(3)];
    const stride: Pair = [1 + random.integer(2), 1 + random.integer(2)];
    const padding = [0, 1, 0, 1].map((axis) => random.integer(kernel[axis])) as unknown as Padding;
    return { kernel, stride, padding };
  };
  switch (kind) {
    case "conv2d": {
      const groups = random.next() < 0.4 ? input[0] : 1;
      const out = groups * (1 + random.integer(3));
      const window = { ...drawWindow(), dilation: [1 + random.integer(2), 1 + random.integer(2)] as Pair, groups };
      const shape = outputShape({ kind, ...window }, input, out);
      if (shape[1] < 1 || shape[2] < 1) return null;
      return {
        kind,
        name,
        inputs: [from],
        shape,
        ...window,
        ...drawTensors(out, input[0] / groups * window.kernel[0] * window.kernel[1]),
      };
    }
    case "dense": {
      const out = 1 + random.integer(6);
      return { kind, name, inputs: [from], shape: [out, 1, 1], ...drawTensors(out, sizeOf(input)) };
    }
    case "max_pool":
    case "avg_pool": {
      const window = drawWindow();
      const shape = outputShape({ kind, ...window }, input, 0);
      if (shape[1] < 1 || shape[2] < 1) return null;
      if (kind === "max_pool") return { kind, name, inputs: [from], shape, ...window };
      return { kind, name, inputs: [from], shape, ...window, rectify, countPadding: random.next() < 0.5 };
    }
    case "global_avg_pool":
      return { kind, name, inputs: [from], shape: [input[0], 1, 1], rectify };
    case "flatten":
      return { kind, name, inputs: [from], shape: [sizeOf(input), 1, 1] };
    case "concat": {
      const others = [-1, ...layers.keys()].filter((i) => {
        const [, height, width] = i < 0 ? inputShape : layers[i].shape;
        return height === input[1] && width === input[2];
      });
      const second = others[random.integer(others.length)];
      const channels = input[0] + (second < 0 ? inputShape : layers[second].shape)[0];
      // Some order: branches of different lengths come in both.
      const inputs = random.next() < 0.5 ? [from, second] : [second, from];
      return { kind, name, inputs, shape: [channels, input[1], input[2]] };
    }
    case "add": {
      const others = [-1, ...layers.keys()].filter((i) => sameShape(i < 0 ? inputShape : layers[i].shape, input));
      const second = others[random.integer(others.length)];
      return { kind, name, inputs: [from, second], shape: input, weights: Float32Array.of(grid(1), grid(1)), rectify };
    }
  }
}
