/** Picks a frame now and then for those who watch a camera, and turns it into an event. Nothing happens while nobody looks. */

import { Buffer } from "node:buffer";
import type { Clock } from "../core/clock.ts";
import { pathOf } from "../core/geometry.ts";
import type { Network } from "../core/network.ts";
import type { FrameResult } from "../runtime/classifier.ts";
import { estimateFrameEnergyUj, LOIHI_ENERGY_SCOPE } from "../telemetry/energy_model.ts";
import { createTiming, frameSteps } from "../ttfs/timing.ts";
import type { FrameEvent } from "./events.ts";

/** Most frames shown of a camera, a second: more cannot be read. */
export const FRAMES_PER_S_MAX = 4;
/** Most pixel bytes sent to one viewer, a second: a large picture is shown less often. */
export const PIXELS_PER_S_MAX = 256 * 1024;
/** Most frame events to all viewers, a second: with many viewers each is shown less. */
export const DELIVERIES_PER_S_MAX = 200;
/** Classes listed. */
export const CLASSES_MAX = 10;

/** When one camera's next frame is due. */
export class FrameSampler {
  readonly #clock: Pick<Clock, "nowUs">;
  #dueUs = -Infinity;

  constructor(clock: Pick<Clock, "nowUs">) {
    this.#clock = clock;
  }

  /** True when a frame of so many bytes should be shown to so many viewers now; then the next one is due later. */
  isDue(bytes: number, viewers: number): boolean {
    const nowUs = this.#clock.nowUs();
    if (nowUs < this.#dueUs) return false;
    const perS = Math.min(FRAMES_PER_S_MAX, PIXELS_PER_S_MAX / Math.max(1, bytes), DELIVERIES_PER_S_MAX / viewers);
    this.#dueUs = nowUs + 1e6 / perS;
    return true;
  }
}

/** A result as an event; keeps nothing of it. */
export function frameEvent(camera: string, network: Network, result: FrameResult): FrameEvent {
  const { classification: { index, confidence, tie, probabilities }, output: { counters } } = result;
  const { depth, pools, rectify } = pathOf(network.layers);
  const listed = likeliest(probabilities);
  return {
    schema: "quartz.page.frame.v1",
    camera,
    frame: { id: result.frameId, captured: new Date(result.capturedAtWallMs).toISOString() },
    shape: network.input.shape,
    bytes: Buffer.from(result.bytes).toString("base64"),
    class: network.labels[index],
    index,
    confidence: round(confidence),
    tie,
    truth: result.truth < 0 ? null : network.labels[result.truth],
    classes: listed.map((i) => ({ class: network.labels[i], index: i, p: round(probabilities[i]) })),
    classes_left_out: probabilities.length - listed.length,
    backend: result.backend,
    latency_ms: result.latencyUs / 1000,
    snn: {
      timesteps: frameSteps(createTiming(network.convention, network.tMax), depth, pools, rectify),
      decision_step: counters.decisionStep,
      spikes: counters.spikes,
      early_spikes: counted(counters.earlySpikes),
      synops_events: counted(counters.synopsEvents),
    },
    energy: {
      per_inference_uj: estimateFrameEnergyUj(network),
      method: "estimated",
      scope: LOIHI_ENERGY_SCOPE,
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Class indices, at most `CLASSES_MAX`, in output order. */
function likeliest(probabilities: Float64Array): number[] {
  const all = Array.from(probabilities.keys());
  if (all.length <= CLASSES_MAX) return all;
  return all.sort((a, b) => probabilities[b] - probabilities[a] || a - b).slice(0, CLASSES_MAX).sort((a, b) => a - b);
}

function counted(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function round(share: number): number {
  return Math.round(share * 1e4) / 1e4;
}
