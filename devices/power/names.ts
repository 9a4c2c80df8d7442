/** Ids of channels: short, safe in topics, the same after every boot, and all different. */

import { basename } from "node:path";
import type { Sensor } from "./sensor.ts";

/** Ids of one sensor's channels, in their order. */
export type ChannelIds = readonly string[];

const ID_LENGTH_MAX = 48;

/**
 * One list a sensor, in the order of `sensors`, which must be one that stays.
 *
 * An id is the channel's label (`VDD_IN` → `vdd_in`), or the driver's name and the device's where there is none
 * (`ina219_1_0040`). Of several alike, those after the first get the device's name, then a number.
 */
export function nameChannels(sensors: readonly Sensor[], taken: Iterable<string> = []): ChannelIds[] {
  const used = new Set(taken);
  const take = (candidates: readonly string[]): string => {
    for (const candidate of candidates) {
      if (!used.has(candidate)) {
        used.add(candidate);
        return candidate;
      }
    }
    const last = candidates[candidates.length - 1];
    let count = 2;
    while (used.has(`${last}_${count}`)) count++;
    used.add(`${last}_${count}`);
    return `${last}_${count}`;
  };
  return sensors.map(({ name, device, channels }) =>
    channels.map(({ label }) => {
      const ofDevice = slug(basename(device));
      const plain = label === "" ? slug(`${name}_${ofDevice}`) : slug(label);
      return take([plain, slug(`${plain}_${ofDevice}`)]);
    })
  );
}

/** Text as an id: lower case, everything else an underscore. */
export function slug(text: string): string {
  const id = text.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, ID_LENGTH_MAX);
  return id === "" ? "sensor" : id;
}
