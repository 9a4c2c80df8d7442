/** Reads one meter, never twice at a time, and hands each channel its reading with the time at which it was true. */

import type { Clock } from "../core/clock.ts";
import type { PowerMeter } from "../ports/power_meter.ts";
import { ChannelWindow } from "./channel_window.ts";

/** What a sampler holds readings against. */
export interface SamplerTerms {
  readonly everyMs: number;
  readonly powerWMax: number;
  readonly frozenAfterUs: number;
  readonly clock: Clock;
}

/** One meter under the monitor. */
export class MeterSampler {
  /** One a channel of the meter, in its order. */
  readonly windows: ChannelWindow[] = [];
  readonly #meter: PowerMeter;
  readonly #terms: SamplerTerms;
  readonly #totalOf: (id: string) => number | null;
  /** Between two readings of this meter, µs: its own pace where it is slower than the monitor's. */
  readonly #intervalUs: number;
  #dueUs = -Infinity;
  #isReading = false;

  constructor(meter: PowerMeter, terms: SamplerTerms, totalOf: (id: string) => number | null) {
    this.#meter = meter;
    this.#terms = terms;
    this.#totalOf = totalOf;
    const beats = Math.max(1, Math.ceil(meter.everyMs / terms.everyMs));
    this.#intervalUs = beats * terms.everyMs * 1000;
    this.#grow();
  }

  /** Reads the meter if its time has come and it has answered the last call. Never rejects. */
  async sample(quietSinceUs: () => number | null): Promise<void> {
    const { clock, everyMs } = this.#terms;
    const startUs = clock.nowUs();
    // A timer may be early by less than half a beat.
    if (this.#isReading || startUs < this.#dueUs - everyMs * 500) return;
    this.#isReading = true;
    this.#dueUs = startUs + this.#intervalUs;
    try {
      const readings = await this.#meter.read();
      const atUs = (startUs + clock.nowUs()) / 2;
      this.#grow();
      readings.forEach((reading, index) => {
        const ownUs = reading !== null && "atUs" in reading ? reading.atUs : undefined;
        this.windows[index].add(reading, ownUs ?? atUs, quietSinceUs());
      });
    } catch (error) {
      // A meter must not reject; one that does has a bug, which shows as a fault and not as a dead program.
      const fault = error instanceof Error ? error.message : String(error);
      for (const window of this.windows) window.add({ fault }, clock.nowUs(), null);
    } finally {
      this.#isReading = false;
    }
  }

  #grow(): void {
    const { powerWMax, frozenAfterUs } = this.#terms;
    for (const channel of this.#meter.channels.slice(this.windows.length)) {
      const options = { intervalUs: this.#intervalUs, powerWMax, frozenAfterUs };
      this.windows.push(new ChannelWindow(channel, options, this.#totalOf(channel.id)));
    }
  }
}
