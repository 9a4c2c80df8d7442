/**
 * A clip: frames of one size in one file, with or without the truth about them.
 *
 * It is a safetensors container, gzipped or not: `frames` U8 `[frames, height, width, channels]`, optionally `labels` U8
 * `[frames]` (indices into the label names), and `__metadata__.clip`, a JSON string
 * `{"format_version": 1, "name": …, "labels": [names], "licence": …, "source": …}`.
 *
 * `src/model/container.ts` is the one reader of safetensors; this file is allowed to reach over to it.
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { CameraError, EdgeError, type Issue } from "../../src/core/errors.ts";
import { type Container, readContainer, type Tensor, writeContainer } from "../../src/model/container.ts";
import { IMAGE_PIXELS_MAX } from "./image_checks.ts";
import { readFileCapped } from "./read_file.ts";

/** Largest clip, bytes, inflated or as stored. */
export const CLIP_BYTES_MAX = 512 * 1024 * 1024;
/** Most label names: an index is one byte. */
const LABELS_MAX = 256;
const FORMAT_VERSION = 1;
const TEXT_KEYS = ["name", "licence", "source"] as const;

/** A clip in memory. */
export interface Clip {
  readonly name: string;
  /** Class names that `labels` points into; may be empty when `labels` is null. */
  readonly labelNames: readonly string[];
  readonly licence: string;
  /** Where the frames come from, for people. */
  readonly source: string;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** `[count, height, width, channels]`. */
  readonly frames: Uint8Array;
  /** `[count]`, or null when the truth is not known. */
  readonly labels: Uint8Array | null;
}

/** Reads a clip file. @throws {CameraError} `camera.open` when it cannot be read, `camera.clip` when it is no clip */
export async function openClip(path: string): Promise<Clip> {
  return readClip(await readFileCapped(path, CLIP_BYTES_MAX), path);
}

/**
 * Checks a clip's bytes.
 *
 * @param name what to call it in errors
 * @throws {CameraError} `camera.clip`, with every problem found
 */
export function readClip(bytes: Uint8Array, name: string): Clip {
  const container = readInflated(bytes, name);
  const issues: Issue[] = [];
  const manifest = readManifest(container, issues);
  const frames = readFrames(container, issues);
  const labels = readLabels(container, { count: frames?.count, names: manifest?.labelNames }, issues);
  for (const tensor of container.tensors.keys()) {
    if (tensor === "frames" || tensor === "labels") continue;
    issues.push({ where: "tensors", expected: "frames and labels only", found: JSON.stringify(tensor) });
  }
  if (issues.length > 0 || manifest === null || frames === null) throw clipError(name, { issues });
  return { ...manifest, ...frames, labels };
}

/** A clip's bytes, gzipped or plain; what `readClip` gives is what was written. */
export function writeClip(clip: Clip, { gzip }: { gzip: boolean }): Uint8Array {
  const { name, labelNames, licence, source, count, height, width, channels } = clip;
  const tensors = new Map<string, Tensor>();
  tensors.set("frames", { dtype: "U8", shape: [count, height, width, channels], bytes: clip.frames });
  if (clip.labels !== null) tensors.set("labels", { dtype: "U8", shape: [count], bytes: clip.labels });
  const manifest = { format_version: FORMAT_VERSION, name, labels: labelNames, licence, source };
  const bytes = writeContainer({ metadata: { clip: JSON.stringify(manifest) }, tensors });
  return gzip ? gzipSync(bytes) : bytes;
}

/**
 * Class index of each of a clip's label names in the caller's list of classes; the names' own order without a list.
 *
 * @throws {CameraError} `camera.clip` when a frame's label is not among the classes
 */
export function classesOfLabels(clip: Clip, classes: readonly string[] | undefined, path: string): readonly number[] {
  if (classes === undefined || clip.labels === null) return clip.labelNames.map((_, index) => index);
  const used = new Set(clip.labels);
  const found = clip.labelNames.map((label) => classes.indexOf(label));
  const strange = clip.labelNames.filter((_, index) => used.has(index) && found[index] < 0);
  if (strange.length === 0) return found;
  const issue = { where: "labels", expected: `classes of ${classes.join(", ")}`, found: strange.join(", ") };
  throw clipError(path, { issues: [issue], hint: "Use a clip and a network with the same class names" });
}

// ---------------------------------------------------------------------------------------------------------------------

