/** A whole file into memory, its size held against a limit first. */

import { type FileHandle, open } from "node:fs/promises";
import { CameraError } from "../../src/core/errors.ts";

/**
 * Reads a regular file of at most `bytesMax` bytes.
 *
 * @throws {CameraError} `camera.open` when the path is missing, not readable, no regular file, or too large
 */
export async function readFileCapped(path: string, bytesMax: number): Promise<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, "r");
    const info = await file.stat();
    // A pipe or a device has no size to hold against the limit.
    if (!info.isFile()) throw new Error("it is not a regular file");
    if (info.size > bytesMax) throw new Error(`it has ${info.size} bytes and the limit is ${bytesMax}`);
    const bytes = new Uint8Array(info.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) throw new Error(`it shrank from ${info.size} to ${length} bytes while it was read`);
      length += bytesRead;
    }
    return bytes;
  } catch (cause) {
    throw openError(path, cause);
  } finally {
    await file?.close();
  }
}

/** `camera.open` for a path that failed, with the reason in words. */
export function openError(path: string, cause: unknown): CameraError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CameraError("camera.open", `Cannot open ${JSON.stringify(path)}: ${why}`, {
    hint: "Check the path, who may read it, and the runtime's --allow-read",
    facts: { path },
    cause,
  });
}
