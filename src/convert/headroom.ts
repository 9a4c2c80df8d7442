/**
 * Headroom above the percentile for layers whose neurons spike before all of their input has come.
 *
 * A spike before read-out is right when the value is above 1.0, which the percentile allows for a few. It is wrong when inputs
 * that come early outweigh those that would take them back later: what large, cancelling weights do. A pool by maximum then
 * picks the wrong ones out. Such a layer gets a larger scale, which costs resolution and keeps the way up below the threshold.
 */

import { createFastKernel } from "../simulator/kernel_fast.ts";
import type { Candidate, Work } from "./candidate.ts";
import { hasScale, type SourceGraph } from "./graph.ts";
import { measureNetwork } from "./measure.ts";
import { type Parts, partsRead } from "./parts.ts";
import { limited } from "./source.ts";

/** Share of neurons that may spike early beyond those that the percentile puts above 1.0. */
const EARLY_SHARE_MAX = 0.004;
/** What a scale grows by in one round, from these shares of early spikes on. */
const STEPS = [{ share: 0.15, factor: 2.5 }, { share: 0.03, factor: 1.6 }, { share: 0, factor: 1.25 }] as const;
/** Largest factor: beyond it too few levels are left. */
const FACTOR_MAX = 8;
/** Rounds of building and measuring. */
const ROUNDS = 40;
/** Images to count early spikes on, and to compare answers on. */
const [EARLY_FRAMES, COMPARED_FRAMES] = [16, 200];

/**
 * Builds with ever more headroom until no layer spikes early too often, and keeps the network that answers more often as
 * the source network does: the first one when headroom does not help.
 *
 * @param build makes a network with these factors, one a layer of the source network
 */
export async function widen(
  work: Work,
  percentile: number,
  build: (headroom: readonly number[]) => Candidate,
): Promise<Candidate> {
  const { graph, plan, images, calibration } = work;
  const plain: Candidate = build(graph.layers.map(() => 1));
  let candidate = plain;
  let factors: readonly number[] = graph.layers.map(() => 1);
  for (let round = 0; round < ROUNDS; round++) {
    const { earlyShareByLayer } = await measureNetwork(candidate.network, limited(images, EARLY_FRAMES), {
      createKernel: createFastKernel,
    });
    const early = candidate.built.places.map((place) => earlyShareByLayer[place]);
    const more = moreHeadroom(factors, early, { graph, parts: plan.parts, percentile });
    if (more === null) break;
    factors = more;
    work.progress("making headroom", round + 1, ROUNDS);
    candidate = build(factors);
  }
  if (candidate === plain) return plain;
  const agreements: number[] = [];
  for (const { network } of [plain, candidate]) {
    const { agreement } = await measureNetwork(network, limited(images, COMPARED_FRAMES), {
      createKernel: createFastKernel,
      predictions: calibration.predictions,
    });
    agreements.push(agreement!);
  }
  return agreements[1] > agreements[0] ? candidate : plain;
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * Larger factors for the layers that spike early too often.
 *
 * @param shares of each layer's neurons that do
 * @returns null when no layer does, or none can have more
 */
export function moreHeadroom(
  factors: readonly number[],
  shares: readonly number[],
  { graph, parts, percentile }: {
    readonly graph: SourceGraph;
    readonly parts: Parts;
    readonly percentile: number;
  },
): number[] | null {
  const allowed = EARLY_SHARE_MAX + 2 * (1 - percentile / 100);
  const early = factors.map((factor, index) => {
    return hasScale(graph.layers[index]) && factor < FACTOR_MAX ? shares[index] : 0;
  });
  const grown = factors.map((factor, index) => {
    if (early[index] <= allowed) return factor;
    // Wrong spikes make wrong spikes in the layers that read them: those wait.
    const layer = graph.layers[index];
    const read = layer.inputs.flatMap((_, position) => partsRead(graph, parts, layer, position));
    if (read.some((part) => part.layer >= 0 && early[part.layer] > allowed)) return factor;
    return Math.min(FACTOR_MAX, factor * STEPS.find(({ share }) => early[index] > share)!.factor);
  });
  return grown.every((factor, index) => factor === factors[index]) ? null : grown;
}
