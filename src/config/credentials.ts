/**
 * Secrets that systemd hands to a service (`LoadCredential=`, systemd.exec(5)): it reads files that the service may not, and
 * puts copies into a folder of the service's own. A configuration names the files themselves; where one cannot be read, its
 * copy is. So the same configuration works with and without systemd.
 */

import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { type ReadFile, readText } from "./read_file.ts";

/** The variable that names the folder. */
export const CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY";

/** Longest copy of a variable's value, bytes. */
const VALUE_BYTES_MAX = 64 * 1024;

/** What the copy of a file is called: readable, and another for another path. */
export function credentialName(path: string): string {
  const readable = basename(path).replaceAll(/[^\w.-]/g, "_").slice(0, 64);
  return `${readable}-${createHash("sha256").update(path).digest("hex").slice(0, 12)}`;
}

/** Reads a file; where it cannot be read, its copy in `folder`. Rejects with the file's own error when there is neither. */
export function readWithCredentials(readFile: ReadFile, folder: string | undefined): ReadFile {
  if (folder === undefined) return readFile;
  return async (path, bytesMax) => {
    try {
      return await readFile(path, bytesMax);
    } catch (error) {
      return await readFile(join(folder, credentialName(path)), bytesMax).catch(() => {
        throw error;
      });
    }
  };
}

/** The value of a variable that is not set, from the file of its name in `folder`; one line end at the end is the file's. */
export async function readCredential(
  readFile: ReadFile,
  folder: string | undefined,
  variable: string,
): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  const file = await readText(readFile, join(folder, variable), VALUE_BYTES_MAX);
  return "text" in file ? file.text.replace(/\r?\n$/, "") : undefined;
}
