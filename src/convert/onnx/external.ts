/** Weights that an ONNX model keeps in files beside it. Nothing outside the model's own folder is ever opened. */

import { lstat, open, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { Issue } from "../../core/errors.ts";
import type { OnnxExternalFile } from "./model.ts";
import { type RawTensor, tensorBytes } from "./tensor.ts";

/** Most bytes in all external files of a model together. */
export const EXTERNAL_BYTES_MAX = 2 ** 30;
const FILES_MAX = 256;

/** A model's external files, read at most once each. */
export interface ExternalFiles {
  readonly files: readonly OnnxExternalFile[];
  /** A tensor's bytes; pushes what is wrong and returns null. */
  bytesOf(tensor: RawTensor, issues: Issue[]): Uint8Array | null;
}

/** Reads every file that the tensors name. Pushes each problem once a file. */
export async function readExternalFiles(
  modelPath: string,
  tensors: readonly RawTensor[],
  issues: Issue[],
): Promise<ExternalFiles> {
  const files = new Map<string, Uint8Array | null>();
  let left = EXTERNAL_BYTES_MAX;
  for (const tensor of tensors) {
    const location = tensor.external?.get("location");
    if (location === undefined || files.has(location)) continue;
    const fail = (expected: string, found: string) => {
      const hint = "External data are read only from plain files beside the model; export with all weights inside it";
      issues.push({ where: `external data ${JSON.stringify(location)}`, expected, found, hint });
      return null;
    };
    if (files.size >= FILES_MAX) {
      fail(`at most ${FILES_MAX} files`, "more");
      break;
    }
    const bytes = await readInside(dirname(modelPath), location, left, fail);
    files.set(location, bytes);
    left -= bytes?.length ?? 0;
  }
  return {
    files: [...files].flatMap(([path, bytes]) => (bytes === null ? [] : [{ path, bytes }])),
    bytesOf: (tensor, found) => slice(tensor, files, found),
  };
}

// ---------------------------------------------------------------------------------------------------------------------

async function readInside(
  folder: string,
  location: string,
  bytesMax: number,
  fail: (expected: string, found: string) => null,
): Promise<Uint8Array | null> {
  const parts = location.split(/[/\\]/);
  if (location === "" || location.includes("\0") || isAbsolute(location) || parts.includes("..")) {
    return fail("a path below the model's folder", "another one");
  }
  const path = join(folder, location);
  try {
    // A link in any part of the path could lead out of the folder.
    const home = await realpath(folder);
    if (await realpath(path) !== join(home, location)) return fail("no symbolic link", "one");
    const info = await lstat(path);
    if (!info.isFile()) return fail("a plain file", "something else");
    if (info.size > bytesMax) return fail(`at most ${EXTERNAL_BYTES_MAX} bytes in all`, `${info.size} more`);
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(info.size);
      let position = 0;
      while (position < bytes.length) {
        const { bytesRead } = await file.read(bytes, position, bytes.length - position, position);
        if (bytesRead === 0) return fail(`${info.size} bytes`, `${position}`);
        position += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (cause) {
    return fail("a file that can be read", cause instanceof Error ? cause.message : String(cause));
  }
}

function slice(tensor: RawTensor, files: Map<string, Uint8Array | null>, issues: Issue[]): Uint8Array | null {
  const where = `tensor ${JSON.stringify(tensor.name)} external data`;
  const location = tensor.external?.get("location");
  const file = location === undefined ? undefined : files.get(location);
  // A file that could not be read has its own issue.
  if (file === null) return null;
  if (file === undefined) {
    issues.push({ where, expected: "a location", found: "none" });
    return null;
  }
  const wanted = tensorBytes(tensor);
  const offset = Number(tensor.external?.get("offset") ?? 0);
  const length = Number(tensor.external?.get("length") ?? wanted);
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== wanted || offset + wanted > file.length) {
    const expected = `${wanted} bytes inside a file of ${file.length}`;
    issues.push({ where, expected, found: `${length} at ${offset}` });
    return null;
  }
  return file.subarray(offset, offset + wanted);
}
