/** A network built from a source network with one percentile and one t_max. */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Network } from "../core/network.ts";
import { createTiming } from "../ttfs/timing.ts";
import { buildLayers, type Built } from "./build.ts";
import type { Calibration } from "./calibrate.ts";
import { widen } from "./headroom.ts";
import { isPlain } from "./pixels.ts";
import { jointScales, sequentialScales } from "./normalise.ts";
import type { ConvertOptions, Progress } from "./options.ts";
import type { Scales } from "./scales.ts";
import type { Source } from "./source.ts";

/** A source network, calibrated, and what is to be made of it. */
export interface Work extends Source {
  readonly options: ConvertOptions;
  readonly calibration: Calibration;
  readonly progress: Progress;
}

/** A network, and how it came about. */
export interface Candidate {
  readonly network: Network;
  readonly built: Built;
  readonly scales: Scales;
}

/** Written into every network file. */
export const CONVERTER = "quartz convert 1";

/** Builds a network; by the joint rule with as much headroom as its layers need. */
export async function buildCandidate(work: Work, percentile: number, tMax: number): Promise<Candidate> {
  const { options: { convention = "quartz-2023", normalise = "joint" }, graph, plan, calibration, progress } = work;
  const timing = createTiming(convention, tMax);
  if (normalise === "joint") {
    return await widen(work, percentile, (headroom) => {
      return assemble(work, tMax, percentile, jointScales(graph, plan, calibration, { timing, percentile, headroom }));
    });
  }
  const scales = await sequentialScales(work.model, graph, plan, work.images, percentile, (done, total) => {
    progress("normalising layer after layer", done, total);
  });
  return assemble(work, tMax, percentile, scales);
}

// ---------------------------------------------------------------------------------------------------------------------

function assemble(work: Work, tMax: number, percentile: number, scales: Scales): Candidate {
  const { model, graph, plan, images, options, labels } = work;
  const { convention = "quartz-2023", normalise = "joint" } = options;
  const built = buildLayers(graph, plan, scales, createTiming(convention, tMax).unit);
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
      sourcePixels: isPlain(images.pixels) ? null : images.pixels,
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
