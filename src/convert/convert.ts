/** From an ONNX model and images to a network file: read, calibrate, normalise, build, measure. */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type Issue, ModelError } from "../core/errors.ts";
import type { Convention, Network } from "../core/network.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { classId, withClasses } from "../data/classes.ts";
import { type Dataset, frameValues, toPlanar } from "../data/dataset.ts";
import { spreadOut } from "../data/spread.ts";
import { loadNetwork } from "../model/load.ts";
import { summarise } from "../model/summary.ts";
import { saveNetwork } from "../model/save.ts";
import { createFastKernel } from "../simulator/kernel_fast.ts";
import { createReferenceKernel } from "../simulator/kernel_reference.ts";
import { makeSelfTest } from "../simulator/self_test.ts";
import { boardSteps } from "../telemetry/energy_model.ts";

import { createTiming } from "../ttfs/timing.ts";
import { averagesAsWeights } from "./averages.ts";
import { buildLayers, type Built } from "./build.ts";
import { calibrate, type Calibration, type Images, predict } from "./calibrate.ts";
import type { SourceGraph } from "./graph.ts";
import { type LayerError, measureErrors } from "./layer_errors.ts";
import { lowerModel } from "./lower/lower.ts";
import { type KernelFactory, type Measurement, measureNetwork } from "./measure.ts";
import { foldPixels, pixelsOf } from "./pixels.ts";
import { jointScales, type Normalisation, sequentialScales } from "./normalise.ts";
import type { OnnxModel } from "./onnx/model.ts";
import { openOnnx } from "./onnx/read.ts";
import type { Scales } from "./scales.ts";
import { type Budget, chooseTrial, PERCENTILES, T_MAX_VALUES, type Trial } from "./search.ts";
import { planShifts, type ShiftPlan } from "./shifts.ts";

/** What to convert, and how. */
export interface ConvertOptions {
  readonly modelPath: string;
  readonly data: Dataset;
  /** The network's name; the file's by default. */
  readonly name?: string;
  /** Most images to calibrate with, drawn evenly from all; all by default. */
  readonly calibrationFrames?: number;
  /** Images to measure the finished network with, such as a test set; those that it was calibrated with by default. */
  readonly measureData?: Dataset;
  /** Most of them; all by default. */
  readonly measureFrames?: number;
  /** Most images for each trial of `auto`; 200 by default. */
  readonly searchFrames?: number;
  readonly percentile?: number | "auto";
  readonly tMax?: number | "auto";
  readonly convention?: Convention;
  readonly normalise?: Normalisation;
  readonly budget?: Partial<Budget>;
  /**
   * Give layers one more channel that brings what rounding leaves of their readers' biases. `auto`, the default, does so when
   * at least one image in 200 more then gets the source network's class. Not with `quartz-2023`, which has no such channels.
   */
  readonly exactBias?: boolean | "auto";
  /** Class names in the order of the outputs. */
  readonly labels?: readonly string[];
  /** The model's input is (byte / 255 − mean) / std; 0 and 1 by default. One number, or one a channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** Kernel to search and measure with: the simulator's own by default. */
  readonly createKernel?: KernelFactory;
}

/** Called as work goes on; `stage` is a few words. */
export type Progress = (stage: string, done: number, total: number) => void;

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
  /** Trials of `auto`; empty without it. */
  readonly trials: readonly Trial[];
  readonly notes: readonly string[];
}

/** Written into every network file. */
export const CONVERTER = "quartz convert 1";
/** Fewest images to calibrate with. */
export const CALIBRATION_FRAMES_MIN = 16;
const ERROR_FRAMES = 16;
const SEARCH_FRAMES = 200;
/** Share of images that must be won for bias channels to be worth their neurons. */
const EXACT_BIAS_GAIN = 0.005;
const SELF_TEST_FRAMES = 8;
const SELF_TEST_BYTES_MAX = 2 ** 20;
const REFERENCE_FRAMES_MIN = 2;
const REFERENCE_FRAMES_MAX = 200;
/** Additions that the reference kernel makes in about half a minute. */
const REFERENCE_WORK = 1e10;

/**
 * Converts a model.
 *
 * @throws {ModelError} `onnx.*` for the file, `convert.*` for what cannot be converted or calibrated
 * @throws {ConfigError} `data.*` for the images
 */
