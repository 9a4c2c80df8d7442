/** What the network did over a window of frames: how soon it decided, how much it spiked, and what that cost. */

import { pathOf } from "../core/geometry.ts";
import type { LatencyMessage } from "../core/messages.ts";
import type { Network } from "../core/network.ts";
import type { RunCounters } from "../core/results.ts";
import { createTiming, frameSteps } from "../ttfs/timing.ts";

/** Longest decision told apart, steps: a depth of 64 windows at t_max 512. */
const STEPS_MAX = 65_536;

/** Sums over a window. Adding allocates nothing, but when a decision is later than any before. */
export class SnnWindow {
  /** Frames by decision step; grows to the latest one. */
  #steps = new Uint32Array(256);
  /** The earliest and latest decision: only what lies between is looked at and cleared. */
  #first = Infinity;
  #last = -1;
  #frames = 0;
  #spikes = 0;
  /** Frames whose back end counts early spikes, and operations; a board does neither. */
  #counted = { frames: 0, spikes: 0, earlySpikes: 0, synops: 0 };

  /** Adds one frame. */
  add(counters: RunCounters): void {
    const { spikes, earlySpikes, synopsEvents } = counters;
    const step = Math.min(STEPS_MAX, Math.max(0, counters.decisionStep));
    if (step >= this.#steps.length) this.#grow(step);
    this.#steps[step]++;
    if (step < this.#first) this.#first = step;
    if (step > this.#last) this.#last = step;
    this.#frames++;
    this.#spikes += spikes;
    if (Number.isNaN(earlySpikes) || Number.isNaN(synopsEvents)) return;
    this.#counted.frames++;
    this.#counted.spikes += spikes;
    this.#counted.earlySpikes += earlySpikes;
    this.#counted.synops += synopsEvents;
  }

  /** The window's figures, or undefined when it held no frame. */
  read(network: Network): LatencyMessage["snn"] {
    if (this.#frames === 0) return undefined;
    const { depth, pools, rectify } = pathOf(network.layers);
    const { frames, spikes, earlySpikes, synops } = this.#counted;
    return {
      timesteps: frameSteps(createTiming(network.convention, network.tMax), depth, pools, rectify),
      decisionStepP50: this.#percentile(0.5),
      decisionStepP99: this.#percentile(0.99),
      spikesPerInference: this.#spikes / this.#frames,
      ...(frames === 0
        ? {}
        : { earlySpikeShare: earlySpikes / Math.max(1, spikes), synopsPerInference: synops / frames }),
    };
  }

  /** Forgets everything, for the next window. */
  reset(): void {
    if (this.#frames === 0) return;
    this.#steps.fill(0, this.#first, this.#last + 1);
    this.#first = Infinity;
    this.#last = -1;
    this.#frames = 0;
    this.#spikes = 0;
    this.#counted.frames = 0;
    this.#counted.spikes = 0;
    this.#counted.earlySpikes = 0;
    this.#counted.synops = 0;
  }

  /** The least step by which at least this share of the frames had decided. */
  #percentile(share: number): number {
    let step = this.#first;
    for (let seen = this.#steps[step]; seen < share * this.#frames; seen += this.#steps[step]) step++;
    return step;
  }

  #grow(step: number): void {
    const grown = new Uint32Array(Math.min(STEPS_MAX + 1, 2 ** Math.ceil(Math.log2(step + 1))));
    grown.set(this.#steps);
    this.#steps = grown;
  }
}
