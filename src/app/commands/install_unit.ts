/** `install-unit`: a systemd unit for a configuration. */

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { MOUNT_FOLDER } from "../../../devices/power/find.ts";
import { listSensors } from "../../../devices/power/list.ts";
import { nodeSysfs } from "../../../devices/power/sysfs.ts";
import { loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../core/errors.ts";
import type { CommandOf } from "../command_table.ts";
import { SERVICE, unitFor } from "../unit/unit_text.ts";
import { runtimeInfo } from "../version.ts";
import type { CommandContext } from "./context.ts";

/** Prints the unit, or writes it into a folder; says what is left to do. */
export async function runInstallUnit(
  command: CommandOf<"install-unit">,
  { console, clock }: CommandContext,
): Promise<number> {
  const loaded = await loadConfig(command.config);
  const { name: runtime } = runtimeInfo();
  const { power } = loaded.config;
  const { sensors, unread } = power.enabled && power.sysfs !== null
    ? await listSensors({ sysfs: nodeSysfs, root: power.sysfs, folders: [], clock })
    : { sensors: [], unread: [] };
  const { name, text, preparations } = unitFor(loaded, {
    runtime: { name: runtime, path: process.execPath },
    sensorLines: sensors.map(({ systemd }) => systemd),
  });
  const path = command.write === null ? null : join(resolve(command.write), name);
  if (path !== null) await write(path, text);
  const next = [
    ...preparations,
    ...(sensors.length > 0 && !power.folders.includes(MOUNT_FOLDER) ? [`# in the configuration: ${FOLDERS_LINE}`] : []),
    ...(unread.length > 0 ? ["# power sensors were not all seen: once more as root, with -A, mounts them"] : []),
    ...(path === null ? [`${SERVICE_LINE} --write /etc/systemd/system`] : []),
    "sudo systemctl daemon-reload",
    `sudo systemctl enable --now ${SERVICE}`,
    `systemctl status ${SERVICE}; journalctl -fu ${SERVICE}`,
  ];
  if (command.json) {
    console.print(JSON.stringify({ name, path, unit: text, next }));
    return 0;
  }
  if (path === null) console.print(text.trimEnd());
  else console.print(`wrote ${path}`);
  console.note(["next:", ...next.map((line) => `  ${line}`)].join("\n"));
  return 0;
}

const FOLDERS_LINE = `power: { folders: [${MOUNT_FOLDER}] }   # where the unit mounts this machine's sensors`;

// ---------------------------------------------------------------------------------------------------------------------

const SERVICE_LINE = "sudo … install-unit --config FILE";

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o644 });
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new ConfigError("unit.write", `Cannot write ${path}: ${found}`, {
      hint: "The folder must be there, and be yours to write: /etc/systemd/system is root's",
      cause: error,
    });
  }
}
