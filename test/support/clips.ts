/** Small clips and folders on disk for tests. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Clip, writeClip } from "../../devices/camera/clip.ts";

/** A clip whose frame k is filled with the bytes k + 1, k + 2, …; labels count 0, 1, … over the names. */
export function makeClip(options: Partial<Clip> = {}): Clip {
  const { count = 6, width = 4, height = 3, channels = 1, labelNames = ["zero", "one", "two"] } = options;
  const size = width * height * channels;
  return {
    name: "test",
    licence: "CC0-1.0",
    source: "made by a test",
    labelNames,
    count,
    width,
    height,
    channels,
    frames: Uint8Array.from({ length: count * size }, (_, i) => Math.floor(i / size) + 1 + (i % size)),
    labels: Uint8Array.from({ length: count }, (_, i) => i % labelNames.length),
    ...options,
  };
}

/** A folder of its own, deleted at dispose. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "quartz-edge-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Writes files, by path inside `folder`; makes sub-folders. */
export async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

/** Writes a clip to a file of its own in `folder`. */
export async function writeClipFile(folder: string, clip: Clip, gzip = true): Promise<string> {
  const path = join(folder, "clip.safetensors.gz");
  await writeFile(path, writeClip(clip, { gzip }));
  return path;
}
