/** A checksum inside a network file: a file that lost its end in a power cut may have the right length and be full of zeros. */

import { createHash } from "node:crypto";
import type { Tensor } from "./container.ts";

/** SHA-256, hex, of the manifest's text (UTF-8) and after it all tensor bytes in the order of the file. */
export function networkChecksum(manifestText: string, tensors: Iterable<Tensor>): string {
  const hash = createHash("sha256").update(manifestText);
  for (const { bytes } of tensors) hash.update(bytes);
  return hash.digest("hex");
}
