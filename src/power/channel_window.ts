/** One channel over a window: its stretches summed, and what stands in `power` for it. */

import type { PowerSource } from "../core/messages.ts";
import type { PowerChannel, PowerReading } from "../ports/power_meter.ts";
import { IdleBaseline } from "./idle_baseline.ts";
import { type IntegrateOptions, Integrator } from "./integrate.ts";

/** Everything that is known of one channel. */
export class ChannelWindow {
  readonly channel: PowerChannel;
  readonly idle = new IdleBaseline();
  readonly #integrator: Integrator;
  /** J since the counter began, over restarts; null before the first stretch of all time. */
  #totalJ: number | null;
  #energyJ = 0;
  #coveredUs = 0;
  #samples = 0;
  #gaps = 0;
  #fault: string | null = null;
  readonly #power = new Mean();
  readonly #voltage = new Mean();
  readonly #current = new Mean();

  constructor(channel: PowerChannel, options: Omit<IntegrateOptions, "counter">, totalJ: number | null) {
    this.channel = channel;
    this.#integrator = new Integrator({ ...options, counter: channel.counter });
    this.#totalJ = totalJ;
  }

  get totalJ(): number | null {
    return this.#totalJ;
  }

  /** Energy of the window, the time that it covers, and the mean power in that time; null without a stretch. */
  get measured(): { readonly energyJ: number; readonly coveredUs: number; readonly powerW: number } | null {
    const [energyJ, coveredUs] = [this.#energyJ, this.#coveredUs];
    return coveredUs === 0 ? null : { energyJ, coveredUs, powerW: energyJ / coveredUs * 1e6 };
  }

  /** Why the window has no sample; null when it has one, or when nothing is wrong. */
  get fault(): string | null {
    return this.#samples > 0 ? null : this.#fault;
  }

  /** Takes a reading; `quietSinceUs` as in `IdleBaseline.add`. */
  add(reading: PowerReading | null, atUs: number, quietSinceUs: number | null): void {
    const step = this.#integrator.add(reading, atUs);
    if (step.kind === "nothing") return;
    if (step.kind === "fault") {
      this.#fault = step.text;
      return;
    }
    if (step.isGap) this.#gaps++;
    this.#samples++;
    if (reading !== null && !("fault" in reading)) {
      this.#power.add(reading.powerW);
      this.#voltage.add(reading.voltageV);
      this.#current.add(reading.currentA);
    }
    if (step.kind === "first") return;
    this.#energyJ += step.energyJ;
    this.#coveredUs += step.coveredUs;
    this.#totalJ = (this.#totalJ ?? 0) + step.energyJ;
    if (!step.isGap) this.idle.add(step, quietSinceUs);
  }

  /** The window so far. */
  read(): PowerSource {
    const { id, kind, scope, method } = this.channel;
    const measured = this.measured;
    // The first sample of all has no stretch yet, but says what is drawn.
    const powerW = measured?.powerW ?? (this.channel.counter === null ? this.#power.value : undefined) ?? null;
    const isStale = powerW === null;
    return {
      id,
      kind,
      scope,
      method,
      state: isStale ? "stale" : "ok",
      ...(isStale ? { problem: this.#fault ?? "nothing new in this window" } : {}),
      powerW: powerW === null ? null : Math.max(0, powerW),
      energyJ: measured === null ? null : this.#energyJ,
      energyTotalJ: this.#totalJ,
      ...(isStale || this.#voltage.value === undefined ? {} : { voltageV: this.#voltage.value }),
      ...(isStale || this.#current.value === undefined ? {} : { currentA: this.#current.value }),
      samples: this.#samples,
      gaps: this.#gaps,
    };
  }

  /** Starts the next window; the last sample stays, so that the windows join. */
  reset(): void {
    this.#energyJ = 0;
    this.#coveredUs = 0;
    this.#samples = 0;
    this.#gaps = 0;
    this.#fault = null;
    for (const mean of [this.#power, this.#voltage, this.#current]) mean.reset();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Mean of what was reported. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    this.#sum += value;
    this.#count++;
  }

  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }

  reset(): void {
    this.#sum = 0;
    this.#count = 0;
  }
}
