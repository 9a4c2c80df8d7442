/** Finds every power sensor of the kernel: under the system's own folder, and in folders that were mounted for this program. */

import { basename, dirname, join } from "node:path";
import { findHwmon } from "./hwmon.ts";
import { findIna2xx } from "./ina2xx.ts";
import { findIna3221 } from "./ina3221.ts";
import { findPowercap } from "./powercap.ts";
import type { Finds, FolderView, Sensor, Unread } from "./sensor.ts";
import { failureOf, nameOf, readOptional, type Sysfs } from "./sysfs.ts";

/** Where to look. */
export interface FindOptions {
  readonly sysfs: Sysfs;
  /** `/sys`, or null: not there. */
  readonly root: string | null;
  /** Folders with device folders in them, however deep, up to `DEPTH_MAX`. */
  readonly folders: readonly string[];
}

/** A mounted powercap zone with its parts lies this deep. */
const DEPTH_MAX = 4;
/** Most folders that are looked into. */
const FOLDERS_MAX = 512;
/** Under systemd, as an example, where sensors are mounted for a program without further rights. */
export const MOUNT_FOLDER = "/run/quartz-edge/sensors";

/** The hint where Deno hides the system's folders. */
const NOT_PERMITTED_HINT = "Deno shows /sys only to a process with all permissions. Mount the sensors into a folder " +
  `that it may read, such as ${MOUNT_FOLDER}, and name that in power.folders; list-devices run with -A prints the ` +
  "lines for systemd and Docker";

/** Everything there is, in an order that stays. Never rejects. */
export async function findSensors({ sysfs, root, folders }: FindOptions): Promise<Finds> {
  const sensors: Sensor[] = [];
  const unread: Unread[] = [];
  if (root !== null) {
    const hwmon = await listClass(sysfs, join(root, "class/hwmon"), unread);
    for (const folder of hwmon) await lookInto(sysfs, folder, sensors);
    const powercap = await findPowercap(sysfs, await listClass(sysfs, join(root, "class/powercap"), unread));
    sensors.push(...powercap.sensors);
    unread.push(...powercap.unread);
  }
  for (const folder of folders) {
    const inside = await foldersIn(sysfs, folder, unread);
    for (const one of inside) await lookInto(sysfs, one, sensors);
    const powercap = await findPowercap(sysfs, inside);
    sensors.push(...powercap.sensors);
    unread.push(...powercap.unread);
  }
  sensors.sort((a, b) => a.device < b.device ? -1 : a.device > b.device ? 1 : 0);
  return { sensors, unread };
}

// ---------------------------------------------------------------------------------------------------------------------

/** The folders of a class; what may not be seen goes to `unread`, what is not there is not missed. */
async function listClass(sysfs: Sysfs, path: string, unread: Unread[]): Promise<string[]> {
  try {
    return (await sysfs.list(path)).map((name) => join(path, name));
  } catch (error) {
    const why = failureOf(error);
    if (why === "not_permitted") {
      // Of all classes alike, so it is said once.
      const what = `power sensors under ${dirname(dirname(path))}`;
      if (!unread.some((one) => one.what === what)) {
        unread.push({ what, why: "not permitted", hint: NOT_PERMITTED_HINT });
      }
    } else if (why !== "gone") {
      const hint = "Check who may read the folder";
      unread.push({ what: `power sensors under ${path}`, why: nameOf(error), hint });
    }
    return [];
  }
}

/** A folder and those in it, but not behind links: a device folder links to the whole of the system. */
async function foldersIn(sysfs: Sysfs, top: string, unread: Unread[]): Promise<string[]> {
  const found: string[] = [];
  let level = [top];
  for (let depth = 0; depth < DEPTH_MAX && found.length < FOLDERS_MAX; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      try {
        const names = await sysfs.list(folder);
        found.push(folder);
        const realFolder = await sysfs.realPath(folder);
        for (const name of names) {
          const path = join(folder, name);
          if (await sysfs.realPath(path).catch(() => "") === join(realFolder, name)) next.push(path);
        }
      } catch (error) {
        if (depth > 0) continue; // a file
        const hint = "Is it mounted, and may this process read it?";
        unread.push({ what: `power sensors in ${folder}`, why: nameOf(error), hint });
      }
    }
    level = next;
  }
  return found.slice(0, FOLDERS_MAX);
}

/** Takes a folder for a hwmon device if it is one. */
async function lookInto(sysfs: Sysfs, folder: string, sensors: Sensor[]): Promise<void> {
  const name = await readOptional(sysfs, join(folder, "name"));
  const files = new Set(await sysfs.list(folder).catch(() => []));
  if (name === null || files.has("energy_uj")) return;
  const view: FolderView = { sysfs, folder, device: await deviceOf(sysfs, folder), name, files };
  const sensor = await findIna3221(view) ?? await findIna2xx(view) ?? await findHwmon(view);
  if (sensor !== null) sensors.push(sensor);
}

/** The device that a hwmon folder belongs to: its number changes from boot to boot, the device's path does not. */
async function deviceOf(sysfs: Sysfs, folder: string): Promise<string> {
  const behindLink = await sysfs.realPath(join(folder, "device")).catch(() => null);
  if (behindLink !== null) return behindLink;
  const own = await sysfs.realPath(folder).catch(() => folder);
  // Mounted by itself, or a device that has no other: the folder without its number.
  return /^hwmon\d+$/.test(basename(own)) ? dirname(own) : own;
}
