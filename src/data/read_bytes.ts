/** Whole files, plain or gzip, within a limit on both sizes. */

import { readFile, stat } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { dataError } from "./dataset.ts";

/** Largest file, bytes, before and after decompression. */
export const DATA_BYTES_MAX = 2 ** 30;

/**
 * Reads a file; gzip is told by its first two bytes, not by its name.
 *
 * @throws {ConfigError} `data.read` when it cannot be read, is broken or is over a limit
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  const size = await stat(path).catch((cause) => {
    throw dataError(path, { what: "the path", expected: "a file that can be read", found: reason(cause), cause });
  });
  if (!size.isFile()) throw dataError(path, { what: "the path", expected: "a file", found: "something else" });
  if (size.size > DATA_BYTES_MAX) {
    throw dataError(path, { what: "its size", expected: `at most ${DATA_BYTES_MAX} bytes`, found: size.size });
  }
  const bytes = await readFile(path).catch((cause) => {
    throw dataError(path, { what: "the path", expected: "a file that can be read", found: reason(cause), cause });
  });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: DATA_BYTES_MAX });
  } catch (cause) {
    const expected = `gzip of at most ${DATA_BYTES_MAX} bytes`;
    throw dataError(path, { what: "its content", expected, found: reason(cause), cause });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
