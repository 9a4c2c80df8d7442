/** The last configuration that a gateway has started with, kept in its state folder for a day on which the file is broken. */

import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { atomicWrite } from "../core/atomic_write.ts";
import type { Clock } from "../core/clock.ts";
import { type FileSystem, nodeFileSystem, systemCode } from "../core/file_system.ts";
import { CONFIG_BYTES_MAX } from "./load.ts";

/** A copy that was found whole. */
export interface LastGood {
  /** The file's bytes as they were; references are in it, and not what they stood for. */
  readonly bytes: Uint8Array;
  /** Of the bytes, hex. */
  readonly sha256: string;
  /** When it was kept, RFC 3339. */
  readonly savedAt: string;
}

const NAME = "last_good_config";
const HEADER_BYTES_MAX = 8192;
/** First line of the copy; the file's bytes follow. YAML reads it as a comment. */
const HEADER = /^# last good copy (\{.*\})$/;

/** The state folder: what the command line says, else the first one that systemd gives the service; null when there is none. */
export function stateFolder(flag: string | null, env: Readonly<Record<string, string | undefined>>): string | null {
  if (flag !== null) return flag;
  try {
    const [first = ""] = (env.STATE_DIRECTORY ?? "").split(":");
    return first === "" ? null : first;
  } catch {
    return null; // Deno without permission for this variable
  }
}

/**
 * Keeps a copy of the configuration file `path`; writes nothing when the same is kept already. Rejects with the system's
 * error, and then the copy from before is still there.
 */
export async function keepLastGood(
  folder: string,
  path: string,
  bytes: Uint8Array,
  { clock, files = nodeFileSystem }: { readonly clock: Pick<Clock, "wallMs">; readonly files?: FileSystem },
): Promise<void> {
  const sha256 = sha256Of(bytes);
  const before = await readLastGood(folder, path, files);
  if (before !== null && "sha256" in before && before.sha256 === sha256) return;
  await files.makeFolder(folder);
  const savedAt = new Date(clock.wallMs()).toISOString();
  const header = `# last good copy ${JSON.stringify({ path: resolve(path), sha256, savedAt })}\n`;
  await atomicWrite(files, join(folder, NAME), Buffer.concat([new TextEncoder().encode(header), bytes]));
}

/** The copy of `path`; null when none is kept, or in words why the one that is there is of no use. */
export async function readLastGood(
  folder: string,
  path: string,
  files: FileSystem = nodeFileSystem,
): Promise<LastGood | { readonly found: string } | null> {
  let content: Uint8Array;
  try {
    const lengthMax = HEADER_BYTES_MAX + CONFIG_BYTES_MAX + 1;
    content = await files.read(join(folder, NAME), { offset: 0, lengthMax });
  } catch (error) {
    const code = systemCode(error);
    return code === "ENOENT" ? null : { found: `a file that cannot be read (${code || String(error)})` };
  }
  if (content.length === 0) return { found: "an empty file" };
  const end = content.subarray(0, HEADER_BYTES_MAX).indexOf(10);
  const header = readHeader(new TextDecoder().decode(content.subarray(0, Math.max(0, end))));
  if (header === null) {
    return { found: content.includes(0) ? "a file with NUL bytes" : "a file without its first line" };
  }
  if (header.path !== resolve(path)) return { found: `the copy of another file, ${JSON.stringify(header.path)}` };
  const bytes = content.subarray(end + 1);
  if (sha256Of(bytes) !== header.sha256) return { found: "content that does not match its checksum" };
  return { bytes, sha256: header.sha256, savedAt: header.savedAt };
}

// ---------------------------------------------------------------------------------------------------------------------

function readHeader(line: string): { readonly path: string; readonly sha256: string; readonly savedAt: string } | null {
  try {
    const { path, sha256, savedAt } = JSON.parse(HEADER.exec(line)?.[1] ?? "null");
    return [path, sha256, savedAt].every((field) => typeof field === "string") ? { path, sha256, savedAt } : null;
  } catch {
    return null;
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
