/**
 * IDX files, the form in which MNIST and its like are published: a big-endian header, then bytes.
 *
 * ```
 * 0  0  08  N   size 1 (u32)  …  size N (u32)   bytes, last dimension fastest
 *       |   number of dimensions
 *       unsigned bytes
 * ```
 * Worked example: `00 00 08 01 00 00 00 02 07 02` is two labels, 7 and 2.
 */

import { dataError, type Dataset, FRAME_VALUES_MAX, IMAGES_MAX } from "./dataset.ts";
import { readBytes } from "./read_bytes.ts";

/** An IDX file of unsigned bytes. */
export interface Idx {
  readonly sizes: readonly number[];
  /** A view of the file. */
  readonly values: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const DIMENSIONS_MAX = 4;

/**
 * Reads an IDX file's bytes.
 *
 * @param name what to call it in errors
 * @throws {ConfigError} `data.read` for anything else
 */
export function parseIdx(bytes: Uint8Array, name: string): Idx {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (what: string, expected: string, found: string | number): never => {
    throw dataError(name, {
      what,
      expected,
      found,
      hint: "Give IDX files such as train-images-idx3-ubyte, plain or gzip",
    });
  };
  if (bytes.length < 4) fail("its size", "at least 4 bytes", bytes.length);
  const magic = view.getUint32(0);
  const dimensions = magic & 0xff;
  if (magic >>> 8 !== UNSIGNED_BYTE || dimensions < 1 || dimensions > DIMENSIONS_MAX) {
    fail("its start", `00 00 08 01 to 00 00 08 0${DIMENSIONS_MAX}`, magic.toString(16).padStart(8, "0"));
  }
  const start = 4 + 4 * dimensions;
  if (bytes.length < start) fail("its header", `${start} bytes`, bytes.length);
  const sizes = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const wanted = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== wanted) {
    fail("its content", `${wanted} bytes for ${sizes.join("x")}`, bytes.length - start);
  }
  return { sizes, values: bytes.subarray(start) };
}

/**
 * Opens a pair of IDX files: images `[count, height, width]` or `[count, height, width, channels]`, labels `[count]`.
 *
 * @param labelsPath null for images whose class is not known
 * @throws {ConfigError} `data.read`
 */
export async function openIdx(imagesPath: string, labelsPath: string | null): Promise<Dataset> {
  const images = parseIdx(await readBytes(imagesPath), imagesPath);
  const labels = labelsPath === null ? null : parseIdx(await readBytes(labelsPath), labelsPath);
  const [count, height, width, channels = 1] = images.sizes;
  const values = height * width * channels;
  if (images.sizes.length < 3 || values < 1 || values > FRAME_VALUES_MAX || (channels !== 1 && channels !== 3)) {
    const expected = "[count, height, width] or [count, height, width, 1 or 3]";
    throw dataError(imagesPath, { what: "its sizes", expected, found: images.sizes.join("x") });
  }
  if (count < 1 || count > IMAGES_MAX) {
    throw dataError(imagesPath, { what: "its count", expected: `1 to ${IMAGES_MAX} images`, found: count });
  }
  if (labels !== null && (labels.sizes.length !== 1 || labels.sizes[0] !== count)) {
    throw dataError(labelsPath!, { what: "its sizes", expected: `${count} labels`, found: labels.sizes.join("x") });
  }
  return {
    name: imagesPath,
    count,
    shape: [height, width, channels],
    labels: null,
    frame(index, out) {
      out.set(images.values.subarray(index * values, (index + 1) * values));
      return labels === null ? -1 : labels.values[index];
    },
  };
}
