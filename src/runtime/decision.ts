/**
 * From what single frames look like to what a camera is held to see: threshold, hysteresis, k votes of n.
 *
 * A frame votes for the class with the highest score, or for `unknown` when that score is below the threshold. A
 * class's score is its probability; the class that stands has `hysteresis` on top, so that a rival must be better by
 * as much, and it holds on that far below the threshold. Another class stands once the last `window` frames hold
 * `votes` votes for it and the newest is one of them; until then nothing changes. Pure and without time: the same
 * results in the same order give the same decisions.
 */

import { assert } from "../core/assert.ts";
import type { Classification } from "../core/results.ts";

/** Index that stands for no class. */
export const UNKNOWN = -1;
/** Its name on the wire. */
export const CLASS_UNKNOWN = "unknown";
/** Longest window, frames. */
export const WINDOW_MAX = 1000;

/** Rules of one camera. Threshold 0, hysteresis 0 and 1 of 1: every frame's class stands at once. */
export interface DecisionOptions {
  /** Least score of a class, 0 to 1. */
  readonly threshold: number;
  /** Advantage of the class that stands, 0 to 1. */
  readonly hysteresis: number;
  /** Votes that change the class, 1 to `window`. */
  readonly votes: number;
  /** Frames whose votes count, 1 to `WINDOW_MAX`. */
  readonly window: number;
}

/** The rules that change nothing. */
export const DECISION_PLAIN: DecisionOptions = { threshold: 0, hysteresis: 0, votes: 1, window: 1 };

/** One camera's decision. Deciding allocates nothing. */
export class Decision {
  #rules: DecisionOptions;
  /** The last votes, in a ring; a vote is a class index or `UNKNOWN`. */
  #ring: Int32Array;
  #position = 0;
  #count = 0;
  #stable = UNKNOWN;

  constructor(rules: DecisionOptions) {
    checkRules(rules);
    this.#rules = rules;
    this.#ring = new Int32Array(rules.window);
  }

  /** The class that stands; `UNKNOWN` before the first decision. */
  get stable(): number {
    return this.#stable;
  }

  get rules(): DecisionOptions {
    return this.#rules;
  }

  /** Takes other rules from the next frame on. What stands goes on standing, and the newest votes go on counting. */
  set rules(rules: DecisionOptions) {
    checkRules(rules);
    if (rules.window !== this.#rules.window) this.#resize(rules.window);
    this.#rules = rules;
  }

  /** Counts a frame's vote; gives the class that stands after it. */
  decide(classification: Pick<Classification, "index" | "probabilities">): number {
    const vote = this.voteOf(classification);
    this.#ring[this.#position] = vote;
    this.#position = (this.#position + 1) % this.#ring.length;
    this.#count = Math.min(this.#count + 1, this.#ring.length);
    if (vote !== this.#stable && this.#votesFor(vote) >= this.#rules.votes) this.#stable = vote;
    return this.#stable;
  }

  /** What a frame would vote for now. */
  voteOf({ index, probabilities }: Pick<Classification, "index" | "probabilities">): number {
    const { threshold, hysteresis } = this.#rules;
    // `index` has the highest probability, so only the class that stands can have a higher score.
    const held = this.#stable === UNKNOWN ? -Infinity : probabilities[this.#stable] + hysteresis;
    const best = held > probabilities[index] ? this.#stable : index;
    const score = best === this.#stable ? held : probabilities[index];
    return score >= threshold ? best : UNKNOWN;
  }

  #votesFor(vote: number): number {
    let votes = 0;
    for (let i = 0; i < this.#count; i++) if (this.#ring[i] === vote) votes++;
    return votes;
  }

  #resize(window: number): void {
    const old = this.#ring;
    const kept = Math.min(window, this.#count);
    this.#ring = new Int32Array(window);
    // Oldest first, so that the next vote follows the newest.
    for (let i = 0; i < kept; i++) this.#ring[i] = old[(this.#position - kept + i + old.length) % old.length];
    this.#position = kept % window;
    this.#count = kept;
  }
}

function checkRules({ threshold, votes, window }: DecisionOptions): void {
  assert(window >= 1 && window <= WINDOW_MAX && votes >= 1 && votes <= window, `${votes} votes of ${window}`);
  assert(threshold >= 0 && threshold <= 1, `threshold ${threshold}`);
}
