/** Can this machine's clock be trusted, is there room on its disk, is what waits there whole, and what sensors has it? */

import { execFile } from "node:child_process";
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SpoolConfig } from "../../../config/types.ts";
import { WALL_MS_PLAUSIBLE } from "../../../core/clock.ts";
import { nodeFileSystem, systemCode } from "../../../core/file_system.ts";
import { inspectSpool } from "../../../spool/inspect.ts";
import { isHidden } from "../access.ts";
import { advice, type Check, command, failed, type Finding, inConfig, ok, skipped, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";

const PROGRAM_MS_MAX = 3000;
const MIB = 1024 * 1024;
/** Free space below this is worth a word even where nothing is kept. */
const FREE_BYTES_MIN = 64 * MIB;

/** Clock, disk, spool. */
export function hostChecks(context: Pick<DoctorContext, "clock" | "root" | "loaded">): Check[] {
  const clock: Check = { id: "host.clock", title: "clock", group: "host", run: () => checkClock(context) };
  if (context.loaded === null) return [clock];
  const { spool } = context.loaded.config;
  return [
    clock,
    { id: "host.disk", title: "disk", group: "host", run: () => checkDisk(spool) },
    { id: "host.spool", title: "spool", group: "host", timeoutMs: 30_000, run: () => checkSpool(spool) },
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

const SYNC = command("sudo timedatectl set-ntp true");

async function checkClock({ clock, root }: Pick<DoctorContext, "clock" | "root">): Promise<Finding> {
  const now = new Date(clock.wallMs()).toISOString();
  if (clock.wallMs() < WALL_MS_PLAUSIBLE) return failed(`it shows ${now}, which is long past`, SYNC);
  // systemd-timesyncd touches this file whenever a server has answered.
  const marker = join(root, "run/systemd/timesync/synchronized");
  if (await stat(marker).then(() => true, () => false)) return ok(`${now}, synchronised (systemd-timesyncd)`);
  const timedatectl = await ask("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
  if (timedatectl?.trim() === "yes") return ok(`${now}, synchronised (timedatectl)`);
  if (timedatectl?.trim() === "no") return failed(`${now}, not synchronised`, SYNC);
  const chrony = await ask("chronyc", ["-n", "tracking"]);
  const leap = /Leap status\s*:\s*(.+)/.exec(chrony ?? "")?.[1];
  if (leap !== undefined) {
    return leap === "Normal" ? ok(`${now}, synchronised (chrony)`) : failed(`${now}, chrony says: ${leap}`, SYNC);
  }
  return warning(`${now}, plausible, but nothing here says that it is synchronised`, SYNC);
}

/** What a program says; null when it cannot be run or fails. */
function ask(program: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    try {
      execFile(program, args, { timeout: PROGRAM_MS_MAX, encoding: "utf8" }, (error, stdout) => {
        resolve(error === null ? stdout : null);
      });
    } catch {
      resolve(null); // Deno without the permission to run it
    }
  });
}

async function checkDisk(spool: SpoolConfig | null): Promise<Finding> {
  if (spool === null) return skipped("nothing is kept on disk: the configuration has no spool");
  const folder = await nearestFolder(spool.path);
  if (folder === null) {
    return failed(`no folder above ${spool.path} can be seen`, command(`sudo mkdir -p ${quote(spool.path)}`));
  }
  const isWritable = await access(folder, constants.W_OK | constants.X_OK).then(() => true, () => false);
  if (!isWritable) {
    return failed(
      `${folder} cannot be written`,
      command(`sudo install -d -m 0700 -o "$USER" ${quote(spool.path)}`),
    );
  }
  const status = await statfs(folder).catch((error) => isHidden(error) || /Requires sys access/.test(String(error)));
  if (typeof status === "boolean") return skipped(`nobody may tell the room in ${folder} without --allow-sys=statfs`);
  const { bavail, bsize } = status;
  const free = bavail * bsize;
  const own = await inspectSpool(nodeFileSystem, spool.path).then(({ bytes }) => bytes, () => 0);
  const room = `${mib(free)} MiB free in ${folder}`;
  if (free + own < spool.bytesMax) {
    return failed(
      `${room}, and the spool may take ${mib(spool.bytesMax)}`,
      inConfig(`spool.bytes_max: ${Math.max(2 * MIB, Math.floor((free + own) / 2))}`),
    );
  }
  return free < FREE_BYTES_MIN ? warning(room, advice("make room before the disk is full")) : ok(room);
}

async function checkSpool(spool: SpoolConfig | null): Promise<Finding> {
  if (spool === null) return skipped("the configuration has none: results wait in memory while the broker is away");
  try {
    const { segments, records, pending, damaged, cursor } = await inspectSpool(nodeFileSystem, spool.path);
    const found = `${segments} segment(s), ${records} record(s), ${pending} to be delivered`;
    if (cursor === "damaged") {
      return warning(
        `${found}; its cursor is damaged, so that delivered records come again`,
        advice("nothing to do: run writes a new one"),
      );
    }
    if (damaged === 0) return ok(found);
    return failed(
      `${found}, ${damaged} damaged`,
      advice("run passes over them, counts them and delivers the rest; look after the disk (dmesg, smartctl)"),
    );
  } catch (error) {
    if (systemCode(error) === "ENOENT") return ok(`none yet in ${spool.path}: run makes it`);
    if (isHidden(error)) return skipped(`this process may not read ${spool.path}`);
    return failed(
      `${spool.path} cannot be read: ${systemCode(error)}`,
      command(`sudo chown -R "$USER" ${quote(spool.path)}`),
    );
  }
}

async function nearestFolder(path: string): Promise<string | null> {
  for (let folder = path;; folder = dirname(folder)) {
    const status = await stat(folder).catch(() => null);
    if (status !== null) return status.isDirectory() ? folder : null;
    if (folder === dirname(folder)) return null;
  }
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}

/** For a shell. */
export function quote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
