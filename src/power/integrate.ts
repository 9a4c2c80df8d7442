/**
 * Readings of one channel to stretches of energy.
 *
 * Power is integrated by the trapezoid rule. Over more than two intervals between samples nobody knows what was drawn: only
 * two intervals' worth of the trapezoid is counted, and the stretch is marked as a gap. A counter knows what was drawn in
 * the meantime, so its gaps cost nothing, unless it may have gone round more than once: then the stretch is left out.
 *
 * A value that cannot be true (not a number, negative, above the limit) is no sample: it ends in a fault, and the next
 * good sample finds a gap.
 */

import type { CounterRule, PowerReading } from "../ports/power_meter.ts";

/** What a channel's readings are held against. */
export interface IntegrateOptions {
  /** Between two readings, µs. */
  readonly intervalUs: number;
  /** No device of this gateway draws more, W. */
  readonly powerWMax: number;
  readonly counter: CounterRule | null;
  /** After so long without a move a counter that must move has stopped, µs. */
  readonly frozenAfterUs: number;
}

/** What a reading amounts to. */
export type Step =
  /** Energy of the time from `fromUs` on, of which `coveredUs` are known. */
  | {
    readonly kind: "stretch";
    readonly fromUs: number;
    readonly coveredUs: number;
    readonly energyJ: number;
    readonly isGap: boolean;
  }
  /** A good sample with nothing before it that it could be joined to; `isGap`: something was, and is lost. */
  | { readonly kind: "first"; readonly isGap: boolean }
  | { readonly kind: "nothing" }
  | { readonly kind: "fault"; readonly text: string };

/** Between −this and 0 W a reading is a sensor's offset without a load, and counts as 0. One bit of an INA3221 is 40 mW. */
export const OFFSET_W_MAX = 0.1;
/** Intervals between two samples that are no gap. */
const GAP_INTERVALS = 2;

const NOTHING: Step = { kind: "nothing" };

/** Integrates one channel, reading by reading. */
export class Integrator {
  readonly #options: IntegrateOptions;
  /** The last good sample. */
  #atUs = NaN;
  #value = NaN;
  /** The last time that the counter was read at all, moved or not. */
  #seenUs = NaN;

  constructor(options: IntegrateOptions) {
    this.#options = options;
  }

  /** Takes a reading that was true at `atUs`; times never fall, and an equal one is nothing new. */
  add(reading: PowerReading | null, atUs: number): Step {
    if (reading === null || atUs <= this.#atUs) return NOTHING;
    if ("fault" in reading) return { kind: "fault", text: reading.fault };
    const { counter } = this.#options;
    if (counter === null) return this.#addPower(reading.powerW ?? NaN, atUs);
    return this.#addCounter(reading.counterJ ?? NaN, atUs, counter);
  }

  #addPower(reportedW: number, atUs: number): Step {
    const powerW = reportedW < 0 && reportedW >= -OFFSET_W_MAX ? 0 : reportedW;
    const text = this.#powerFault(powerW);
    if (text !== null) return { kind: "fault", text };
    const fromUs = this.#atUs;
    const beforeW = this.#value;
    this.#atUs = atUs;
    this.#value = powerW;
    if (Number.isNaN(fromUs)) return { kind: "first", isGap: false };
    const limitUs = GAP_INTERVALS * this.#options.intervalUs;
    const coveredUs = Math.min(atUs - fromUs, limitUs);
    const energyJ = (beforeW + powerW) / 2 * coveredUs / 1e6;
    return { kind: "stretch", fromUs, coveredUs, energyJ, isGap: atUs - fromUs > limitUs };
  }

  #addCounter(valueJ: number, atUs: number, counter: CounterRule): Step {
    const { intervalUs, powerWMax, frozenAfterUs } = this.#options;
    if (!(valueJ >= 0 && Number.isFinite(valueJ))) {
      return { kind: "fault", text: `the counter must be 0 J or more: found ${valueJ}` };
    }
    const isGap = atUs - this.#seenUs > GAP_INTERVALS * intervalUs;
    this.#seenUs = atUs;
    const fromUs = this.#atUs;
    const beforeJ = this.#value;
    if (Number.isNaN(fromUs)) return this.#restart(valueJ, atUs, false);
    if (valueJ === beforeJ && counter.unmoved !== "idle") {
      const stillUs = atUs - fromUs;
      if (counter.unmoved === "unknown" || stillUs <= frozenAfterUs) return NOTHING;
      return { kind: "fault", text: `the counter has not moved for ${Math.round(stillUs / 1e6)} s` };
    }
    const coveredUs = atUs - fromUs;
    const limitJ = powerWMax * coveredUs / 1e6;
    const rangeJ = counter.rangeJ !== null && beforeJ <= counter.rangeJ ? counter.rangeJ : Infinity;
    const energyJ = valueJ >= beforeJ ? valueJ - beforeJ : rangeJ - beforeJ + valueJ;
    if (!isGap && energyJ > limitJ && energyJ < Infinity) {
      this.#restart(valueJ, atUs, true);
      const foundW = (energyJ / coveredUs * 1e6).toPrecision(3);
      return {
        kind: "fault",
        text: `must draw at most ${powerWMax} W: found ${foundW} W by its counter (power.max_w)`,
      };
    }
    // Set back without a wrap, or silent for so long that it may have gone round more than once.
    if (energyJ > limitJ || (isGap && limitJ >= rangeJ)) return this.#restart(valueJ, atUs, true);
    this.#atUs = atUs;
    this.#value = valueJ;
    return { kind: "stretch", fromUs, coveredUs, energyJ, isGap };
  }

  #restart(valueJ: number, atUs: number, isGap: boolean): Step {
    this.#atUs = atUs;
    this.#value = valueJ;
    return { kind: "first", isGap };
  }

  #powerFault(powerW: number): string | null {
    const { powerWMax } = this.#options;
    if (!Number.isFinite(powerW)) return `must be a number of watts: found ${powerW}`;
    if (powerW < 0) return `must be 0 W or more: found ${powerW.toPrecision(3)} W (is the sensor the wrong way round?)`;
    if (powerW > powerWMax) return `must be at most ${powerWMax} W: found ${powerW.toPrecision(3)} W (power.max_w)`;
    return null;
  }
}
