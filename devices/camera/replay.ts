/** Frames from disk: a clip file, or a folder of images. */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CameraError, type Issue } from "../../src/core/errors.ts";
import type { CameraSource } from "../../src/ports/camera_source.ts";
import { classesOfLabels, openClip } from "./clip.ts";
import { IMAGE_BYTES_MAX } from "./image_checks.ts";
import { decodeImage, IMAGE_NAME } from "./image_files.ts";
import {
  type BadPicture,
  checkPacedOptions,
  createPacedSource,
  openProblems,
  type PacedOptions,
  type Picture,
} from "./paced_source.ts";
import { openError, readFileCapped } from "./read_file.ts";

/** Most images in a folder. */
const FOLDER_IMAGES_MAX = 200_000;

/** Where the frames are and how they are played. */
export interface ReplayOptions extends PacedOptions {
  /**
   * A clip file, or a folder: its images in natural order (`2.png` before `10.png`), and those of its sub-folders,
   * one level deep. Files that are not named as images are left out.
   */
  readonly path: string;
  /** Starts again after the last frame. */
  readonly loop: boolean;
  /**
   * Class names in the network's order. With them a sub-folder's name, or a clip's label, gives a frame's truth, and
   * one that is no class is an error. Without them a clip's own label order counts, and a folder has no truth.
   */
  readonly classes?: readonly string[];
}

/**
 * Opens a recording. A clip is read whole; of a folder, one image at a time.
 *
 * @throws {CameraError} `camera.open` when options, path or folder cannot be used; `camera.clip` for a file that is no clip
 */
export async function openReplayCamera(options: ReplayOptions): Promise<CameraSource> {
  const { id, path } = options;
  const issues: Issue[] = [];
  checkPacedOptions(options, issues);
  if (issues.length > 0) throw openProblems(id, issues);
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (cause) {
    throw openError(path, cause);
  }
  return createPacedSource(options, isFolder ? await folderPictures(options) : await clipPictures(options));
}

// ---------------------------------------------------------------------------------------------------------------------

/** Each frame is copied into one buffer, so that a consumer that writes to its frame does not change the clip. */
async function clipPictures({ path, loop, classes }: ReplayOptions): Promise<() => Picture | null> {
  const clip = await openClip(path);
  const truths = classesOfLabels(clip, classes, path);
  const { width, height, channels, count, frames, labels } = clip;
  const pixels = new Uint8Array(width * height * channels);
  let index = 0;
  return () => {
    if (index === count && loop) index = 0;
    if (index === count) return null;
    pixels.set(frames.subarray(index * pixels.length, (index + 1) * pixels.length));
    const truth = labels === null ? -1 : truths[labels[index]];
    index += 1;
    return { width, height, channels, pixels, truth };
  };
}

interface ImageEntry {
  /** Path inside the folder. */
  readonly name: string;
  readonly truth: number;
}

/** A decoder allocates its own result, so here each frame has a buffer of its own. */
async function folderPictures(options: ReplayOptions): Promise<() => Promise<Picture | BadPicture | null>> {
  const { path, loop } = options;
  const entries = await listImages(options);
  let index = 0;
  return async () => {
    if (index === entries.length && loop) index = 0;
    if (index === entries.length) return null;
    const { name, truth } = entries[index];
    index += 1;
    try {
      return { ...decodeImage(await readFileCapped(join(path, name), IMAGE_BYTES_MAX), name), truth };
    } catch (error) {
      // One bad or vanished file does not end a recording; anything else is a bug and does.
      if (error instanceof CameraError) return { reason: error.message };
      throw error;
    }
  };
}

async function listImages({ id, path, classes }: ReplayOptions): Promise<ImageEntry[]> {
  const entries: ImageEntry[] = [];
  const issues: Issue[] = [];
  const folders: string[] = [];
  const list = async (inside: string, truth: number) => {
    for (const entry of await readdir(join(path, inside), { withFileTypes: true })) {
      const name = join(inside, entry.name);
      if (entry.isDirectory() || (entry.isSymbolicLink() && await isFolderPath(join(path, name)))) {
        if (inside === "") folders.push(entry.name);
        else issues.push({ where: path, expected: "sub-folders one level deep", found: name });
      } else if (IMAGE_NAME.test(name)) entries.push({ name, truth });
      if (entries.length > FOLDER_IMAGES_MAX) break;
    }
  };
  try {
    await list("", -1);
    for (const folder of folders) {
      const truth = classes?.indexOf(folder) ?? -1;
      if (classes !== undefined && truth < 0) {
        issues.push({ where: path, expected: `sub-folders named ${classes.join(", ")}`, found: folder });
      } else await list(folder, truth);
    }
  } catch (cause) {
    throw openError(path, cause);
  }
  if (entries.length > FOLDER_IMAGES_MAX) {
    issues.push({ where: path, expected: `at most ${FOLDER_IMAGES_MAX} images`, found: "more" });
  } else if (entries.length === 0 && issues.length === 0) {
    issues.push({ where: path, expected: "images: .png, .jpg, .jpeg, .pgm or .ppm", found: "none" });
  }
  if (issues.length > 0) throw openProblems(id, issues, "Give the path of a clip, or of a folder of images");
  return entries.sort((a, b) => compareNames(a.name, b.name));
}

/** False for a broken link as well: its frame will be malformed, and say so. */
function isFolderPath(path: string): Promise<boolean> {
  return stat(path).then((info) => info.isDirectory(), () => false);
}

const collator = new Intl.Collator("en", { numeric: true });

/** Natural order; names that it holds for equal (`1.png`, `01.png`) in code unit order, so that runs repeat. */
function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : 1);
}
