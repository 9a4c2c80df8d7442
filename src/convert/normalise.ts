/** The two ways to choose scales: all layers at once, or one after the other as the method's authors did. */

import { type Issue, ModelError } from "../core/errors.ts";
import { createTiming, type Timing } from "../ttfs/timing.ts";
import { BIAS_MAX } from "../model/check.ts";
import { type Calibration, type Images, measureSequential, type Tick } from "./calibrate.ts";
import { hasWeights, type SourceGraph } from "./graph.ts";
import type { OnnxModel } from "./onnx/model.ts";
import { chooseScales, growForBias, type Scales } from "./scales.ts";
import type { ShiftPlan } from "./shifts.ts";

/** `joint`: a layer's scale is its percentile. `quartz-2023`: the authors' rule, which measures with biases not yet divided. */
export type Normalisation = "joint" | "quartz-2023";

/** Largest coded bias of a convention: a bias spike codes up to 2, on the chip's axon delay up to 1. */
export function biasMaxOf(timing: Timing): number {
  return timing.strict ? 1 : BIAS_MAX;
}

/**
 * Scales by the joint rule.
 *
 * @throws {ModelError} `convert.calibration` listing layers that are always 0
 */
export function jointScales(
  graph: SourceGraph,
  plan: ShiftPlan,
  calibration: Calibration,
  { timing, percentile, headroom }: { timing: Timing; percentile: number; headroom?: readonly number[] },
): Scales {
  const issues: Issue[] = [];
  const options = { percentile, unit: timing.unit, biasMax: biasMaxOf(timing), headroom };
  const scales = chooseScales(graph, plan, calibration, options, issues);
  if (issues.length > 0) throw calibrationError(issues);
  return scales;
}

/**
 * Scales by the authors' rule: layer after layer, m = percentile of the layer's outputs with earlier layers divided and its own
 * bias not; weights / m, bias / product of all m so far. One pass over the images a layer.
 *
 * @throws {ModelError} `convert.sequential` for networks with branches or layers without ReLU, for which there is no such rule;
 *   `convert.calibration`
 */
export async function sequentialScales(
  model: OnnxModel,
  graph: SourceGraph,
  plan: ShiftPlan,
  images: Images,
  percentile: number,
  tick: Tick,
): Promise<Scales> {
  const branches = graph.layers.find((layer, i) => layer.kind === "add" || layer.kind === "concat" || plan.shifted[i]);
  if (branches !== undefined) {
    const message = `Cannot normalise by quartz-2023 as the network must be a chain of layers with ReLU: found ` +
      `${JSON.stringify(branches.name)} (${branches.kind})`;
    throw new ModelError("convert.sequential", message, { hint: "Use --normalise joint" });
  }
  const scale: number[] = [];
  const shift = graph.layers.map(() => 0);
  const notes: string[] = [];
  const biasMax = biasMaxOf(createTiming("quartz-2023", 16));
  const passes = graph.layers.filter(hasWeights).length;
  let pass = 0;
  for (const [index, layer] of graph.layers.entries()) {
    const [input] = layer.inputs;
    const inputScale = input < 0 ? graph.input.scale[0] : scale[input];
    if (!hasWeights(layer)) {
      scale.push(inputScale);
      continue;
    }
    const done = pass++ * images.count;
    const values = await measureSequential(model, graph, images, { layer, inputScale }, (frame) => {
      tick(done + frame, passes * images.count);
    });
    const own = values.percentile(percentile);
    if (!(own > 0)) {
      const where = `layer ${JSON.stringify(layer.name)} tensor ${JSON.stringify(layer.tensor)}`;
      throw calibrationError([{ where, expected: `percentile ${percentile} above 0`, found: `${own}` }]);
    }
    scale.push(inputScale * own);
    growForBias(graph, plan, { scale, shift, notes }, index, { percentile, unit: 1, biasMax });
  }
  return { scale, shift, notes };
}

// ---------------------------------------------------------------------------------------------------------------------

function calibrationError(issues: Issue[]): ModelError {
  return new ModelError("convert.calibration", `Cannot calibrate: ${issues.length} layer(s) carry no signal`, {
    issues,
    hint: "Calibrate with images like those of training, hundreds at least, with the same mean and deviation",
  });
}
