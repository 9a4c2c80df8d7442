/** `list-devices`: what can be named in a configuration: cameras, serial ports, sensors, bundled clips; and what stayed hidden. */

import { readdir } from "node:fs/promises";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type DeviceLink, listById } from "../../../devices/by_id.ts";
import { listV4l2, type Unseen, type V4l2Camera } from "../../../devices/camera/v4l2_list.ts";
import { listSysfsSensors, type SysfsSensor } from "../../../devices/sysfs_sensors.ts";
import { isHidden } from "../doctor/access.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

const MODELS = fileURLToPath(new URL("../../../models", import.meta.url));

const SYS_HINT = "Deno shows /sys only to a process with all permissions: run this verb with -A";

/** What is there. */
export interface DeviceList {
  readonly cameras: readonly V4l2Camera[];
  readonly serialPorts: readonly DeviceLink[];
  readonly sensors: readonly SysfsSensor[];
  /** Paths from the current folder. */
  readonly clips: readonly string[];
  readonly unseen: readonly Unseen[];
}

/** Prints the lists; finding nothing is no failure. */
export async function runListDevices(
  command: CommandOf<"list-devices">,
  { console }: CommandContext,
): Promise<number> {
  const { cameras, unseen } = await listV4l2();
  const serial = await listById("/dev/serial/by-id");
  if ("unseen" in serial) unseen.push({ what: "serial ports", why: serial.unseen, hint: serial.hint });
  const serialPorts = "links" in serial ? serial.links : [];
  const sensors = await listSysfsSensors().catch((error: Error) => {
    unseen.push({
      what: "power sensors",
      why: `/sys: ${isHidden(error) ? "not permitted" : error.message}`,
      hint: SYS_HINT,
    });
    return [];
  });
  const list = { cameras, serialPorts, sensors, clips: await bundledClips(), unseen };
  console.print(command.json ? JSON.stringify(list) : formatDevices(list));
  return 0;
}

/** The lists as text. */
export function formatDevices({ cameras, serialPorts, sensors, clips, unseen }: DeviceList): string {
  const section = (title: string, lines: readonly string[]) => [
    `${title}:`,
    ...(lines.length === 0 ? ["  none seen"] : lines.map((line) => `  ${line}`)),
  ];
  const camera = ({ device, path, name, formats }: V4l2Camera) => [
    `${device}${device === path ? "" : ` -> ${path}`}${name === null ? "" : ` (${name})`}`,
    ...formats.map(({ format, sizes }) => `  ${format.padEnd(10)} ${sizes.join(" ")}`),
  ];
  return [
    ...section("cameras (source: { kind: v4l2, device: … })", cameras.flatMap(camera)),
    ...section("serial ports", serialPorts.map(({ path, target }) => target === null ? path : `${path} -> ${target}`)),
    ...section("power sensors", sensors.flatMap(sensorLines)),
    ...section("bundled clips (source: { kind: replay, path: … })", clips),
    ...(unseen.length === 0
      ? []
      : section("not seen", unseen.map(({ what, why, hint }) => `${what}: ${why} (${hint})`))),
  ].join("\n");
}

function sensorLines({ name, path, readings, denied }: SysfsSensor): string[] {
  const shown = readings.map((file) => denied.includes(file) ? `${file} (not readable)` : file);
  return [`${name}: ${path}`, `  ${shown.join(" ")}`];
}

// ---------------------------------------------------------------------------------------------------------------------

async function bundledClips(): Promise<string[]> {
  const names = await readdir(MODELS, { recursive: true }).catch(() => []);
  return names.filter((name) => /(^|\/)clip[^/]*\.safetensors(\.gz)?$/.test(name)).sort()
    .map((name) => relative(process.cwd(), `${MODELS}/${name}`));
}
