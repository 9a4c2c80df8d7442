/** Decides what the options leave to measurement: bias channels, percentile, t_max. */

import { createFastKernel } from "../simulator/kernel_fast.ts";
import { boardSteps } from "../telemetry/energy_model.ts";
import { accuracyOf } from "./calibrate.ts";
import { buildCandidate, type Candidate, type Work } from "./candidate.ts";
import { measureNetwork } from "./measure.ts";
import { chooseTrial, PERCENTILES, T_MAX_VALUES, type Trial } from "./search.ts";
import { planShifts } from "./shifts.ts";
import { limited } from "./source.ts";

const SEARCH_FRAMES = 200;
/** Share of images that must be won for bias channels to be worth their neurons. */
const EXACT_BIAS_GAIN = 0.005;
/** Images of the first look at bias channels, and of the last. */
const [COMPARED_FRAMES_MIN, COMPARED_FRAMES_MAX] = [200, 3200];

/** The work with bias channels, where the options ask for them or measurement shows them better. */
export async function chooseBiases(work: Work): Promise<Work> {
  const { options, graph } = work;
  const { exactBias = "auto", normalise = "joint" } = options;
  if (exactBias === false || normalise !== "joint") return work;
  const exact: Work = { ...work, plan: planShifts(graph, [], true) };
  if (exactBias === true || !exact.plan.biasChannels.includes(true)) return exact;
  return await gainsEnough(work, exact) ? exact : work;
}

/** The network that the options ask for: built once, or the best of all trials. */
export async function chooseNetwork(
  work: Work,
): Promise<{ candidate: Candidate; trials: Trial[]; trialTarget: number }> {
  const { options, images, calibration, progress } = work;
  const { percentile = 99.9, tMax = 16 } = options;
  const percentiles = percentile === "auto" ? PERCENTILES : [percentile];
  const tMaxValues = tMax === "auto" ? T_MAX_VALUES : [tMax];
  if (percentile !== "auto" && tMax !== "auto") {
    return { candidate: await buildCandidate(work, percentile, tMax), trials: [], trialTarget: 1 };
  }
  const searched = limited(images, options.searchFrames ?? SEARCH_FRAMES);
  const trials: Trial[] = [];
  const total = percentiles.length * tMaxValues.length;
  for (const p of percentiles) {
    for (const t of tMaxValues) {
      const { network } = await buildCandidate(work, p, t);
      const measurement = await measureNetwork(network, searched, {
        createKernel: options.createKernel ?? createFastKernel,
        predictions: calibration.predictions,
      });
      trials.push({ percentile: p, tMax: t, measurement, frameSteps: boardSteps(network) });
      progress("trying percentiles and t_max", trials.length, total);
    }
  }
  const trialTarget = accuracyOf(calibration.predictions, searched) ?? 1;
  const budget = { accuracyLossMax: 0.005, stepsMax: null, ...options.budget };
  const chosen = chooseTrial(trials, trialTarget, budget);
  return { candidate: await buildCandidate(work, chosen.percentile, chosen.tMax), trials, trialTarget };
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * Whether bias channels win enough images, twice their own uncertainty beyond doubt. Images are added until it is certain
 * either way: both networks answer most of them alike, and only those on which they differ say anything.
 */
async function gainsEnough(plain: Work, exact: Work): Promise<boolean> {
  const { options: { percentile = 99.9, tMax = 16, createKernel = createFastKernel }, images, calibration } = plain;
  const networks: Candidate["network"][] = [];
  for (const work of [plain, exact]) {
    const { network } = await buildCandidate(work, number(percentile, 99.9), number(tMax, 16));
    networks.push(network);
  }
  const last = Math.min(images.count, COMPARED_FRAMES_MAX);
  let won = 0;
  let differ = 0;
  for (let done = 0, end = COMPARED_FRAMES_MIN; done < last; done = end, end *= 2) {
    end = Math.min(end, last);
    const right = networks.map(() => new Uint8Array(end));
    for (const [i, network] of networks.entries()) {
      await measureNetwork(network, limited(images, end), {
        createKernel,
        first: done,
        onAnswer: (index, answer) => right[i][index] = answer === calibration.predictions[index] ? 1 : 0,
      });
    }
    for (let i = done; i < end; i++) {
      won += right[1][i] - right[0][i];
      differ += right[1][i] ^ right[0][i];
    }
    plain.progress("comparing biases", end, last);
    const [gain, doubt] = [won / end, 2 * Math.sqrt(differ) / end];
    if (gain - doubt >= EXACT_BIAS_GAIN) return true;
    if (gain + doubt < EXACT_BIAS_GAIN) return false;
  }
  // Still in doubt: what was seen decides, when it is more than chance.
  return won / last >= EXACT_BIAS_GAIN && won >= 2 * Math.sqrt(differ);
}

function number(value: number | "auto", instead: number): number {
  return value === "auto" ? instead : value;
}
