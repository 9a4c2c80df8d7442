/** `list-devices`: what can be named in a configuration: cameras, serial ports, bundled clips; and what stayed hidden. */

import { readdir } from "node:fs/promises";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type DeviceLink, listById } from "../../../devices/by_id.ts";
import { listV4l2, type Unseen, type V4l2Camera } from "../../../devices/camera/v4l2_list.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

const MODELS = fileURLToPath(new URL("../../../models", import.meta.url));

/** What is there. */
export interface DeviceList {
  readonly cameras: readonly V4l2Camera[];
  readonly serialPorts: readonly DeviceLink[];
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
  const list = { cameras, serialPorts, clips: await bundledClips(), unseen };
  console.print(command.json ? JSON.stringify(list) : formatDevices(list));
  return 0;
}

/** The lists as text. */
export function formatDevices({ cameras, serialPorts, clips, unseen }: DeviceList): string {
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
