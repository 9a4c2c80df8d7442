/** Devices by their stable names: the links that udev keeps under `/dev/v4l/by-id`, `/dev/serial/by-id` and the like. */

import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

/** One link. */
export interface DeviceLink {
  /** Stays when the device is plugged in again. */
  readonly id: string;
  readonly path: string;
  /** Where it points now; null when it may not be seen. */
  readonly target: string | null;
}

/** A folder's links, or why they cannot be seen. */
export type DeviceLinks =
  | { readonly links: readonly DeviceLink[] }
  | { readonly unseen: string; readonly hint: string };

/** What to do when Deno hides the folder of devices. */
export const DEV_HINT =
  "Deno shows /dev only to a process with all permissions: run this verb with -A, or look with ls -l";

/** Lists a folder of links; one that is not there has none. */
export async function listById(folder: string): Promise<DeviceLinks> {
  try {
    const names = (await readdir(folder)).sort();
    const target = (path: string) => realpath(path).catch(() => null);
    const links = await Promise.all(names.map(async (id) => {
      const path = join(folder, id);
      return { id, path, target: await target(path) };
    }));
    return { links };
  } catch (error) {
    const { code, name, message } = error as Error & { code?: string };
    if (code === "ENOENT") return { links: [] };
    const isDeno = name === "NotCapable" || /Requires (all|read) access/.test(message);
    const hint = isDeno ? DEV_HINT : "Check who may read the folder";
    return { unseen: `${folder}: ${isDeno ? "not permitted" : code ?? message}`, hint };
  }
}
