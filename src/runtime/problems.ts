/** What is wrong with a gateway now; whoever watches hears when something begins, changes its text, or is over. */

import type { Clock } from "../core/clock.ts";
import type { Problem } from "../core/messages.ts";

/** Problems by the part that has them. */
export class Problems {
  readonly #found = new Map<string, Problem>();
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #onChange: (problem: Problem, isOver: boolean) => void;

  constructor(clock: Pick<Clock, "wallMs">, onChange: (problem: Problem, isOver: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** In the order in which they began. */
  get list(): Problem[] {
    return [...this.#found.values()];
  }

  /** Begins the problem of one part, changes its text, or ends it with null. Called for every frame: mostly with nothing new. */
  set(what: string, text: string | null): void {
    const before = this.#found.get(what);
    if (text === null) return before === undefined ? undefined : this.adopt(what, null);
    if (before?.text === text) return;
    this.adopt(what, { what, sinceWallMs: before?.sinceWallMs ?? this.#clock.wallMs(), text });
  }

  /** The same for a part that words its problem itself, under whatever name; `part` stands for it here. */
  adopt(part: string, problem: Problem | null): void {
    const before = this.#found.get(part);
    if (before?.text === problem?.text) return;
    if (problem === null) this.#found.delete(part);
    else this.#found.set(part, problem);
    this.#onChange(problem ?? before!, problem === null);
  }
}
