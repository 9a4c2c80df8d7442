/** Images packed in one file: raw bytes, or a clip (safetensors with `frames` and `labels`). */

import { readContainer } from "../model/container.ts";
import { dataError, type Dataset, FRAME_VALUES_MAX, IMAGES_MAX } from "./dataset.ts";
import { readBytes } from "./read_bytes.ts";

/**
 * Opens raw bytes `[count, height, width, channels]` and, beside them, one byte a label. Both plain or gzip.
 *
 * @throws {ConfigError} `data.read`
 */
export async function openRaw(
  path: string,
  shape: readonly [number, number, number],
  labelsPath: string | null,
): Promise<Dataset> {
  const frames = await readBytes(path);
  const labels = labelsPath === null ? null : await readBytes(labelsPath);
  const values = shape[0] * shape[1] * shape[2];
  if (frames.length === 0 || frames.length % values !== 0) {
    const expected = `a multiple of ${values} bytes (${shape.join("x")})`;
    throw dataError(path, { what: "its size", expected, found: frames.length });
  }
  return packed(path, frames, { count: frames.length / values, shape, labels, names: null });
}

/**
 * Opens a clip: tensors `frames` U8 `[count, height, width, channels]` and, optionally, `labels` U8 `[count]`;
 * `__metadata__.clip` may hold JSON with `labels`, the class names.
 *
 * @throws {ConfigError} `data.read`; {ModelError} `model.container` when it is no safetensors file
 */
export async function openClip(path: string): Promise<Dataset> {
  const container = readContainer(await readBytes(path), path);
  const frames = container.tensors.get("frames");
  const labels = container.tensors.get("labels") ?? null;
  const [count = 0, height = 0, width = 0, channels = 0] = frames?.shape ?? [];
  if (frames === undefined || frames.dtype !== "U8" || frames.shape.length !== 4 || count < 1) {
    const found = frames === undefined ? "none" : `${frames.dtype} [${frames.shape.join(", ")}]`;
    throw dataError(path, { what: `tensor "frames"`, expected: "U8 [count, height, width, channels]", found });
  }
  if (labels !== null && labels.dtype !== "U8") {
    throw dataError(path, { what: `tensor "labels"`, expected: "U8", found: labels.dtype });
  }
  const names = clipLabels(container.metadata.clip);
  return packed(path, frames.bytes, { count, shape: [height, width, channels], labels: labels?.bytes ?? null, names });
}

// ---------------------------------------------------------------------------------------------------------------------

interface Parts {
  readonly count: number;
  readonly shape: readonly [number, number, number];
  readonly labels: Uint8Array | null;
  readonly names: readonly string[] | null;
}

function packed(path: string, frames: Uint8Array, parts: Parts): Dataset {
  const { count, shape, labels, names } = parts;
  const values = shape[0] * shape[1] * shape[2];
  if (values < 1 || values > FRAME_VALUES_MAX || (shape[2] !== 1 && shape[2] !== 3)) {
    throw dataError(path, { what: "its shape", expected: "height x width x 1 or 3", found: shape.join("x") });
  }
  if (count > IMAGES_MAX) {
    throw dataError(path, { what: "its count", expected: `at most ${IMAGES_MAX} images`, found: count });
  }
  if (labels !== null && labels.length !== count) {
    throw dataError(path, { what: "its labels", expected: `${count}, one an image`, found: labels.length });
  }
  return {
    name: path,
    count,
    shape,
    labels: names,
    frame(index, out) {
      out.set(frames.subarray(index * values, (index + 1) * values));
      return labels === null ? -1 : labels[index];
    },
  };
}

/** Class names are a courtesy of the file: without them, or with broken ones, classes are known by index. */
function clipLabels(text: string | undefined): readonly string[] | null {
  try {
    const names = JSON.parse(text ?? "null")?.labels;
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : null;
  } catch {
    return null;
  }
}
