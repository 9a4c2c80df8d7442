/** Networks, boards and frames for tests of the board path. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Layer, Network } from "../../src/core/network.ts";
import { parseIdx } from "../../src/data/idx.ts";
import type { Board } from "../../src/loihi/board.ts";
import { parseBoard } from "../../src/loihi/board_schema.ts";
import { createByteEncoder } from "../../src/ttfs/encode.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { mnistFolder } from "./mnist_model.ts";
import { goldenMnistNetwork } from "./networks.ts";
import { floatsOf, readVectorContainer } from "./vectors.ts";

/** Factors on weights and biases of the four layers of the published Loihi network. */
const LAYER_FACTORS = [1.2470399948327828, 0.9052967932549607, 1.4555583482919765, 0.2525526552185343];

/** A board that comes with the program. */
export function testBoard(name = "nahuku-32"): Board {
  const path = fileURLToPath(new URL(`../../firmware-config/${name}.json`, import.meta.url));
  return parseBoard(JSON.parse(readFileSync(path, "utf8")), name);
}

/**
 * The authors' Loihi network for MNIST: their weights, their factors, every layer rectified.
 *
 * The golden files hold the weights after their later normalisation, whose scales stand beside them; here it is undone. All in
 * float64, as the published traces were made.
 */
export function authorsMnistNetwork(tMax: number): Network {
  const scales = floatsOf(readVectorContainer("quartz-mnist-normalised-p99.safetensors"), "scales");
  const network = goldenMnistNetwork();
  let number = 0;
  let product = 1;
  const layers = network.layers.map((layer): Layer => {
    if (layer.kind !== "conv2d" && layer.kind !== "dense") return layer;
    const factor = LAYER_FACTORS[number];
    const scale = scales[number++];
    product *= scale;
    const by = (values: Float32Array, undo: number) =>
      Float64Array.from(values, (value) => Math.fround(value * undo) * factor) as unknown as Float32Array;
    return { ...layer, rectify: true, weights: by(layer.weights, scale), bias: by(layer.bias, product) };
  });
  return { ...network, layers, tMax, convention: "quartz-loihi" };
}

/** MNIST's test images and labels. */
export function mnistTestSet(): { images: Uint8Array; labels: Uint8Array } {
  const read = (name: string) => parseIdx(readFileSync(join(mnistFolder(), name)), name).values;
  return { images: read("t10k-images-idx3-ubyte"), labels: read("t10k-labels-idx1-ubyte") };
}

/** Encodes frames of `network` as a board takes them. */
export function boardEncoder(network: Network): { encode(bytes: Uint8Array, levels: Int16Array): number } {
  return createByteEncoder(createTiming("quartz-loihi", network.tMax), network.input);
}
