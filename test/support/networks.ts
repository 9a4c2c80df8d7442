/** Networks for tests: the authors' MNIST network out of the golden data, and a short way to write small ones. */

import type { Layer, Network } from "../../src/core/network.ts";
import type { Shape } from "../../src/core/shape.ts";
import { sizeOf } from "../../src/core/shape.ts";
import { floatsOf, readVectorContainer } from "./vectors.ts";

/** What a test must say of a network; the rest has plain values. */
export type NetworkParts = Pick<Network, "layers"> & Partial<Network>;

/** A network from its layers; labels are numbers, the input is grey or RGB by its channels. */
export function makeNetwork(parts: NetworkParts): Network {
  const shape: Shape = parts.input?.shape ?? [1, 1, 1];
  const outputs = sizeOf(parts.layers[parts.layers.length - 1].shape);
  return {
    name: "test",
    digest: "0".repeat(64),
    convention: "quartz-2023",
    tMax: 16,
    input: {
      shape,
      color: shape[0] === 3 ? "rgb" : "grey",
      mean: Array(shape[0]).fill(0),
      std: Array(shape[0]).fill(1),
    },
    outputScale: 1,
    normalisation: { method: "none", percentile: null },
    labels: Array.from({ length: outputs }, (_, i) => String(i)),
    provenance: {
      source: "",
      sourceSha256: "",
      sourcePixels: null,
      converter: "test",
      calibrationFrames: 0,
      annAccuracy: null,
      snnAccuracy: null,
      snnAccuracyFrames: null,
    },
    selfTest: null,
    ...parts,
  };
}

/** The authors' MNIST network, normalised at percentile 99, from the golden data. */
export function goldenMnistNetwork(): Network {
  const file = readVectorContainer("quartz-mnist-normalised-p99.safetensors");
  const weighted = (name: string, rectify: boolean) => ({
    name,
    rectify,
    scale: 1,
    weights: floatsOf(file, `${name}_w`),
    bias: floatsOf(file, `${name}_b`),
  });
  const plain = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 } as const;
  const halve = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
  const layers: Layer[] = [
    { kind: "conv2d", inputs: [-1], shape: [6, 24, 24], kernel: [5, 5], ...plain, ...weighted("conv1", true) },
    { kind: "max_pool", name: "pool1", inputs: [0], shape: [6, 12, 12], ...halve },
    { kind: "conv2d", inputs: [1], shape: [12, 8, 8], kernel: [5, 5], ...plain, ...weighted("conv2", true) },
    { kind: "max_pool", name: "pool2", inputs: [2], shape: [12, 4, 4], ...halve },
    { kind: "conv2d", inputs: [3], shape: [120, 1, 1], kernel: [4, 4], ...plain, ...weighted("conv3", true) },
    { kind: "flatten", name: "flatten", inputs: [4], shape: [120, 1, 1] },
    { kind: "dense", inputs: [5], shape: [10, 1, 1], ...weighted("fc1", false) },
  ];
  const input = { shape: [1, 28, 28] as const, color: "grey" as const, mean: [0], std: [1] };
  return makeNetwork({ name: "quartz-mnist", layers, input });
}