function clipError(name: string, options: { issues?: Issue[]; hint?: string; cause?: unknown }): CameraError {
  return new CameraError("camera.clip", `Cannot read ${JSON.stringify(name)} as a clip`, {
    hint: "A clip is a safetensors file made for quartz-edge (frames, labels, a clip manifest), gzipped or not",
    facts: { name },
    ...options,
  });
}

function readInflated(bytes: Uint8Array, name: string): Container {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return readContainer(isGzip ? gunzipSync(bytes, { maxOutputLength: CLIP_BYTES_MAX }) : bytes, name);
  } catch (cause) {
    if (cause instanceof EdgeError) throw clipError(name, { issues: [...cause.issues], cause });
    const found = cause instanceof Error ? cause.message : String(cause);
    const expected = `a gzip stream of at most ${CLIP_BYTES_MAX} inflated bytes`;
    throw clipError(name, { issues: [{ where: "file", expected, found }], cause });
  }
}

type ClipManifest = Pick<Clip, "name" | "labelNames" | "licence" | "source">;

function readManifest(container: Container, issues: Issue[]): ClipManifest | null {
  const where = "__metadata__.clip";
  const text = container.metadata.clip;
  let manifest: unknown;
  try {
    manifest = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Reported below, as anything else that is not an object.
  }
  if (typeof manifest !== "object" || manifest === null || Array.isArray(manifest)) {
    issues.push({ where, expected: "a JSON object", found: text === undefined ? "nothing" : brief(text) });
    return null;
  }
  const before = issues.length;
  const record = manifest as Record<string, unknown>;
  const known: readonly string[] = ["format_version", "labels", ...TEXT_KEYS];
  for (const key of Object.keys(record)) {
    if (!known.includes(key)) issues.push({ where, expected: known.join(", "), found: brief(key) });
  }
  const { format_version: version, labels } = record;
  if (version !== FORMAT_VERSION) {
    issues.push({ where: `${where}.format_version`, expected: `${FORMAT_VERSION}`, found: brief(version) });
  }
  for (const key of TEXT_KEYS) {
    if (typeof record[key] === "string") continue;
    issues.push({ where: `${where}.${key}`, expected: "a string", found: brief(record[key]) });
  }
  const isList = Array.isArray(labels) && labels.every((label) => typeof label === "string");
  if (!isList || labels.length > LABELS_MAX || new Set(labels).size !== labels.length) {
    const expected = `at most ${LABELS_MAX} different strings`;
    issues.push({ where: `${where}.labels`, expected, found: brief(labels) });
  }
  if (issues.length > before) return null;
  const { name, licence, source } = record as Record<(typeof TEXT_KEYS)[number], string>;
  return { name, licence, source, labelNames: labels as string[] };
}

type ClipFrames = Pick<Clip, "count" | "width" | "height" | "channels" | "frames">;

function readFrames(container: Container, issues: Issue[]): ClipFrames | null {
  const expected = "U8 [frames, height, width, 1 or 3] with at least one frame and pixel";
  const tensor = container.tensors.get("frames");
  const found = tensor === undefined ? "nothing" : `${tensor.dtype} [${tensor.shape}]`;
  const [count, height, width, channels] = tensor?.shape ?? [];
  const isRight = tensor?.dtype === "U8" && tensor.shape.length === 4 && (channels === 1 || channels === 3);
  if (!isRight || tensor.bytes.length === 0) {
    issues.push({ where: 'tensor "frames"', expected, found });
    return null;
  }
  if (width * height > IMAGE_PIXELS_MAX) {
    issues.push({ where: 'tensor "frames"', expected: `at most ${IMAGE_PIXELS_MAX} pixels a frame`, found });
    return null;
  }
  return { count, height, width, channels, frames: tensor.bytes };
}

function readLabels(
  container: Container,
  { count, names }: { count: number | undefined; names: readonly string[] | undefined },
  issues: Issue[],
): Uint8Array | null {
  const tensor = container.tensors.get("labels");
  if (tensor === undefined) return null;
  const where = 'tensor "labels"';
  const isRight = tensor.dtype === "U8" && tensor.shape.length === 1;
  if (!isRight || (count !== undefined && tensor.shape[0] !== count)) {
    issues.push({ where, expected: `U8 [${count ?? "frames"}]`, found: `${tensor.dtype} [${tensor.shape}]` });
  } else if (names !== undefined) {
    const wrong = tensor.bytes.findIndex((label) => label >= names.length);
    const expected = `indices below the ${names.length} label names`;
    if (wrong >= 0) issues.push({ where: `${where}[${wrong}]`, expected, found: `${tensor.bytes[wrong]}` });
  }
  return tensor.bytes;
}

/** A short form of a value from a file, for errors. */
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
