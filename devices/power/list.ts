/** The power sensors of this machine for people: a reading of each, and how a program without further rights gets to it. */

import { basename, dirname, join } from "node:path";
import type { Clock } from "../../src/core/clock.ts";
import type { PowerReading } from "../../src/ports/power_meter.ts";
import { type FindOptions, findSensors, MOUNT_FOLDER } from "./find.ts";
import { nameChannels } from "./names.ts";
import type { Sensor, Unread } from "./sensor.ts";
import { createSysfsMeter } from "./sysfs_meter.ts";

/** One sensor. */
export interface ListedSensor {
  readonly kind: Sensor["kind"];
  readonly name: string;
  readonly device: string;
  /** Of its channels, as in power messages. */
  readonly ids: readonly string[];
  /** One a channel: `vdd_in: 6.42 W (5.07 V, 1.27 A)`, or what is wrong. */
  readonly readings: readonly string[];
  /** Line of a systemd unit, and option of `docker run`, that mount it where a program under Deno may read it. */
  readonly systemd: string;
  readonly docker: string;
}

/** Between the two readings of a counter, ms. */
const COUNTER_MS = 200;

/** Finds and reads all sensors. Never rejects. */
export async function listSensors(
  { clock, ...where }: FindOptions & { readonly clock: Clock },
): Promise<{ readonly sensors: readonly ListedSensor[]; readonly unread: readonly Unread[] }> {
  const { sensors, unread } = await findSensors(where);
  const ids = nameChannels(sensors);
  const listed = await Promise.all(sensors.map(async (sensor, index): Promise<ListedSensor> => {
    const { kind, name, device } = sensor;
    const findAgain = () => Promise.resolve([]);
    const meter = createSysfsMeter({ sensor, ids: ids[index], sysfs: where.sysfs, findAgain, clock });
    try {
      const first = await meter.read();
      const hasCounter = sensor.channels.some(({ counter }) => counter !== null);
      if (hasCounter) await clock.sleep(COUNTER_MS);
      const second = hasCounter ? await meter.read() : first;
      const readings = ids[index].map((id, channel) => `${id}: ${describe(first[channel], second[channel])}`);
      return { kind, name, device, ids: ids[index], readings, ...mounts(sensor, ids[index][0]) };
    } finally {
      await meter[Symbol.asyncDispose]();
    }
  }));
  return { sensors: listed, unread };
}

/** How a sensor's folder comes to `MOUNT_FOLDER`. */
export function mounts(sensor: Sensor, id: string): { readonly systemd: string; readonly docker: string } {
  const source = mountable(sensor);
  const target = join(MOUNT_FOLDER, sensor.kind === "powercap" ? "rapl" : id);
  // A colon separates the two in systemd, unless it is escaped.
  const escaped = source.replaceAll(":", "\\:");
  return {
    systemd: `BindReadOnlyPaths=-${escaped}:${target}`,
    docker: `--mount type=bind,source=${source},target=${target},readonly`,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** A folder whose path is the same after the next boot: the one above `hwmon3`, and the one above all zones. */
function mountable({ kind, folder, device }: Sensor): string {
  if (kind === "powercap") {
    let zone = device;
    while (basename(zone).includes(":")) zone = dirname(zone);
    return zone;
  }
  const isNumbered = /^hwmon\d+$/.test(basename(folder)) && basename(device) !== "hwmon";
  return isNumbered ? join(device, "hwmon") : device;
}

function describe(first: PowerReading | null, second: PowerReading | null): string {
  if (first === null || second === null) return "nothing";
  if ("fault" in first) return first.fault;
  if ("fault" in second) return second.fault;
  if (second.powerW !== undefined) {
    const { powerW, voltageV, currentA } = second;
    const detail = voltageV === undefined || currentA === undefined
      ? ""
      : ` (${voltageV.toFixed(2)} V, ${currentA.toFixed(3)} A)`;
    return `${powerW.toFixed(2)} W${detail}`;
  }
  const drawnJ = (second.counterJ ?? 0) - (first.counterJ ?? 0);
  return drawnJ > 0
    ? `about ${(drawnJ / COUNTER_MS * 1000).toFixed(1)} W by its counter`
    : "a counter that did not move";
}
