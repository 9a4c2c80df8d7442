/**
 * Cumulative energies over restarts: one small file, replaced as a whole, that a power cut cannot leave half written.
 *
 * Two lines: JSON `{"version":1,"totalsJ":{"vdd_in":918233.1}}`, and the CRC-32C of the first line. What cannot be read, or
 * does not match, is put aside as `.damaged` and the energies begin at 0, which is said: they are never guessed.
 */

import { Buffer } from "node:buffer";
import { dirname } from "node:path";
import { atomicWrite } from "../core/atomic_write.ts";
import { crc32c } from "../core/crc32c.ts";
import { type FileSystem, systemCode } from "../core/file_system.ts";

/** Most sources that are remembered; a source that is away keeps its total. */
export const TOTALS_MAX = 1000;
/** Longest file, bytes. */
const FILE_BYTES_MAX = 256 * 1024;

/** Energies by source id, J. */
export type Totals = ReadonlyMap<string, number>;

/** What was in the file; `restarted` says why nothing was, and is null for a file that is whole or not there yet. */
export interface LoadedTotals {
  readonly totals: Totals;
  readonly restarted: string | null;
}

/** Reads the file. Never rejects. */
export async function loadTotals(files: FileSystem, path: string): Promise<LoadedTotals> {
  try {
    const bytes = await files.read(path, { offset: 0, lengthMax: FILE_BYTES_MAX });
    const found = parse(bytes);
    if (!("fault" in found)) return { totals: found.totals, restarted: null };
    await files.rename(path, `${path}.damaged`).catch(() => {});
    return { totals: new Map(), restarted: `${path} must be a state file with its checksum: found ${found.fault}` };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { totals: new Map(), restarted: null };
    return { totals: new Map(), restarted: `${path} must be readable: found ${messageOf(error)}` };
  }
}

/** Replaces the file. Rejects with the system's error, and leaves the old content then. */
export async function saveTotals(files: FileSystem, path: string, totals: Totals): Promise<void> {
  await files.makeFolder(dirname(path));
  const kept = [...totals].slice(0, TOTALS_MAX);
  const line = JSON.stringify({ version: 1, totalsJ: Object.fromEntries(kept) });
  await atomicWrite(files, path, Buffer.from(`${line}\n${checksum(line)}\n`));
}

// ---------------------------------------------------------------------------------------------------------------------

function parse(bytes: Uint8Array): { readonly totals: Totals } | { readonly fault: string } {
  if (bytes.length === 0) return { fault: "nothing in it" };
  if (bytes.every((byte) => byte === 0)) return { fault: "zeros, as a power cut leaves them" };
  const [line, sum] = Buffer.from(bytes).toString("utf8").split("\n");
  if (sum !== checksum(line)) return { fault: "another checksum" };
  try {
    const { version, totalsJ } = JSON.parse(line) as { readonly version: unknown; readonly totalsJ: unknown };
    if (version !== 1) return { fault: `version ${JSON.stringify(version)}` };
    const entries = Object.entries(totalsJ as Record<string, unknown>);
    const isGood = entries.every(([, joules]) => typeof joules === "number" && joules >= 0 && Number.isFinite(joules));
    return isGood ? { totals: new Map(entries as [string, number][]) } : { fault: "energies that are no numbers" };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

function checksum(line: string): string {
  return crc32c(Buffer.from(line)).toString(16).padStart(8, "0");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
