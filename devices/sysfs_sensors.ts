/** Power sensors that the kernel shows: chips under hwmon, and energy counters under powercap (RAPL). */

import { access, constants, readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";

/** One chip or counter. */
export interface SysfsSensor {
  readonly kind: "hwmon" | "powercap";
  /** As the kernel calls it: `ina3221`, `package-0`. Not its number, which changes from start to start. */
  readonly name: string;
  /** Its folder, links resolved. */
  readonly path: string;
  /** Files that give power, energy, voltage or current: `power1_input`, `in1_input`, `energy_uj`. */
  readonly readings: readonly string[];
  /** Those of them that this process may not read. */
  readonly denied: readonly string[];
}

/** Where sensors of each kind are, and what their readings are called. */
const PLACES = {
  hwmon: { folder: "class/hwmon", reading: /^(power\d+_(input|average)|energy\d+_input|in\d+_input|curr\d+_input)$/ },
  powercap: { folder: "class/powercap", reading: /^energy_uj$/ },
} as const;

/** Most sensors of a kind, and names longer than this are cut: a folder of the kernel's is short. */
const SENSORS_MAX = 256;
const NAME_LENGTH_MAX = 64;

/**
 * Lists sensors, by name; chips without a reading of power, voltage or current are left out.
 * Rejects with the system's error where a folder of sensors may not be read; one that is not there has none.
 *
 * @param root the folder that is /sys on the machine
 */
export async function listSysfsSensors(root = "/sys"): Promise<SysfsSensor[]> {
  const kinds = Object.keys(PLACES) as SysfsSensor["kind"][];
  const found = await Promise.all(kinds.map((kind) => listKind(kind, join(root, PLACES[kind].folder))));
  return found.flat();
}

// ---------------------------------------------------------------------------------------------------------------------

async function listKind(kind: SysfsSensor["kind"], folder: string): Promise<SysfsSensor[]> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (error) {
    if ((error as { readonly code?: string }).code === "ENOENT") return [];
    throw error;
  }
  const sensors: SysfsSensor[] = [];
  for (const entry of names.slice(0, SENSORS_MAX)) {
    const path = await realpath(join(folder, entry));
    const files = await readdir(path).catch(() => []);
    const readings = files.filter((file) => PLACES[kind].reading.test(file)).sort();
    if (readings.length === 0) continue;
    const denied: string[] = [];
    for (const file of readings) {
      if (!await access(join(path, file), constants.R_OK).then(() => true, () => false)) denied.push(file);
    }
    const name = (await readFile(join(path, "name"), "utf8").catch(() => entry)).trim().slice(0, NAME_LENGTH_MAX);
    sensors.push({ kind, name, path, readings, denied });
  }
  return sensors.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}
