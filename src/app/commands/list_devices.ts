/** `list-devices`: what can be named in a configuration: cameras, serial ports, power sensors, clips; and what stayed hidden. */

import { readdir } from "node:fs/promises";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type DeviceLink, listById } from "../../../devices/by_id.ts";
import { listV4l2, type Unseen, type V4l2Camera } from "../../../devices/camera/v4l2_list.ts";
import { type ListedSensor, listSensors } from "../../../devices/power/list.ts";
import { nodeSysfs } from "../../../devices/power/sysfs.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

const MODELS = fileURLToPath(new URL("../../../models", import.meta.url));

/** What is there. */
export interface DeviceList {
  readonly cameras: readonly V4l2Camera[];
  readonly serialPorts: readonly DeviceLink[];
  readonly powerSensors: readonly ListedSensor[];
  /** Paths from the current folder. */
  readonly clips: readonly string[];
  readonly unseen: readonly Unseen[];
}

/** Prints the lists; finding nothing is no failure. */
export async function runListDevices(
  command: CommandOf<"list-devices">,
  { console, clock }: CommandContext,
): Promise<number> {
  const { cameras, unseen } = await listV4l2();
  const serial = await listById("/dev/serial/by-id");
  if ("unseen" in serial) unseen.push({ what: "serial ports", why: serial.unseen, hint: serial.hint });
  const serialPorts = "links" in serial ? serial.links : [];
  const power = await listSensors({ sysfs: nodeSysfs, root: "/sys", folders: [], clock });
  unseen.push(...power.unread.map(({ what, why, hint }) => ({ what, why, hint })));
  const list = { cameras, serialPorts, powerSensors: power.sensors, clips: await bundledClips(), unseen };
  console.print(command.json ? JSON.stringify(list) : formatDevices(list));
  return 0;
}

/** The lists as text. */
export function formatDevices({ cameras, serialPorts, powerSensors, clips, unseen }: DeviceList): string {
  const section = (title: string, lines: readonly string[]) => [
    `${title}:`,
    ...(lines.length === 0 ? ["  none seen"] : lines.map((line) => `  ${line}`)),
  ];
  const camera = ({ device, path, name, formats }: V4l2Camera) => [
    `${device}${device === path ? "" : ` -> ${path}`}${name === null ? "" : ` (${name})`}`,
    ...formats.map(({ format, sizes }) => `  ${format.padEnd(10)} ${sizes.join(" ")}`),
  ];
  const sensor = ({ ids, kind, name, device, readings, systemd, docker }: ListedSensor) => [
    `${ids.join(", ")} (${kind} ${name} at ${device})`,
    ...readings.map((reading) => `  ${reading}`),
    `  systemd: ${systemd}`,
    `  docker:  ${docker}`,
  ];
  return [
    ...section("cameras (source: { kind: v4l2, device: … })", cameras.flatMap(camera)),
    ...section("serial ports", serialPorts.map(({ path, target }) => target === null ? path : `${path} -> ${target}`)),
    ...section("power sensors (found by `run` by itself)", powerSensors.flatMap(sensor)),
    ...section("bundled clips (source: { kind: replay, path: … })", clips),
    ...(unseen.length === 0
      ? []
      : section("not seen", unseen.map(({ what, why, hint }) => `${what}: ${why} (${hint})`))),
  ].join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------

async function bundledClips(): Promise<string[]> {
  const names = await readdir(MODELS, { recursive: true }).catch(() => []);
  return names.filter((name) => /(^|\/)clip[^/]*\.safetensors(\.gz)?$/.test(name)).sort()
    .map((name) => relative(process.cwd(), `${MODELS}/${name}`));
}
