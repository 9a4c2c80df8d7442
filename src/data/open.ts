/** A data set from one argument: `idx:IMAGES,LABELS`, `dir:FOLDER`, `clip:FILE` or `raw:FILE,HxWxC[,LABELS]`. */

import { ConfigError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";
import { type Decoders, openFolder } from "./folder.ts";
import { openIdx } from "./idx.ts";
import { openClip, openRaw } from "./packed.ts";

/** The forms, for help texts. */
export const DATA_FORMS = "idx:IMAGES[,LABELS], dir:FOLDER, clip:FILE or raw:FILE,HEIGHTxWIDTHxCHANNELS[,LABELS]";

/**
 * Opens a data set. Files may be gzip; a path may not hold a comma, except that of `dir` and `clip`.
 *
 * @param decoders image decoding for `dir`
 * @throws {ConfigError} `data.spec` for an argument of no such form; `data.read` for files that cannot be used
 */
export async function openDataset(spec: string, decoders: Decoders): Promise<Dataset> {
  const colon = spec.indexOf(":");
  const rest = spec.slice(colon + 1);
  const parts = rest.split(",");
  const bad = () => {
    const message = `Cannot open data as it must be ${DATA_FORMS}: found ${JSON.stringify(spec)}`;
    return new ConfigError("data.spec", message, {
      hint: "For MNIST files: idx:t10k-images-idx3-ubyte,t10k-labels-idx1-ubyte",
      facts: { spec },
    });
  };
  if (colon < 1 || rest === "" || parts.some((part) => part === "")) throw bad();
  switch (spec.slice(0, colon)) {
    case "idx":
      if (parts.length > 2) throw bad();
      return await openIdx(parts[0], parts[1] ?? null);
    case "dir":
      return await openFolder(rest, decoders);
    case "clip":
      return await openClip(rest);
    case "raw": {
      const sizes = parts[1]?.match(/^(\d{1,5})x(\d{1,5})x([13])$/);
      if (!sizes || parts.length > 3) throw bad();
      return await openRaw(parts[0], [Number(sizes[1]), Number(sizes[2]), Number(sizes[3])], parts[2] ?? null);
    }
    default:
      throw bad();
  }
}
