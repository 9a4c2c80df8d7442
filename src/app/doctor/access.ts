/** May this process use a device file, and if not, which group would let it? */

import { access, constants, readFile, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** What a look at a path gave. */
export type Access =
  | { readonly state: "usable" | "denied"; readonly path: string; readonly group: string; readonly mode: number }
  /** `hidden`: Deno does not show it to this process. */
  | { readonly state: "missing" | "hidden" };

/** What is wanted of a file. */
export type Use = "read" | "read and write";

/** True when this process may use the file so; `mode` as in `node:fs`. */
export type MayUse = (path: string, mode: number) => Promise<boolean>;

const mayUse: MayUse = (path, mode) => access(path, mode).then(() => true, () => false);

/** Looks at a file, following links. `root` is where /etc/group is looked for. */
export async function lookAt(path: string, use: Use, root = "/", isUsableBy: MayUse = mayUse): Promise<Access> {
  try {
    const target = await realpath(path);
    const { gid, mode } = await stat(target);
    const wanted = use === "read" ? constants.R_OK : constants.R_OK | constants.W_OK;
    const state = await isUsableBy(target, wanted) ? "usable" : "denied";
    return { state, path: target, group: await groupName(gid, root), mode: mode & 0o777 };
  } catch (error) {
    return { state: isHidden(error) ? "hidden" : "missing" };
  }
}

/** True for Deno's refusal to show a path, which is not the system's. */
export function isHidden(error: unknown): boolean {
  const { name, message } = error instanceof Error ? error : { name: "", message: "" };
  return name === "NotCapable" || /Requires (all|read) access/.test(message);
}

/**
 * Shell lines that give the user of this shell a device of the group, which first becomes the device's by a udev rule where
 * it is another's.
 */
export function groupLines(
  device: { readonly path: string; readonly group: string; readonly mode: number },
  wanted: { readonly group: string; readonly subsystem: string },
): string[] {
  const { group, subsystem } = wanted;
  const join = [`sudo usermod -aG ${group} "$USER"   # then log in again`];
  if (device.group === group && (device.mode & 0o060) === 0o060) return join;
  const kernel = /^[\w.-]+$/.test(basename(device.path)) ? basename(device.path) : "*";
  const rule = `SUBSYSTEM=="${subsystem}", KERNEL=="${kernel}", GROUP="${group}", MODE="0660"`;
  return [
    `echo '${rule}' | sudo tee /etc/udev/rules.d/70-quartz-edge-${subsystem}.rules`,
    "sudo udevadm control --reload && sudo udevadm trigger",
    ...join,
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

async function groupName(gid: number, root: string): Promise<string> {
  const text = await readFile(join(root, "etc/group"), "utf8").catch(() => "");
  const line = text.split("\n").find((entry) => entry.split(":")[2] === String(gid));
  return line?.split(":")[0] ?? String(gid);
}
