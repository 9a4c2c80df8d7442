/**
 * Random networks of every kind of layer whose shapes reach every kernel of the simulator: channels beyond a block, groups,
 * odd windows, t_max from 2 to 300, weights of any size. `random_network.ts` makes small ones whose sums are exact in float64.
 */

import type { Random } from "../../src/core/random.ts";
import type { Layer, Network } from "../../src/core/network.ts";
import { outputShape, synapseCount } from "../../src/core/geometry.ts";
import { type Shape, sizeOf } from "../../src/core/shape.ts";
import { makeNetwork } from "./networks.ts";

/** Most synapses of one layer, so that the reference kernel stays quick. */
const SYNAPSES_MAX = 60_000;

/** A network of up to six layers whose activations neither die nor all saturate, most of the time. */
export function randomWideNetwork(random: Random): Network {
  const side = () => 1 + random.integer(9);
  const input: Shape = [pick(random, [1, 1, 2, 3, 5, 8, 17, 40]), side(), side()];
  const layers: Layer[] = [];
  const count = 1 + random.integer(6);
  while (layers.length < count) {
    // Mostly a chain; now and then a layer reads an earlier one, which joins it again at an add.
    const from = random.integer(8) === 0 ? random.integer(layers.length + 1) - 1 : layers.length - 1;
    const shape = from < 0 ? input : layers[from].shape;
    const layer = randomLayer(random, shape, layers, from, input);
    if (layer !== null) layers.push({ ...layer, name: `${layer.kind}${layers.length}` } as Layer);
  }
  const tMax = pick(random, [2, 3, 4, 8, 16, 16, 16, 32, 64, 100, 128, 129, 300]);
  return makeNetwork({
    layers,
    tMax,
    input: {
      shape: input,
      color: "grey",
      mean: Array(input[0]).fill(0),
      std: Array(input[0]).fill(1),
    },
  });
}

/** One of a list. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.integer(items.length)];
}

/** Levels `[channels, height, width]` of a share of active inputs; `low` < 0 makes some negative. */
export function randomLevels(
  random: Random,
  count: number,
  range: { low: number; high: number; density: number },
): Int16Array {
  return Int16Array.from(
    { length: count },
    () => random.next() < range.density ? range.low + random.integer(range.high - range.low + 1) : 0,
  );
}

// ---------------------------------------------------------------------------------------------------------------------

function randomLayer(
  random: Random,
  shape: Shape,
  layers: readonly Layer[],
  from: number,
  input: Shape,
): Layer | null {
  const inputs = [from];
  const rectify = random.integer(6) > 0;
  const name = "";
  const kind = pick(
    random,
    [
      "conv2d",
      "conv2d",
      "conv2d",
      "dense",
      "max_pool",
      "avg_pool",
      "global_avg_pool",
      "add",
      "flatten",
      "concat",
    ] as const,
  );
  switch (kind) {
    case "conv2d": {
      const groups = pick(random, divisors(shape[0]));
      const multiplier = groups === 1 ? pick(random, [1, 2, 6, 9, 12, 31, 64, 70, 130]) : pick(random, [1, 1, 2, 9]);
      const channels = groups * multiplier;
      const window = randomWindow(random, shape);
      const dilation = pick(random, [[1, 1], [1, 1], [2, 1], [2, 2]] as const);
      const geometry = { kind, ...window, dilation };
      const out = outputShape(geometry, shape, channels);
      if (out[1] < 1 || out[2] < 1) return null;
      const fanIn = shape[0] / groups * window.kernel[0] * window.kernel[1];
      return capped(
        { ...geometry, name, inputs, shape: out, groups, rectify, scale: 1, ...randomWeights(random, channels, fanIn) },
        shape,
      );
    }
    case "dense": {
      const neurons = pick(random, [1, 3, 10, 17, 64, 100, 150]);
      const weights = randomWeights(random, neurons, sizeOf(shape));
      return capped({ kind, name, inputs, shape: [neurons, 1, 1], rectify, scale: 1, ...weights }, shape);
    }
    case "max_pool":
    case "avg_pool": {
      const window = random.integer(2) === 0
        ? { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const
        : randomWindow(random, shape);
      if (window.padding.some((pixels, edge) => pixels >= window.kernel[edge % 2])) return null;
      const out = outputShape({ kind, ...window }, shape, shape[0]);
      if (out[1] < 1 || out[2] < 1) return null;
      const common = { name, inputs, shape: out, ...window };
      return kind === "max_pool"
        ? { kind, ...common }
        : { kind, ...common, rectify, countPadding: random.integer(2) === 0 };
    }
    case "global_avg_pool":
      return { kind, name, inputs, rectify, shape: [shape[0], 1, 1] };
    case "flatten":
      return { kind, name, inputs, shape: [sizeOf(shape), 1, 1] };
    case "concat": {
      const shapeOf = (index: number) => (index < 0 ? input : layers[index].shape);
      const others = [-1, ...layers.keys()].filter((index) => shapeOf(index).slice(1).join() === shape.slice(1).join());
      const sources = [...Array.from({ length: random.integer(3) }, () => pick(random, others)), from];
      const channels = sources.reduce((sum, source) => sum + shapeOf(source)[0], 0);
      return { kind, name, inputs: sources, shape: [channels, shape[1], shape[2]] };
    }
    case "add": {
      const others = [-1, ...layers.keys()].filter((index) => {
        const other = index < 0 ? input : layers[index].shape;
        return other.join() === shape.join();
      });
      const sources = [from, ...Array.from({ length: random.integer(3) }, () => pick(random, others))];
      const weights = Float32Array.from(sources, () => random.between(-0.6, 1));
      return { kind, name, inputs: sources, shape, rectify, weights };
    }
  }
}

function capped(layer: Layer, shape: Shape): Layer | null {
  return synapseCount(layer, shape) <= SYNAPSES_MAX ? layer : null;
}

function randomWindow(random: Random, shape: Shape): {
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number, number, number];
} {
  const size = (limit: number) => 1 + random.integer(Math.min(5, limit + 1));
  const edge = () => random.integer(3);
  const plain = random.integer(2) === 0;
  return {
    kernel: [size(shape[1]), size(shape[2])],
    stride: plain ? [1, 1] : [1 + random.integer(3), 1 + random.integer(3)],
    padding: plain ? [0, 0, 0, 0] : [edge(), edge(), edge(), edge()],
  };
}

/** Weights whose sums have a spread of about `gain`, so that early spikes, silence and everything between occur. */
function randomWeights(random: Random, neurons: number, fanIn: number): { weights: Float32Array; bias: Float32Array } {
  const gain = pick(random, [0.5, 1, 2, 4]) * pick(random, [1, 1, 1, 0.01, 30]) ** (random.integer(4) === 0 ? 1 : 0);
  const spread = gain * 1.7 / Math.sqrt(fanIn);
  const tilt = random.between(-0.3, 0.6);
  const bias = random.integer(4) === 0 ? 2 : 0.4;
  return {
    weights: Float32Array.from({ length: neurons * fanIn }, () => (random.between(-1, 1) + tilt) * spread),
    bias: Float32Array.from({ length: neurons }, () => random.between(-bias, bias)),
  };
}

function divisors(count: number): number[] {
  return [1, 1, 1, ...Array.from({ length: count }, (_, i) => i + 1).filter((group) => count % group === 0)];
}
