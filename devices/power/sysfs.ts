/** Small files of the kernel under a folder: reading them, and what their errors mean. */

import { open, readdir, realpath } from "node:fs/promises";

/** Reads a tree of small files; a parameter, so that tests can bring one that fails where they want. */
export interface Sysfs {
  /** A file's text without white space around it, at most 4096 bytes. Rejects with the system's error. */
  read(path: string): Promise<string>;
  /** Names in a folder, sorted. */
  list(path: string): Promise<string[]>;
  /** The path with all links followed. */
  realPath(path: string): Promise<string>;
}

/** Longest file that is read, bytes: the kernel's are one page at most. */
const FILE_BYTES_MAX = 4096;

/** The machine's own files. */
export const nodeSysfs: Sysfs = {
  async read(path) {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(FILE_BYTES_MAX);
      const { bytesRead } = await file.read(bytes, 0, FILE_BYTES_MAX, 0);
      return new TextDecoder().decode(bytes.subarray(0, bytesRead)).trim();
    } finally {
      await file.close();
    }
  },
  list: async (path) => (await readdir(path)).sort(),
  realPath: (path) => realpath(path),
};

/** What an error means for whoever wanted to read. */
export type SysfsFailure =
  /** Not there, or not any more. */
  | "gone"
  /** The file's owner does not let us. */
  | "denied"
  /** Deno does not let us. */
  | "not_permitted"
  /** The device hiccuped: EAGAIN, ENODATA, EIO and the like; it may be well at once. */
  | "hiccup";

/** Sorts an error. */
export function failureOf(error: unknown): SysfsFailure {
  const { code, name, message } = error as { code?: string; name?: string; message?: string };
  if (name === "NotCapable" || /Requires (all|read) access/.test(message ?? "")) return "not_permitted";
  if (code === "EACCES" || code === "EPERM" || name === "PermissionDenied") return "denied";
  if (["ENOENT", "ENODEV", "ENXIO", "ENOTDIR"].includes(code ?? "")) return "gone";
  return "hiccup";
}

/** An error's short name for people: `EIO`, or its message. */
export function nameOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? String(error);
}

/** A file's text, or null when it is not there or cannot be read. */
export async function readOptional(sysfs: Sysfs, path: string): Promise<string | null> {
  try {
    return await sysfs.read(path);
  } catch {
    return null;
  }
}

/** A file's whole number, or null when it is not there or holds something else. */
export async function readInteger(sysfs: Sysfs, path: string): Promise<number | null> {
  const text = await readOptional(sysfs, path);
  return text !== null && /^-?\d{1,20}$/.test(text) ? Number(text) : null;
}
