/** A sensor of the kernel as a meter: reads its files, and finds it again when it comes back in another folder. */

import type { Clock } from "../../src/core/clock.ts";
import type { PowerChannel, PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";
import type { ChannelIds } from "./names.ts";
import type { Sensor, SensorChannel } from "./sensor.ts";
import { failureOf, nameOf, readInteger, type Sysfs } from "./sysfs.ts";

/** What a meter needs besides its sensor. */
export interface SysfsMeterOptions {
  readonly sensor: Sensor;
  readonly ids: ChannelIds;
  readonly sysfs: Sysfs;
  /** Looks for all sensors anew, for one that has gone. */
  readonly findAgain: () => Promise<readonly Sensor[]>;
  readonly clock: Clock;
}

/** Between two searches for a sensor that has gone, µs. */
const SEARCH_EVERY_US = 10_000_000;

/** A meter over one sensor. */
export function createSysfsMeter(options: SysfsMeterOptions): PowerMeter {
  return new SysfsMeter(options);
}

// ---------------------------------------------------------------------------------------------------------------------

class SysfsMeter implements PowerMeter {
  readonly name: string;
  readonly everyMs: number;
  readonly channels: readonly PowerChannel[];
  readonly #options: SysfsMeterOptions;
  #sensor: Sensor;
  #shuntUohm: number | null = null;
  #hasShunt = false;
  #searchedUs = -Infinity;
  readonly #closing = new AbortController();
  readonly #closed: Promise<PowerReading[]>;

  constructor(options: SysfsMeterOptions) {
    const { sensor, ids } = options;
    this.#options = options;
    this.#sensor = sensor;
    this.name = `${sensor.name} ${sensor.device}`;
    this.everyMs = sensor.everyMs;
    this.channels = sensor.channels.map((channel, index) => describe(sensor, channel, ids[index]));
    const { promise, resolve } = Promise.withResolvers<PowerReading[]>();
    this.#closed = promise;
    const faults = () => resolve(sensor.channels.map(() => ({ fault: "the meter is closed" })));
    this.#closing.signal.addEventListener("abort", faults, { once: true });
  }

  /** A read that hangs in the kernel is left behind when the meter is closed. */
  read(): Promise<readonly PowerReading[]> {
    return this.#closing.signal.aborted ? this.#closed : Promise.race([this.#read(), this.#closed]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  async #read(): Promise<PowerReading[]> {
    const rescaled = await this.#watchShunt();
    if (rescaled !== null) return this.#sensor.channels.map(() => ({ fault: rescaled }));
    const readings = await this.#readAll();
    if (!readings.every((reading) => reading === null) || !await this.#search()) {
      return readings.map((reading) => reading ?? { fault: `${this.#sensor.device} is gone` });
    }
    return (await this.#readAll()).map((reading) => reading ?? { fault: `${this.#sensor.device} is gone` });
  }

  /** One entry a channel; null: its files are not there. */
  #readAll(): Promise<(PowerReading | null)[]> {
    return Promise.all(this.#sensor.channels.map((channel) => this.#readChannel(channel)));
  }

  async #readChannel(channel: SensorChannel): Promise<PowerReading | null> {
    const { powerFile, voltageFile, currentFile, shuntVoltageFile, counterFile } = channel;
    try {
      if (counterFile !== undefined) return { counterJ: await this.#number(counterFile) / 1e6 };
      const voltageV = voltageFile === undefined ? undefined : await this.#number(voltageFile) / 1e3;
      const currentA = currentFile === undefined ? undefined : await this.#number(currentFile) / 1e3;
      const powerW = powerFile === undefined ? voltageV! * currentA! : await this.#number(powerFile) / 1e6;
      if (powerW === 0 && shuntVoltageFile !== undefined && Math.abs(await this.#number(shuntVoltageFile)) > 1) {
        // The driver writes the calibration again by itself.
        return { fault: "the chip has lost its calibration: a voltage over its shunt, but no current" };
      }
      // The power register has no sign; the current has.
      const signed = powerFile !== undefined && currentA !== undefined && currentA < 0 ? -powerW : powerW;
      return { powerW: signed, voltageV, currentA };
    } catch (error) {
      if (error instanceof BadNumber) return { fault: error.message };
      const why = failureOf(error);
      if (why === "gone") return null;
      const text = `cannot be read: ${nameOf(error)}`;
      return { fault: why === "hiccup" ? text : `${text}; list-devices says how to mend it` };
    }
  }

  async #number(file: string): Promise<number> {
    const text = await this.#options.sysfs.read(`${this.#sensor.folder}/${file}`);
    if (!/^-?\d{1,20}$/.test(text)) {
      throw new BadNumber(`${file} must be a whole number: found ${JSON.stringify(text)}`);
    }
    return Number(text);
  }

  /** Says so once when the driver was given another shunt: from then on its values have another scale. */
  async #watchShunt(): Promise<string | null> {
    const { shuntFile, folder } = this.#sensor;
    if (shuntFile === undefined) return null;
    const now = await readInteger(this.#options.sysfs, `${folder}/${shuntFile}`);
    const before = this.#shuntUohm;
    const isFirst = !this.#hasShunt;
    if (now === null) return null;
    this.#shuntUohm = now;
    this.#hasShunt = true;
    if (isFirst || before === now) return null;
    return `the shunt went from ${before} to ${now} µΩ: values before and after have different scales`;
  }

  /** True when the sensor is there again, perhaps in another folder. */
  async #search(): Promise<boolean> {
    const { clock, findAgain } = this.#options;
    const nowUs = clock.nowUs();
    if (nowUs - this.#searchedUs < SEARCH_EVERY_US) return false;
    this.#searchedUs = nowUs;
    const { kind, name, device, channels } = this.#sensor;
    const labels = (sensor: Sensor) => JSON.stringify(sensor.channels.map(({ label }) => label));
    const alike = (await findAgain()).filter((other) =>
      other.kind === kind && other.name === name && other.device === device &&
      labels(other) === JSON.stringify(channels.map(({ label }) => label))
    );
    // Of two that look the same nobody knows which it was.
    if (alike.length !== 1) return false;
    this.#sensor = alike[0];
    return true;
  }
}

class BadNumber extends Error {}

function describe({ kind, name, device }: Sensor, channel: SensorChannel, id: string): PowerChannel {
  const { scope, coversGateway, note, counter } = channel;
  return { id, kind, scope, method: "measured", detail: `${name} at ${device}; ${note}`, coversGateway, counter };
}
