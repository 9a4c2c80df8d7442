/** Networks to time: the authors' MNIST network, and larger ones with random weights and realistic activity. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { outputShape } from "../../../src/core/geometry.ts";
import type { Layer, Network } from "../../../src/core/network.ts";
import { createRandom, type Random } from "../../../src/core/random.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { type Shape, sizeOf } from "../../../src/core/shape.ts";
import { openNetwork } from "../../../src/model/load.ts";
import { createFastKernel } from "../../../src/simulator/kernel_fast.ts";
import { createTiming } from "../../../src/ttfs/timing.ts";
import { makeNetwork } from "../../support/networks.ts";

/** Layers in short: `c64` convolution 3x3 to 64 channels, `c64/2` with stride 2, `d` depthwise, `p96` pointwise, `m` 2x2 pool, `g` global pool, `f10` dense. */
const VGG11 = "c64 m c128 m c256 c256 m c512 c512 m c512 c512 m f4096 f10";
const MOBILENET =
  "c24/2 d p48 d/2 p96 d p96 d/2 p192 d p192 d/2 p384 d p384 d p384 d p384 d p384 d p384 d/2 p768 d p768 g f1000";

/** Where to cut a normal distribution to leave a share active: for a layer, and for one whose 2x2 pool then has that share. */
const DENSITIES = { 0.1: [1.2816, 1.881], 0.3: [0.5244, 1.2265], 0.6: [-0.2533, 0.6745] } as const;
/** 99.5 % of a normal distribution lie below. */
const TOP = 2.5758;

/** Share of active sources. */
export type Density = keyof typeof DENSITIES;

/** The bundled MNIST network. */
export async function mnistLenet(): Promise<Network> {
  const path = fileURLToPath(new URL("../../../models/mnist-lenet/network.safetensors", import.meta.url));
  if (!existsSync(path)) throw new Error(`Cannot time mnist-lenet as ${path} is missing`);
  return await openNetwork(path);
}

/** VGG11 for 32x32 frames, about 170 M multiply-adds. */
export function vgg11(density: Density): Network {
  return randomNetwork("vgg11", VGG11, [3, 32, 32], density);
}

/** MobileNet, width 0.75, for 224x224 frames, about 320 M multiply-adds. */
export function mobilenet(density: Density): Network {
  return randomNetwork("mobilenet-224", MOBILENET, [3, 224, 224], density);
}

/** A frame of random levels, all active, `[channels, height, width]`. */
export function randomFrame(network: Network, seed: number): Int16Array {
  const random = createRandom(seed);
  const { unit } = createTiming(network.convention, network.tMax);
  return Int16Array.from({ length: sizeOf(network.input.shape) }, () => random.integer(unit + 1));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Builds layer after layer; each one's weights are scaled by what its source was seen to do on one frame. */
function randomNetwork(name: string, text: string, shape: Shape, density: Density): Network {
  const random = createRandom(1);
  const input = { shape, color: "rgb" as const, mean: [0, 0, 0], std: [1, 1, 1] };
  const layers: Layer[] = [];
  let levels = randomFrame(makeNetwork({ layers: [{ kind: "flatten", name: "", inputs: [-1], shape }], input }), 1);
  let source = shape;
  const words = text.split(" ");
  for (const [index, word] of words.entries()) {
    const cut = DENSITIES[density][words[index + 1] === "m" ? 1 : 0];
    const layer = randomLayer(random, word, source, { levels, cut });
    layers.push({ ...layer, name: `${word}_${layers.length}`, inputs: [layers.length - 1] } as Layer);
    const alone = makeNetwork({ layers: [layer], input: { ...input, shape: source } });
    const output = createInferenceOutput(alone);
    createFastKernel(alone).run(levels, output);
    levels = output.levels.slice();
    source = layer.shape;
  }
  const last = layers[layers.length - 1];
  return makeNetwork({ name, layers: [...layers.slice(0, -1), { ...last, rectify: false } as Layer], input });
}

function randomLayer(
  random: Random,
  word: string,
  source: Shape,
  activity: { levels: Int16Array; cut: number },
): Layer {
  const [, kind, size, stride] = /^([cdpmgf])(\d*)\/?(\d*)$/.exec(word)!;
  const name = word;
  const inputs = [-1];
  const step = Number(stride || 1);
  if (kind === "m") {
    const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
    return {
      kind: "max_pool",
      name,
      inputs,
      ...window,
      shape: outputShape({ kind: "max_pool", ...window }, source, 0),
    };
  }
  if (kind === "g") return { kind: "global_avg_pool", name, inputs, rectify: true, shape: [source[0], 1, 1] };
  const channels = kind === "d" ? source[0] : Number(size);
  const groups = kind === "d" ? source[0] : 1;
  const side = kind === "p" ? 1 : 3;
  const fanIn = kind === "f" ? sizeOf(source) : source[0] / groups * side * side;
  const weighted = { name, inputs, rectify: true, scale: 1, ...randomWeights(random, channels, fanIn, activity) };
  if (kind === "f") return { kind: "dense", ...weighted, shape: [channels, 1, 1] };
  const edge = (side - 1) / 2;
  const window = {
    kernel: [side, side],
    stride: [step, step],
    padding: [edge, edge, edge, edge],
    dilation: [1, 1],
  } as const;
  return {
    kind: "conv2d",
    ...weighted,
    ...window,
    groups,
    shape: outputShape({ kind: "conv2d", ...window }, source, channels),
  };
}

/** Weights whose sums spread as the source's activity does; their mean sets the density, as a bias would add early spikes. */
function randomWeights(
  random: Random,
  neurons: number,
  fanIn: number,
  { levels, cut }: { levels: Int16Array; cut: number },
): { weights: Float32Array; bias: Float32Array } {
  const values = Array.from(levels, (level) => level / 15);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const spread = 1 / (TOP - cut);
  const weights = new Float32Array(neurons * fanIn);
  for (let neuron = 0; neuron < neurons; neuron++) {
    const own = Array.from({ length: fanIn }, () => normal(random));
    const center = own.reduce((sum, value) => sum + value, 0) / fanIn;
    const power = Math.sqrt(own.reduce((sum, value) => sum + (value - center) ** 2, 0) * Math.max(variance, 1e-6)) || 1;
    const shift = -cut * spread / (fanIn * Math.max(mean, 1e-3));
    for (let i = 0; i < fanIn; i++) weights[neuron * fanIn + i] = (own[i] - center) / power * spread + shift;
  }
  return { weights, bias: new Float32Array(neurons) };
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
