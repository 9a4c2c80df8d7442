/** Replaces a file so that after any crash either the old or the new content is there, whole. */

import { dirname } from "node:path";
import type { FileSystem } from "./file_system.ts";

/** Beside the file, as only a rename within one file system is atomic. */
const TEMPORARY = ".tmp";

/**
 * Writes `bytes` to a temporary file, syncs it, renames it over `path`, syncs the folder. One caller a path at a time.
 * Rejects with the system's error; `path` then has its old content, or the new one if only the last step failed.
 *
 * @param mode permissions of the file; by default only its owner may read it
 */
export async function atomicWrite(
  files: FileSystem,
  path: string,
  bytes: Uint8Array,
  mode?: number,
): Promise<void> {
  const temporary = path + TEMPORARY;
  await files.remove(temporary); // of a crash in here
  try {
    const file = await files.create(temporary, mode);
    try {
      await file.append(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => {});
    throw error;
  }
  await files.syncFolder(dirname(path));
}
