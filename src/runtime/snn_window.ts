/** What the network did over a window of frames: how soon it decided, and how much it spiked. */

import { pathOf } from "../core/geometry.ts";
import type { LatencyMessage } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { RunCounters } from "../core/results.ts";
import { createTiming, frameSteps } from "../ttfs/timing.ts";

/** Longest decision told apart, steps: a depth of 64 windows at t_max 512. */
const STEPS_MAX = 65_536;

/** Sums over a window. Adding allocates nothing. */
export class SnnWindow {
  /** Frames by decision step. */
  readonly #steps = new Uint32Array(STEPS_MAX + 1);
  #frames = 0;
  #spikes = 0;

  /** Adds one frame. */
  add(counters: RunCounters): void {
    this.#frames++;
    this.#spikes += counters.spikes;
    this.#steps[Math.min(STEPS_MAX, Math.max(0, counters.decisionStep))]++;
  }

  /** The window's figures, or undefined when it held no frame. */
  read(network: Network): LatencyMessage["snn"] {
    if (this.#frames === 0) return undefined;
    const { depth, pools, rectify } = pathOf(network.layers);
    let median = 0;
    for (let seen = this.#steps[0]; seen * 2 < this.#frames; seen += this.#steps[median]) median++;
    return {
      timesteps: frameSteps(createTiming(network.convention, network.tMax), depth, pools, rectify),
      decisionStepP50: median,
      spikesPerInference: this.#spikes / this.#frames,
    };
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    this.#steps.fill(0);
    this.#frames = 0;
    this.#spikes = 0;
  }
}
