/** IMAGE_COMMIT, request: check the whole image and load it. Answered by IMAGE_STATUS, at once; asked again until `ready`. */

import { type Codec, hex, struct } from "../codec.ts";

/** An image all of whose bytes are there. */
export interface ImageCommit {
  readonly sha256: string;
}

export const imageCommit: Codec<ImageCommit> = struct<ImageCommit>({ sha256: hex(32) });
