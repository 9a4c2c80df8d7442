/** Which power sensors this machine has, and whether this process may read them. */

import { join } from "node:path";
import { listSysfsSensors, type SysfsSensor } from "../../../../devices/sysfs_sensors.ts";
import { systemCode } from "../../../core/file_system.ts";
import { isHidden } from "../access.ts";
import { advice, type Check, command, type Finding, ok, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";

/** The check `host.sensors`. A gateway runs without any, so that nothing here is a failure. */
export function sensorChecks({ root }: Pick<DoctorContext, "root">): Check[] {
  return [{ id: "host.sensors", title: "power sensors", group: "host", run: () => checkSensors(join(root, "sys")) }];
}

// ---------------------------------------------------------------------------------------------------------------------

/** The counters of a processor are readable by root alone since CVE-2020-8694; a group opens them to one user. */
const POWERCAP_RULE = 'SUBSYSTEM=="powercap", KERNEL=="intel-rapl*", ' +
  'RUN+="/bin/chgrp power /sys%p/energy_uj", RUN+="/bin/chmod 0440 /sys%p/energy_uj"';
const POWERCAP_LINES = [
  'sudo groupadd -f power && sudo usermod -aG power "$USER"   # then log in again',
  `echo '${POWERCAP_RULE}' | sudo tee /etc/udev/rules.d/70-quartz-edge-powercap.rules`,
  "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=powercap",
];

async function checkSensors(folder: string): Promise<Finding> {
  let sensors: SysfsSensor[];
  try {
    sensors = await listSysfsSensors(folder);
  } catch (error) {
    if (isHidden(error)) {
      return warning(
        "Deno shows /sys only to a process with all permissions, or what of it is mounted elsewhere",
        advice("npx --yes deno@2.9.5 run -A src/main.ts list-devices shows them; install-unit mounts those in use"),
      );
    }
    return warning(`${folder} cannot be read (${systemCode(error) || String(error)})`);
  }
  if (sensors.length === 0) return ok("none (virtual machines have none)");
  const found = sensors.map(({ name, readings }) => `${name} (${readings.join(" ")})`).join(", ");
  const denied = sensors.filter((sensor) => sensor.denied.length > 0);
  if (denied.length === 0) return ok(found);
  const text = `${found}; this user may not read ${denied.map(({ name }) => name).join(", ")}`;
  return denied.some(({ kind }) => kind === "powercap") ? warning(text, command(...POWERCAP_LINES)) : warning(text);
}
