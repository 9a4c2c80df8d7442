/** Since when a part has been at work: what a watchdog asks, to tell work that advances from work that hangs. */

import type { Clock } from "./clock.ts";

/** One part's mark. Waiting for something that may rightly never come is no work: end before, begin after. */
export class Busy {
  readonly #clock: Clock;
  /** Below 0: idle. */
  #sinceUs = -1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Work begins. */
  begin(): void {
    this.#sinceUs = this.#clock.nowUs();
  }

  /** It is done, well or not. */
  end(): void {
    this.#sinceUs = -1;
  }

  /** How long the work of now has taken, ms; 0 when idle. */
  get forMs(): number {
    return this.#sinceUs < 0 ? 0 : (this.#clock.nowUs() - this.#sinceUs) / 1000;
  }
}
