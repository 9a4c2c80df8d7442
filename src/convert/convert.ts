/** From an ONNX model and images to a network file: read, calibrate, normalise, build, measure. */

import type { Network } from "../core/network.ts";
import { loadNetwork } from "../model/load.ts";
import { saveNetwork } from "../model/save.ts";
import { createFastKernel, type FastKernel } from "../simulator/kernel_fast.ts";
import { createReferenceKernel } from "../simulator/kernel_reference.ts";
import type { Built } from "./build.ts";
import { accuracyOf, calibrate, type Calibration, predict } from "./calibrate.ts";
import { chooseBiases, chooseNetwork } from "./choose.ts";
import type { SourceGraph } from "./graph.ts";
import { type LayerError, measureErrors } from "./layer_errors.ts";
import { type Measurement, measureNetwork } from "./measure.ts";
import type { ConvertOptions, Progress } from "./options.ts";
import { referenceFrames, withProof } from "./proof.ts";
import type { Scales } from "./scales.ts";
import type { Trial } from "./search.ts";
import type { ShiftPlan } from "./shifts.ts";
import { imagesToMeasure, limited, readSource } from "./source.ts";

export type { ConvertOptions, Progress } from "./options.ts";

/** What came out. */
export interface ConvertResult {
  /** The network file. */
  readonly bytes: Uint8Array;
  readonly network: Network;
  readonly graph: SourceGraph;
  readonly scales: Scales;
  readonly built: Built;
  readonly calibration: Calibration;
  /** With the simulator's integer weights. */
  readonly measurement: Measurement;
  /** With the float64 reference kernel, on fewer images. */
  readonly reference: Measurement;
  /** Accuracy of the source network on the images that `measurement` saw; null without classes. */
  readonly annAccuracy: number | null;
  readonly errors: readonly LayerError[];
  /** Bytes of tables and maps that the simulator needs to run it; null for a kernel that does not say. */
  readonly simulatorBytes: number | null;
  /** Trials of `auto`; empty without it. */
  readonly trials: readonly Trial[];
  /** What trials are compared with: the source network's accuracy on the same images, or 1 without classes. */
  readonly trialTarget: number;
  readonly notes: readonly string[];
}

const ERROR_FRAMES = 16;

/**
 * Converts a model.
 *
 * @throws {ModelError} `onnx.*` for the file, `convert.*` for what cannot be converted or calibrated
 * @throws {ConfigError} `data.*` for the images
 */
export async function convert(options: ConvertOptions, progress: Progress = () => {}): Promise<ConvertResult> {
  const source = await readSource(options);
  const { model, graph, images } = source;
  const calibration = await calibrate(model, graph, images, (done, total) => progress("calibrating", done, total));
  const work = await chooseBiases({ ...source, options, calibration, progress });
  const { candidate, trials, trialTarget } = await chooseNetwork(work);
  const measured = imagesToMeasure(source, options);
  const predictions = options.measureData === undefined
    ? calibration.predictions
    : await predict(model, graph, measured, (done, total) => progress("running the source network", done, total));
  let simulatorBytes: number | null = null;
  const measurement = await measureNetwork(candidate.network, measured, {
    createKernel: options.createKernel ?? createFastKernel,
    predictions,
    tick: (done, total) => progress("measuring", done, total),
    inspect: (kernel, index) => {
      if (index === 0 && "describe" in kernel) simulatorBytes = (kernel as FastKernel).describe().memoryBytes;
    },
  });
  const slow = limited(measured, referenceFrames(candidate.network));
  const reference = await measureNetwork(candidate.network, slow, {
    createKernel: createReferenceKernel,
    predictions,
    tick: (done, total) => progress("measuring by the reference kernel", done, total),
  });
  const errors = await measureErrors({ ...work, ...candidate, images: limited(slow, ERROR_FRAMES) });
  const { built, scales } = candidate;
  const annAccuracy = accuracyOf(predictions, measured);
  const network = withProof(candidate.network, { images, annAccuracy, measurement });
  const bytes = saveNetwork(network);
  return {
    bytes,
    // Loading checks everything that the format demands, and gives the file's own digest.
    network: loadNetwork(bytes, options.modelPath),
    graph,
    scales,
    built,
    calibration,
    measurement,
    reference,
    annAccuracy,
    errors,
    simulatorBytes,
    trials,
    trialTarget,
    notes: [...graph.notes, ...scales.notes, ...channelNotes(work.plan), ...boundNotes(graph, calibration)],
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** What was added to layers, for the report. */
function channelNotes(plan: ShiftPlan): string[] {
  const count = (list: readonly (number | boolean)[]) => list.filter((item) => Number(item) > 0).length;
  const notes: string[] = [];
  const shifted = count(plan.shifted);
  if (shifted > 0) notes.push(`${shifted} layer(s) may be negative and are shifted; ${count(plan.masks)} have masks`);
  if (plan.inputMasks > 0) notes.push("the input's mean meets padding, so a layer with a mask stands before the first");
  if (count(plan.biasChannels) > 0) notes.push(`${count(plan.biasChannels)} layer(s) have a channel for exact biases`);
  return notes;
}

/** What becomes of upper bounds such as ReLU6's: no spike cuts a value off, its scale only ends there at the latest. */
function boundNotes(graph: SourceGraph, { distributions }: Calibration): string[] {
  const bounded = graph.layers.flatMap((layer, index) => {
    const values = distributions[index];
    if (layer.clip === null || values === null) return [];
    return [{ name: layer.name, clip: layer.clip, share: values.shareAbove(layer.clip), max: values.max }];
  });
  const over = bounded.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
  if (bounded.length === 0) return [];
  if (over.length === 0) {
    return [`${bounded.length} layer(s) have an upper bound that no calibration image reaches: exact`];
  }
  const [{ name, clip, share, max }] = over;
  return [
    `upper bounds are not cut off by spikes: ${over.length} of ${bounded.length} layers with one go beyond it, ` +
    `${name} most often: ${(100 * share).toPrecision(2)} % of its values are above ${clip}, up to ${
      max.toPrecision(3)
    }`,
  ];
}
