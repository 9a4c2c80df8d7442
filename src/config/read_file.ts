/** Reads a small file with a limit, and checks that bytes are text. */

import { open, stat } from "node:fs/promises";

/**
 * Reads a file: resolves to its bytes, or to the first `bytesMax + 1` of them, which tells the caller that it is too
 * long. Rejects with an `Error` whose `code` is that of `node:fs` (`ENOENT`, `EACCES`, `EISDIR`, …).
 */
export type ReadFile = (path: string, bytesMax: number) => Promise<Uint8Array>;

/** `ReadFile` over `node:fs`; devices and pipes, which may never end, are refused. */
export const readFileWithLimit: ReadFile = async (path, bytesMax) => {
  // Before opening: to open a named pipe without a writer would wait for ever.
  const status = await stat(path);
  if (status.isDirectory()) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
  if (!status.isFile()) throw Object.assign(new Error("not a regular file"), { code: "EINVAL" });
  const handle = await open(path, "r");
  try {
    const bytes = new Uint8Array(bytesMax + 1);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
};

/** A text file's content, or in a few words what was found in its place. Never quotes the content. */
export async function readText(
  readFile: ReadFile,
  path: string,
  bytesMax: number,
): Promise<
  { readonly text: string; readonly bytes: Uint8Array } | { readonly found: string; readonly cause?: unknown }
> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, bytesMax);
  } catch (cause) {
    return { found: reasonOf(cause), cause };
  }
  if (bytes.length > bytesMax) return { found: `more than ${bytesMax} bytes` };
  if (bytes.length === 0) return { found: "an empty file" };
  const nul = bytes.indexOf(0);
  if (nul >= 0) return { found: `a NUL byte at offset ${nul}` };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes };
  } catch {
    return { found: "bytes that are not UTF-8" };
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ENOENT") return "no such file";
  if (code === "EISDIR") return "a folder";
  if (code === "EINVAL") return "something that is not a regular file";
  if (code === "EACCES" || code === "EPERM") return "a file that may not be read";
  return code === "" ? "a file that cannot be read" : `a file that cannot be read (${code})`;
}
