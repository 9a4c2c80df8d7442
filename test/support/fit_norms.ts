/**
 * Gives a random network activations worth comparing: every BatchNorm gets the mean and deviation of what it sees, as after
 * training, and the scores a mean of 0, so that images get different classes. Without it most of a deep random network is
 * dead or the same on all images, and two of them agree whatever they compute.
 */

import { startAnn } from "../../src/convert/ann.ts";
import { fillInput } from "../../src/convert/calibrate.ts";
import { parseOnnx } from "../../src/convert/onnx/read.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { type ModelParts, onnxModel, type TensorParts } from "./onnx_models.ts";

/** How images become the model's input: one mean and deviation a channel. */
interface Pixels {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The model, fitted on the first `count` images. One run over them for each BatchNorm. */
export async function fitNorms(parts: ModelParts, data: Dataset, count: number, pixels: Pixels): Promise<ModelParts> {
  const weights: Record<string, TensorParts> = { ...parts.weights };
  for (const [index, [op, inputs]] of parts.nodes.entries()) {
    if (op !== "BatchNormalization") continue;
    const before = { ...parts, nodes: parts.nodes.slice(0, index), weights, outputs: [inputs[0]] };
    const channels = weights[inputs[1]].dims[0];
    const { mean, variance } = await momentsOf(before, data, count, pixels, channels);
    weights[inputs[3]] = { dims: [channels], values: mean };
    weights[inputs[4]] = { dims: [channels], values: variance };
  }
  const [, scores] = parts.nodes[parts.nodes.length - 1];
  const classes = weights[scores[2]].dims[0];
  const { mean } = await momentsOf({ ...parts, weights }, data, count, pixels, classes);
  weights[scores[2]] = { dims: [classes], values: mean.map((value) => -value) };
  return { ...parts, weights };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Mean and variance of each channel of the model's output over the images. */
async function momentsOf(
  parts: ModelParts,
  data: Dataset,
  count: number,
  pixels: Pixels,
  channels: number,
): Promise<{ mean: Float32Array; variance: Float32Array }> {
  const [height, width, colours] = data.shape;
  const bytes = new Uint8Array(height * width * colours);
  const input = new Float32Array(bytes.length);
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  let total = 0;
  const model = await parseOnnx(onnxModel(parts), "fit");
  await using ann = await startAnn(model, { name: "x", dims: [1, colours, height, width] }, parts.outputs);
  for (let index = 0; index < count; index++) {
    data.frame(index, bytes);
    fillInput(bytes, colours, pixels, "chw", input);
    const [values] = await ann.run(input);
    const area = values.length / channels;
    values.forEach((value, i) => {
      sums[Math.floor(i / area)] += value;
      squares[Math.floor(i / area)] += value * value;
    });
    total += area;
  }
  const mean = Float32Array.from(sums, (sum) => sum / total);
  const variance = Float32Array.from(squares, (square, i) => Math.max(1e-4, square / total - mean[i] ** 2));
  return { mean, variance };
}
