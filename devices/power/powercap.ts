/**
 * RAPL through powercap: energy counters of the processor, `energy_uj`, that start again at `max_energy_range_uj`.
 *
 * Zones nest (`psys` holds the packages, a package its cores): each is a source of its own and none are added.
 * `intel-rapl-mmio` shows the same package a second time and is left out. Since Linux 5.10 only root may read the counters
 * (CVE-2020-8694: they tell secrets of other programs), which is to be mended for one group, not for all.
 */

import { basename } from "node:path";
import type { Finds, Sensor, SensorChannel, Unread } from "./sensor.ts";
import { failureOf, nameOf, readInteger, readOptional, type Sysfs } from "./sysfs.ts";

/** Zones: `intel-rapl:0`, and `intel-rapl:0:1` within it. */
const ZONE = /^([^:]+):(\d+)(?::(\d+))?$/;

const UDEV_RULE = 'ACTION=="add", SUBSYSTEM=="powercap", KERNEL=="intel-rapl:*", ' +
  'RUN+="/bin/chgrp power /sys%p/energy_uj", RUN+="/bin/chmod 0440 /sys%p/energy_uj"';
/** Shell lines that let the group `power`, and nobody else, read the counters. */
const RAPL_LINES: readonly string[] = [
  'sudo groupadd -f power && sudo usermod -aG power "$USER"   # then log in again',
  `echo '${UDEV_RULE}' | sudo tee /etc/udev/rules.d/70-quartz-edge-powercap.rules`,
  "sudo udevadm control --reload && sudo udevadm trigger --action=add --subsystem-match=powercap",
];

/** All zones among `folders`, which are paths of folders that may be zones. */
export async function findPowercap(sysfs: Sysfs, folders: readonly string[]): Promise<Finds> {
  const sensors: Sensor[] = [];
  const unread: Unread[] = [];
  const names = new Map<string, string>();
  const zones = folders.filter((folder) => ZONE.test(basename(folder)));
  for (const folder of zones) names.set(basename(folder), await readOptional(sysfs, `${folder}/name`) ?? "");
  const plain = new Set([...names].filter(([zone]) => !zone.startsWith("intel-rapl-mmio")).map(([, name]) => name));
  for (const folder of zones) {
    const zone = basename(folder);
    const name = names.get(zone)!;
    if (name === "" || (zone.startsWith("intel-rapl-mmio") && plain.has(name))) continue;
    const [, control, first, second] = ZONE.exec(zone)!;
    const parent = second === undefined ? undefined : names.get(`${control}:${first}`);
    const label = parent === undefined ? name : `${parent}_${name}`;
    try {
      await sysfs.read(`${folder}/energy_uj`);
    } catch (error) {
      const why = failureOf(error);
      if (why === "gone") continue;
      if (why !== "hiccup") {
        const text = `${folder}/energy_uj: ${nameOf(error)}`;
        unread.push({ what: `${label} (powercap)`, why: text, hint: RAPL_LINES.join("\n") });
        continue;
      }
    }
    const rangeUj = await readInteger(sysfs, `${folder}/max_energy_range_uj`);
    const device = await sysfs.realPath(folder).catch(() => folder);
    const channels = [channelOf(label, name, rangeUj === null ? null : rangeUj / 1e6)];
    sensors.push({ kind: "powercap", name, folder, device, channels, everyMs: 0 });
  }
  return { sensors, unread };
}

// ---------------------------------------------------------------------------------------------------------------------

function channelOf(label: string, name: string, rangeJ: number | null): SensorChannel {
  const isPlatform = name === "psys";
  const isPackage = name.startsWith("package");
  return {
    label,
    scope: isPlatform ? "board" : "rail",
    // Makers differ in what they count into it: whoever knows theirs names it in power.total.
    coversGateway: false,
    note: isPlatform
      ? "the platform as its maker counts it; name it in power.total where that is the whole gateway"
      : isPackage
      ? "the processor, not memory, discs and supply"
      : "a part of the zone above it",
    counterFile: "energy_uj",
    // A processor that runs this always draws something; its parts may sleep.
    counter: { rangeJ, unmoved: isPackage || isPlatform ? "fault" : "unknown" },
  };
}
