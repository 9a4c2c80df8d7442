/** What is converted, read and understood: the model, its layers, the images, the classes. */

import { type Issue, ModelError } from "../core/errors.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { classId, withClasses } from "../data/classes.ts";
import { spreadOut } from "../data/spread.ts";
import { averagesAsWeights } from "./averages.ts";
import type { Images } from "./calibrate.ts";
import type { SourceGraph } from "./graph.ts";
import { lowerModel } from "./lower/lower.ts";
import type { OnnxModel } from "./onnx/model.ts";
import { openOnnx } from "./onnx/read.ts";
import type { ConvertOptions } from "./options.ts";
import { foldPixels, pixelsOf } from "./pixels.ts";
import { ungroupWhereSigned } from "./ungroup.ts";
import { planShifts, type ShiftPlan } from "./shifts.ts";

/** A source network and what it is calibrated with. */
export interface Source {
  readonly model: OnnxModel;
  readonly graph: SourceGraph;
  readonly plan: ShiftPlan;
  readonly images: Images;
  readonly labels: readonly string[];
}

/** Fewest images to calibrate with. */
export const CALIBRATION_FRAMES_MIN = 16;

/**
 * Reads all of it.
 *
 * @throws {ModelError} `onnx.*`, `convert.frames`, `convert.unsupported`, `convert.signed`, `convert.labels`
 * @throws {ConfigError} `convert.pixels`, `data.*`
 */
export async function readSource(options: ConvertOptions): Promise<Source> {
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
  const graph = ungroupWhereSigned(averagesAsWeights(foldPixels(lowerModel(model, shape, modelPath), pixels)));
  const issues: Issue[] = [];
  const plan = planShifts(graph, issues);
  if (issues.length > 0) {
    const message = `Cannot convert ${JSON.stringify(modelPath)}: ${issues.length} layer(s) read values below zero`;
    throw new ModelError("convert.signed", message, { issues });
  }
  const labels = labelsOf(options, sizeOf(graph.layers[graph.layers.length - 1].shape));
  return { model, graph, plan, labels, images: { data: spreadOut(withClasses(data, labels)), count, pixels } };
}

/**
 * The images that the finished network is measured with: a set of their own, or those for calibration.
 *
 * @throws {ModelError} `convert.measure` when they have another size
 */
export function imagesToMeasure({ images, labels }: Source, { measureData, measureFrames }: ConvertOptions): Images {
  if (measureData === undefined) return limited(images, measureFrames ?? images.count);
  const [wanted, found] = [images.data.shape.join("x"), measureData.shape.join("x")];
  if (wanted !== found) {
    const message =
      `Cannot measure on ${JSON.stringify(measureData.name)} as its images must be ${wanted}, like those ` +
      `for calibration: found ${found}`;
    throw new ModelError("convert.measure", message, { facts: { wanted, found } });
  }
  const data = spreadOut(withClasses(measureData, labels));
  return limited({ data, count: data.count, pixels: images.pixels }, measureFrames ?? data.count);
}

/** The first so many images. */
export function limited(images: Images, count: number): Images {
  return { ...images, count: Math.min(images.count, count) };
}

// ---------------------------------------------------------------------------------------------------------------------

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
