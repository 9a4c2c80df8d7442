/** The file that says how far a spool has been delivered. Losing it costs repeated deliveries, never a message. */

import { atomicWrite } from "../core/atomic_write.ts";
import { crc32c } from "../core/crc32c.ts";
import { type FileSystem, systemCode } from "../core/file_system.ts";

/** What is done. */
export interface Cursor {
  /** Every record below this id. */
  readonly nextId: number;
  /** And these above it, `[from, to)`, ascending. */
  readonly ahead: readonly (readonly [number, number])[];
}

/** Most stretches in `ahead`; those over it are delivered again. */
export const AHEAD_MAX = 1000;

const CURSOR_BYTES_MAX = 64 * 1024;

/**
 * Reads the cursor: null when there is none, `"damaged"` when there is one that cannot be trusted.
 * Rejects with the system's error when it cannot be told which.
 */
export async function readCursor(files: FileSystem, path: string): Promise<Cursor | null | "damaged"> {
  let text: string;
  try {
    const lengthMax = Math.min(CURSOR_BYTES_MAX, await files.size(path));
    text = new TextDecoder().decode(await files.read(path, { offset: 0, lengthMax }));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  const [checksum, body] = [text.slice(0, 8), text.slice(9)];
  if (checksum !== checksumOf(body)) return "damaged";
  return JSON.parse(body) as Cursor; // written by `writeCursor`, as the checksum says
}

/** Replaces the cursor; rejects with the system's error, and the old one then stays. */
export async function writeCursor(files: FileSystem, path: string, cursor: Cursor): Promise<void> {
  const body = JSON.stringify({ nextId: cursor.nextId, ahead: cursor.ahead.slice(0, AHEAD_MAX) });
  await atomicWrite(files, path, new TextEncoder().encode(`${checksumOf(body)} ${body}`));
}

// ---

/** Eight hex digits. */
function checksumOf(body: string): string {
  return crc32c(new TextEncoder().encode(body)).toString(16).padStart(8, "0");
}
