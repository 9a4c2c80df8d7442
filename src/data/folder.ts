/** A folder of images, one sub-folder a class: the form in which people keep their own pictures. */

import { readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { dataError, type Dataset, FRAME_VALUES_MAX, frameValues, IMAGES_MAX } from "./dataset.ts";

/** An image in memory. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** `[height, width, channels]`. */
  readonly pixels: Uint8Array;
}

/** Image decoding, brought by the caller: it may also crop and resize, so that every image gets one size. */
export interface Decoders {
  /** File names that are images. */
  readonly pattern: RegExp;
  /** Decodes one file; throws a `CameraError` that names it. */
  decode(bytes: Uint8Array, name: string): Pixels;
}

/** Largest image file, bytes. */
const FILE_BYTES_MAX = 64 * 2 ** 20;

/**
 * Opens a folder. Its sub-folders, in natural order (2 before 10), are the classes; images beside them have no class.
 * The first image's size is the data set's; images are read when they are asked for.
 *
 * @throws {ConfigError} `data.read` when there is no image
 */
export async function openFolder(path: string, decoders: Decoders): Promise<Dataset> {
  const order = new Intl.Collator("en", { numeric: true });
  const names = (await list(path)).sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1));
  const labels: string[] = [];
  const files: { path: string; label: number }[] = [];
  for (const name of names) {
    const place = join(path, name);
    if (decoders.pattern.test(name)) {
      files.push({ path: place, label: -1 });
      continue;
    }
    if (name.startsWith(".") || !(await stat(place).catch(() => null))?.isDirectory()) continue;
    const images = (await list(place)).filter((file) => decoders.pattern.test(file));
    images.sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1));
    if (images.length === 0) continue;
    for (const file of images) files.push({ path: join(place, file), label: labels.length });
    labels.push(basename(name));
  }
  if (files.length === 0 || files.length > IMAGES_MAX) {
    const expected = `a folder with 1 to ${IMAGES_MAX} images`;
    const hint = "Put the images into one sub-folder for each class; PNG, JPEG, PGM and PPM are read";
    throw dataError(path, { what: "the path", expected, found: files.length, hint });
  }
  const first = read(files[0].path, decoders);
  const shape = [first.height, first.width, first.channels] as const;
  if (frameValues({ shape }) > FRAME_VALUES_MAX) {
    throw dataError(files[0].path, { what: "its size", expected: "at most 4096x4096", found: shape.join("x") });
  }
  return {
    name: path,
    count: files.length,
    shape,
    labels: labels.length === 0 ? null : labels,
    frame(index, out) {
      const file = files[index];
      const image = read(file.path, decoders);
      if (image.height !== shape[0] || image.width !== shape[1] || image.channels !== shape[2]) {
        const found = `${image.height}x${image.width}x${image.channels}`;
        const hint = "All images of a data set must have one size (height x width x channels)";
        throw dataError(file.path, { what: "its size", expected: shape.join("x"), found, hint });
      }
      out.set(image.pixels);
      return file.label;
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

async function list(path: string): Promise<string[]> {
  return await readdir(path).catch((cause) => {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw dataError(path, { what: "the path", expected: "a folder that can be read", found, cause });
  });
}

function read(path: string, decoders: Decoders): Pixels {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw dataError(path, { what: "the path", expected: "a file that can be read", found, cause });
  }
  if (bytes.length > FILE_BYTES_MAX) {
    throw dataError(path, { what: "its size", expected: `at most ${FILE_BYTES_MAX} bytes`, found: bytes.length });
  }
  return decoders.decode(bytes, path);
}
