/** Runs the source network over the calibration images and measures what its layers compute. */

import { ModelError } from "../core/errors.ts";
import { frameValues, toPlanar } from "../data/dataset.ts";
import type { Dataset } from "../data/dataset.ts";
import { type Ann, startAnn } from "./ann.ts";
import { createDistribution, type Distribution } from "./distribution.ts";
import { hasScale, type SourceGraph, type SourceLayer } from "./graph.ts";
import type { OnnxModel } from "./onnx/model.ts";

/** How image bytes become the model's input: (byte / 255 − mean) / std, one number a channel. */
export interface Pixels {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What the images are, and how many of them. */
export interface Images {
  readonly data: Dataset;
  /** The first so many. */
  readonly count: number;
  readonly pixels: Pixels;
}

/** What was measured. */
export interface Calibration {
  readonly frames: number;
  /** One a layer, before its ReLU; null for pools and flatten, whose values are their inputs'. */
  readonly distributions: readonly (Distribution | null)[];
  /** The best score of each image, before any softmax; empty when the output is a pool. */
  readonly bestScores: Distribution;
  /** Class that the source network gave each image. */
  readonly predictions: Int32Array;
  /** Of the images with a class; null when none has. */
  readonly accuracy: number | null;
}

/** Called as work goes on. */
export type Tick = (done: number, total: number) => void;

/** Numbers that all distributions together keep exactly: 256 MiB. */
const EXACT_TOTAL = 2 ** 26;
const EXACT_EACH = 2 ** 21;

/**
 * Measures every layer in one pass.
 *
 * @throws {ModelError} `convert.activation` naming the layer when it computes NaN or infinity; `convert.ann`
 */
export async function calibrate(
  model: OnnxModel,
  graph: SourceGraph,
  images: Images,
  tick: Tick = () => {},
): Promise<Calibration> {
  const measured = graph.layers.filter(hasScale);
  const each = Math.min(EXACT_EACH, Math.floor(EXACT_TOTAL / measured.length));
  const distributions = graph.layers.map((layer) => (hasScale(layer) ? createDistribution(each) : null));
  const names = [graph.output, ...measured.map((layer) => layer.tensor)];
  const own = distributions.filter((item) => item !== null);
  const bestScores = createDistribution();
  const scored = distributions[distributions.length - 1] !== null;
  const predictions = new Int32Array(images.count);
  let correct = 0;
  let known = 0;
  await eachFrame(model, graph, images, names, ([output, ...values], index, label) => {
    values.forEach((value, i) => addTo(own[i], value, measured[i], index));
    if (scored) bestScores.add(Float32Array.of(Math.max(...values[values.length - 1])));
    predictions[index] = largest(output);
    if (label >= 0) known++;
    if (label === predictions[index]) correct++;
    tick(index + 1, images.count);
  });
  const accuracy = known === 0 ? null : correct / known;
  return { frames: images.count, distributions, bestScores, predictions, accuracy };
}

/**
 * Measures one layer as the method's authors do: its input already divided by `inputScale`, its bias not yet divided.
 *
 * @throws {ModelError} as `calibrate`
 */
export async function measureSequential(
  model: OnnxModel,
  graph: SourceGraph,
  images: Images,
  { layer, inputScale }: { layer: Extract<SourceLayer, { bias: Float64Array }>; inputScale: number },
  tick: Tick = () => {},
): Promise<Distribution> {
  const distribution = createDistribution(EXACT_EACH);
  const channels = layer.bias.length;
  const channelsLast = layer.layout === "hwc";
  await eachFrame(model, graph, images, [layer.tensor], ([values], index) => {
    const area = values.length / channels;
    for (let i = 0; i < values.length; i++) {
      const bias = layer.bias[channelsLast ? i % channels : Math.floor(i / area)];
      values[i] = (values[i] - bias) / inputScale + bias;
    }
    addTo(distribution, values, layer, index);
    tick(index + 1, images.count);
  });
  return distribution;
}

/** Class that the source network gives each image. */
export async function predict(
  model: OnnxModel,
  graph: SourceGraph,
  images: Images,
  tick: Tick = () => {},
): Promise<Int32Array> {
  const predictions = new Int32Array(images.count);
  await eachFrame(model, graph, images, [graph.output], ([scores], index) => {
    predictions[index] = largest(scores);
    tick(index + 1, images.count);
  });
  return predictions;
}

/** Accuracy of predictions on the first images; null when none has a class. */
export function accuracyOf(predictions: Int32Array, images: Images): number | null {
  const bytes = new Uint8Array(frameValues(images.data));
  let known = 0;
  let correct = 0;
  for (let i = 0; i < images.count; i++) {
    const label = images.data.frame(i, bytes);
    if (label >= 0) known++;
    if (label === predictions[i]) correct++;
  }
  return known === 0 ? null : correct / known;
}

/** Runs the model on each image with the named values read. */
export async function eachFrame(
  model: OnnxModel,
  graph: SourceGraph,
  images: Images,
  names: readonly string[],
  take: (values: Float32Array[], index: number, label: number, bytes: Uint8Array) => void,
): Promise<void> {
  const { data, count } = images;
  const bytes = new Uint8Array(frameValues(data));
  const input = new Float32Array(bytes.length);
  const ann: Ann = await startAnn(model, { name: graph.input.name, dims: inputDims(model, graph) }, names);
  try {
    for (let index = 0; index < count; index++) {
      const label = data.frame(index, bytes);
      fillInput(bytes, data.shape[2], images.pixels, graph.input.layout, input);
      take(await ann.run(input), index, label, bytes);
    }
  } finally {
    await ann[Symbol.asyncDispose]();
  }
}

/** Sizes of the model's input for one frame. */
export function inputDims(model: OnnxModel, graph: SourceGraph): number[] {
  const [channels, height, width] = graph.input.shape;
  const rank = model.inputs[0].dims!.length;
  if (rank === 2) return [1, channels * height * width];
  if (rank === 3) return [1, height, width];
  return graph.input.layout === "chw" ? [1, channels, height, width] : [1, height, width, channels];
}

/** Image bytes `[height, width, channels]` as the model wants them: divided, centred, in its order of axes. */
export function fillInput(
  bytes: Uint8Array,
  channels: number,
  pixels: Pixels,
  layout: string,
  input: Float32Array,
): void {
  if (layout === "chw") toPlanar(bytes, channels, input);
  else input.set(bytes);
  const area = bytes.length / channels;
  for (let i = 0; i < input.length; i++) {
    const channel = layout === "chw" ? Math.floor(i / area) : i % channels;
    input[i] = (input[i] / 255 - pixels.mean[channel]) / pixels.std[channel];
  }
}

/** Index of the largest value; the lowest of those that tie. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

// ---------------------------------------------------------------------------------------------------------------------

function addTo(distribution: Distribution, values: Float32Array, layer: SourceLayer, frame: number): void {
  const bad = distribution.add(values);
  if (bad < 0) return;
  const message = `Cannot calibrate layer ${JSON.stringify(layer.name)} as its values must be finite numbers: ` +
    `found ${values[bad]} in tensor ${JSON.stringify(layer.tensor)} on image ${frame}`;
  throw new ModelError("convert.activation", message, {
    hint: "Look for infinite weights, a division by 0, or images outside the range that the model was trained on",
    facts: { layer: layer.name, tensor: layer.tensor, frame },
  });
}
