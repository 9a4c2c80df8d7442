/** Which power sensors and meters this machine has, and whether this process gets their readings. */

import { join } from "node:path";
import { listSensors } from "../../../../devices/power/list.ts";
import { nodeSysfs } from "../../../../devices/power/sysfs.ts";
import { parseLinkAddress } from "../../../../devices/transport/address.ts";
import type { PowerConfig } from "../../../config/types.ts";
import { endpointOf } from "../../permissions.ts";
import { advice, type Check, type Finding, ok, skipped, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";
import { reachChecks } from "../network_steps.ts";
import { checkSerial } from "./board.ts";

/** The checks `host.sensors` and `host.meter.*`. A gateway runs without sensors, so that none found is no failure. */
export function sensorChecks(context: Pick<DoctorContext, "root" | "clock" | "loaded">): Check[] {
  const power = context.loaded?.config.power ?? null;
  return [
    { id: "host.sensors", title: "power sensors", group: "host", run: () => checkSensors(power, context) },
    ...(power?.enabled ? power.meters.flatMap((meter) => meterChecks(meter, context.root)) : []),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

async function checkSensors(
  power: PowerConfig | null,
  { root, clock }: Pick<DoctorContext, "root" | "clock">,
): Promise<Finding> {
  if (power?.enabled === false) return skipped("the configuration wants no power measured");
  const { sysfs = "/sys", folders = [] } = power ?? {};
  const where = { root: sysfs === null ? null : join(root, sysfs), folders };
  const { sensors, unread } = await listSensors({ sysfs: nodeSysfs, ...where, clock });
  const seen = sensors.map(({ name, readings }) => `${name}: ${readings.join(", ")}`);
  if (unread.length === 0) return ok(seen.length === 0 ? "none (virtual machines have none)" : seen.join("; "));
  // The same hint for many sensors is said once.
  const hints = [...new Set(unread.map(({ hint }) => hint))].join("\n");
  const hidden = unread.map(({ what, why }) => `${what}: ${why}`);
  return warning([...seen, ...hidden].join("; "), advice(hints));
}

function meterChecks(meter: PowerConfig["meters"][number], root: string): Check[] {
  const id = `host.meter.${meter.id}`;
  if (meter.kind === "http") return reachChecks(id, "host", endpointOf(meter.url), `meter ${meter.id}: `);
  const address = parseLinkAddress(meter.link);
  if (address.kind === "tcp") return reachChecks(id, "host", address, `meter ${meter.id}: `);
  if (address.kind !== "serial") return [];
  return [{ id, title: `meter ${meter.id}`, group: "host", run: () => checkSerial(address.path, root) }];
}