export async function convert(options: ConvertOptions, progress: Progress = () => {}): Promise<ConvertResult> {
  const source = await prepare(options);
  const { model, graph, images } = source;
  const calibration = await calibrate(model, graph, images, (done, total) => progress("calibrating", done, total));
  const work = await withBiases({ ...source, options, calibration, progress });
  const { candidate, trials } = await choose(work);
  const { measured, predictions } = await imagesToMeasure(work);
  const measurement = await measureNetwork(candidate.network, measured, {
    createKernel: options.createKernel ?? createFastKernel,
    predictions,
    tick: (done, total) => progress("measuring", done, total),
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
  const network = finish(candidate.network, { images, annAccuracy, measurement });
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
    trials,
    notes: [...graph.notes, ...scales.notes, ...channelNotes(work.plan)],
  };
}

// ---------------------------------------------------------------------------------------------------------------------

interface Source {
  readonly model: OnnxModel;
  readonly graph: SourceGraph;
  readonly plan: ShiftPlan;
  readonly images: Images;
  readonly labels: readonly string[];
}

interface Work extends Source {
  readonly options: ConvertOptions;
  readonly calibration: Calibration;
  readonly progress: Progress;
}

interface Candidate {
  readonly network: Network;
  readonly built: Built;
  readonly scales: Scales;
}

async function prepare(options: ConvertOptions): Promise<Source> {
  const { data, modelPath } = options;
  const count = Math.min(data.count, options.calibrationFrames ?? data.count);
  if (count < CALIBRATION_FRAMES_MIN) {
    const message =
      `Cannot calibrate ${JSON.stringify(modelPath)} as there must be at least ${CALIBRATION_FRAMES_MIN} ` +
      `images: found ${count}`;
    throw new ModelError("convert.frames", message, { hint: "A few hundred images of all classes give good scales" });
  }
  const model = await openOnnx(modelPath);
  const [height, width, channels] = data.shape;
  const shape: Shape = [channels, height, width];
  const pixels = pixelsOf(options, channels);
  const graph = averagesAsWeights(foldPixels(lowerModel(model, shape, modelPath), pixels));
  const issues: Issue[] = [];
  const plan = planShifts(graph, issues);
  if (issues.length > 0) {
    const message = `Cannot convert ${JSON.stringify(modelPath)}: ${issues.length} layer(s) read values below zero`;
    throw new ModelError("convert.signed", message, { issues });
  }
  const labels = labelsOf(options, sizeOf(graph.layers[graph.layers.length - 1].shape));
  return { model, graph, plan, labels, images: { data: spreadOut(withClasses(data, labels)), count, pixels } };
}

/** The images that the finished network is measured with, and the source network's classes of them. */
async function imagesToMeasure(work: Work): Promise<{ measured: Images; predictions: Int32Array }> {
  const { model, graph, images, labels, calibration, options: { measureData, measureFrames }, progress } = work;
  if (measureData === undefined) {
    return { measured: limited(images, measureFrames ?? images.count), predictions: calibration.predictions };
  }
  const [wanted, found] = [images.data.shape.join("x"), measureData.shape.join("x")];
  if (wanted !== found) {
    const message =
      `Cannot measure on ${JSON.stringify(measureData.name)} as its images must be ${wanted}, like those ` +
      `for calibration: found ${found}`;
    throw new ModelError("convert.measure", message, { facts: { wanted, found } });
  }
  const data = spreadOut(withClasses(measureData, labels));
  const measured = limited({ data, count: data.count, pixels: images.pixels }, measureFrames ?? data.count);
  const predictions = await predict(model, graph, measured, (done, total) => {
    progress("running the source network", done, total);
  });
  return { measured, predictions };
}

/** The work with bias channels, where the options ask for them or measurement shows them better. */
async function withBiases(work: Work): Promise<Work> {
  const { options, graph, images, calibration } = work;
  const { exactBias = "auto", normalise = "joint", percentile = 99.9, tMax = 16 } = options;
  if (exactBias === false || normalise !== "joint") return work;
  const exact: Work = { ...work, plan: planShifts(graph, [], true) };
  if (exactBias === true || !exact.plan.biasChannels.includes(true)) return exact;
  const agreements: number[] = [];
  for (const candidate of [work, exact]) {
    const { network } = await build(candidate, number(percentile, 99.9), number(tMax, 16));
    const { agreement } = await measureNetwork(network, limited(images, options.searchFrames ?? SEARCH_FRAMES), {
      createKernel: options.createKernel ?? createFastKernel,
      predictions: calibration.predictions,
    });
    agreements.push(agreement!);
  }
  return agreements[1] - agreements[0] >= EXACT_BIAS_GAIN ? exact : work;
}

function number(value: number | "auto", instead: number): number {
  return value === "auto" ? instead : value;
}

/** The network that the options ask for: built once, or the best of all trials. */
async function choose(work: Work): Promise<{ candidate: Candidate; trials: Trial[] }> {
  const { options, images, calibration, progress } = work;
  const { percentile = 99.9, tMax = 16 } = options;
  const percentiles = percentile === "auto" ? PERCENTILES : [percentile];
  const tMaxValues = tMax === "auto" ? T_MAX_VALUES : [tMax];
  if (percentile !== "auto" && tMax !== "auto") return { candidate: await build(work, percentile, tMax), trials: [] };
  const searched = limited(images, options.searchFrames ?? SEARCH_FRAMES);
  const trials: Trial[] = [];
  const total = percentiles.length * tMaxValues.length;
  for (const p of percentiles) {
    for (const t of tMaxValues) {
      const { network } = await build(work, p, t);
      const measurement = await measureNetwork(network, searched, {
        createKernel: options.createKernel ?? createFastKernel,
        predictions: calibration.predictions,
      });
      trials.push({ percentile: p, tMax: t, measurement, frameSteps: boardSteps(network) });
      progress("trying percentiles and t_max", trials.length, total);
    }
  }
  const reference = accuracyOf(calibration.predictions, searched) ?? 1;
  const budget = { accuracyLossMax: 0.005, stepsMax: null, ...options.budget };
  const chosen = chooseTrial(trials, reference, budget);
  return { candidate: await build(work, chosen.percentile, chosen.tMax), trials };
}

async function build(work: Work, percentile: number, tMax: number): Promise<Candidate> {
  const { model, graph, plan, images, calibration, options, progress, labels } = work;
  const { convention = "quartz-2023", normalise = "joint" } = options;
  const timing = createTiming(convention, tMax);
  const scales = normalise === "joint"
    ? jointScales(graph, plan, calibration, { timing, percentile })
    : await sequentialScales(model, graph, plan, images, percentile, (done, total) => {
      progress("normalising layer after layer", done, total);
    });
  const built = buildLayers(graph, plan, scales, timing.unit);
  const network: Network = {
    name: options.name ?? basename(options.modelPath).replace(/\.onnx$/i, ""),
    digest: "",
    convention,
    tMax,
    input: built.input,
    layers: built.layers,
    outputScale: built.outputScale,
    normalisation: { method: normalise, percentile },
    labels,
    provenance: {
      source: basename(options.modelPath).slice(0, 256),
      sourceSha256: createHash("sha256").update(model.bytes).digest("hex"),
      converter: CONVERTER,
      calibrationFrames: images.count,
      annAccuracy: null,
      snnAccuracy: null,
      snnAccuracyFrames: null,
    },
    selfTest: null,
  };
  return { network, built, scales };
}

function finish(
  network: Network,
  { images, annAccuracy, measurement }: { images: Images; annAccuracy: number | null; measurement: Measurement },
): Network {
  const measured = measurement.accuracy !== null;
  return {
    ...network,
    provenance: {
      ...network.provenance,
      annAccuracy,
      snnAccuracy: measurement.accuracy,
      snnAccuracyFrames: measured ? measurement.frames : null,
    },
    selfTest: makeSelfTest(network, selfTestFrames(images.data, referenceFrames(network))),
  };
}

/** A few images, evenly spread over the data set, as the network takes them; large ones fewer. */
function selfTestFrames(data: Dataset, countMax: number): Uint8Array {
  const size = frameValues(data);
  const count = Math.max(1, Math.min(SELF_TEST_FRAMES, countMax, data.count, Math.floor(SELF_TEST_BYTES_MAX / size)));
  const frames = new Uint8Array(count * size);
  const bytes = new Uint8Array(size);
  for (let i = 0; i < count; i++) {
    data.frame(Math.floor(i * data.count / count), bytes);
    toPlanar(bytes, data.shape[2], frames.subarray(i * size, (i + 1) * size));
  }
  return frames;
}

/** Images for the reference kernel: about half a minute's worth. */
function referenceFrames(network: Network): number {
  const { neurons, synapses } = summarise(network);
  const perFrame = 10 * synapses + 5 * network.tMax * neurons;
  return Math.max(REFERENCE_FRAMES_MIN, Math.min(REFERENCE_FRAMES_MAX, Math.floor(REFERENCE_WORK / perFrame)));
}

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

function limited(images: Images, count: number): Images {
  return { ...images, count: Math.min(images.count, count) };
}

/** Accuracy of predictions on the first images; null when none has a class. */
function accuracyOf(predictions: Int32Array, images: Images): number | null {
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

function labelsOf(options: ConvertOptions, outputs: number): string[] {
  const given = options.labels ?? options.data.labels ?? Array.from({ length: outputs }, (_, i) => String(i));
  const ids = given.map(classId);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (ids.length === outputs && twice === undefined) return ids;
  const found = twice === undefined ? `${ids.length}` : `${JSON.stringify(twice)} twice`;
  const message =
    `Cannot label the classes as there must be ${outputs} different labels, one an output: found ${found}`;
  throw new ModelError("convert.labels", message, {
    hint: "Give a labels file with one name a line, in the order of the model's outputs",
    facts: { labels: ids },
  });
}
