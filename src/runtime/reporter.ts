/** What a camera's results become on the outside: result and state messages, by the publishing rules of the configuration. */

import type { Clock } from "../core/clock.ts";
import { pathOf } from "../core/geometry.ts";
import type { ResultMessage, StateMessage } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { Publisher } from "../ports/publisher.ts";
import { estimateFrameEnergyUj, LOIHI_ENERGY_SCOPE } from "../telemetry/energy_model.ts";
import { createTiming, frameSteps } from "../ttfs/timing.ts";
import type { FrameResult } from "./classifier.ts";
import { CLASS_UNKNOWN, Decision, type DecisionOptions, UNKNOWN } from "./decision.ts";

/** When and what to publish. */
export interface ReporterOptions {
  readonly camera: string;
  /** Every result, only those that change the class, or one each `sampleEveryS`. */
  readonly mode: "all" | "changes" | "sampled";
  readonly sampleEveryS: number;
  /** Classes listed in `top`. */
  readonly topK: number;
  /** Longest time between two states, s. */
  readonly heartbeatS: number;
  /** From results to the state; results are published as they are. */
  readonly decision: DecisionOptions;
}

/** Publishes one camera's results. */
export class Reporter {
  /** The camera's state in the making. */
  readonly decision: Decision;
  /** May be changed between two results; the rules of `decision` are its own to change. */
  options: ReporterOptions;
  readonly #network: Network;
  readonly #publisher: Pick<Publisher, "publish">;
  readonly #clock: Clock;
  readonly #energyUj: number;
  readonly #timesteps: number;
  /** Class indices, best first; sorted anew for each message. */
  readonly #order: number[];
  #stateIndex: number | null = null;
  #stateSinceWallMs = 0;
  #stateSentUs = -Infinity;
  #resultSentUs = -Infinity;

  constructor(
    options: ReporterOptions,
    parts: {
      readonly network: Network;
      readonly publisher: Pick<Publisher, "publish">;
      readonly clock: Clock;
    },
  ) {
    this.decision = new Decision(options.decision);
    this.options = options;
    this.#network = parts.network;
    this.#publisher = parts.publisher;
    this.#clock = parts.clock;
    this.#energyUj = estimateFrameEnergyUj(parts.network);
    const { depth, pools, rectify } = pathOf(parts.network.layers);
    const timing = createTiming(parts.network.convention, parts.network.tMax);
    this.#timesteps = frameSteps(timing, depth, pools, rectify);
    this.#order = Array.from(parts.network.labels.keys());
  }

  /** Publishes what the rules say of this result. */
  report(result: FrameResult): void {
    const { mode, sampleEveryS, heartbeatS } = this.options;
    const nowUs = this.#clock.nowUs();
    const index = this.decision.decide(result.classification);
    const changed = index !== this.#stateIndex;
    if (changed) {
      this.#stateIndex = index;
      this.#stateSinceWallMs = result.capturedAtWallMs;
    }
    const sampleDue = nowUs - this.#resultSentUs >= sampleEveryS * 1e6;
    if (mode === "all" || (mode === "changes" && changed) || (mode === "sampled" && sampleDue)) {
      this.#resultSentUs = nowUs;
      this.#publisher.publish(this.#resultMessage(result));
    }
    if (changed || nowUs - this.#stateSentUs >= heartbeatS * 1e6) {
      this.#stateSentUs = nowUs;
      this.#publisher.publish(this.#stateMessage(result, index));
    }
  }

  #common(result: FrameResult) {
    const { probabilities } = result.classification;
    const { labels, name, digest } = this.#network;
    this.#order.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
    return {
      camera: this.options.camera,
      confidence: result.classification.confidence,
      top: this.#order.slice(0, this.options.topK).map((i) => ({ classId: labels[i], p: probabilities[i] })),
      model: { id: name, sha256: digest },
      backend: result.backend,
      frame: { id: result.frameId, capturedAtWallMs: result.capturedAtWallMs, ageMs: result.latencyUs / 1000 },
    };
  }

  #resultMessage(result: FrameResult): ResultMessage {
    const { classification: { index, tie }, output: { counters } } = result;
    return {
      kind: "result",
      ...this.#common(result),
      classId: this.#network.labels[index],
      index,
      tie,
      truth: result.truth < 0 ? undefined : this.#network.labels[result.truth],
      latencyMs: result.latencyUs / 1000,
      snn: {
        timesteps: this.#timesteps,
        decisionStep: counters.decisionStep,
        spikes: counters.spikes,
        earlySpikes: counted(counters.earlySpikes),
        synopsEvents: counted(counters.synopsEvents),
      },
      energy: { perInferenceUj: this.#energyUj, method: "estimated", scope: LOIHI_ENERGY_SCOPE },
    };
  }

  #stateMessage(result: FrameResult, index: number): StateMessage {
    return {
      kind: "state",
      ...this.#common(result),
      classId: index === UNKNOWN ? CLASS_UNKNOWN : this.#network.labels[index],
      // Of the class that stands, which need not be this frame's own.
      ...(index === UNKNOWN ? {} : { confidence: result.classification.probabilities[index] }),
      index,
      sinceWallMs: this.#stateSinceWallMs,
    };
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A counter, or nothing when the back end does not count it. */
function counted(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
