/** When figures are published: windows and health at their times, and once more at the end. */

import type { Clock } from "../core/clock.ts";

/** Between two messages of a kind, s. */
export interface TelemetryCadence {
  readonly latencyEveryS: number;
  readonly healthEveryS: number;
}

/** What is done when its time has come. */
export interface TelemetryTasks {
  publishLatency(): void;
  publishHealth(): void;
  /** Asked once a second: true when health has changed since it was published. */
  hasHealthChanged(): boolean;
}

/** Longest wait, µs: a change of health, or of the cadence, is out within this time. */
const LOOK_EVERY_US = 1e6;

/** Keeps the times of one runtime. */
export class TelemetryLoop {
  /** May be changed while the loop runs. */
  cadence: TelemetryCadence;
  readonly #clock: Clock;
  readonly #tasks: TelemetryTasks;
  /** Below 0: not running. */
  #lookedUs = -1;

  constructor(clock: Clock, cadence: TelemetryCadence, tasks: TelemetryTasks) {
    this.#clock = clock;
    this.cadence = cadence;
    this.#tasks = tasks;
  }

  /** Since it last looked whether something is to be done, ms, which it does once a second; 0 when it does not run. */
  get silentForMs(): number {
    return this.#lookedUs < 0 ? 0 : (this.#clock.nowUs() - this.#lookedUs) / 1000;
  }

  /** Runs until `ended` is aborted. */
  async run(ended: AbortSignal): Promise<void> {
    const clock = this.#clock;
    let latencyUs = clock.nowUs();
    let healthUs = latencyUs;
    while (!ended.aborted) {
      this.#lookedUs = clock.nowUs();
      const { latencyEveryS, healthEveryS } = this.cadence;
      const nextUs = Math.min(latencyUs + latencyEveryS * 1e6, healthUs + healthEveryS * 1e6);
      const untilUs = Math.min(nextUs, clock.nowUs() + LOOK_EVERY_US);
      await clock.sleep(Math.max(1, (untilUs - clock.nowUs()) / 1000), ended);
      const nowUs = clock.nowUs();
      if (nowUs - latencyUs >= this.cadence.latencyEveryS * 1e6) {
        this.#tasks.publishLatency();
        latencyUs = nowUs;
      }
      if (this.#tasks.hasHealthChanged() || nowUs - healthUs >= this.cadence.healthEveryS * 1e6) {
        this.#tasks.publishHealth();
        healthUs = nowUs;
      }
    }
    this.#lookedUs = -1;
    this.#tasks.publishLatency();
    this.#tasks.publishHealth();
  }
}
