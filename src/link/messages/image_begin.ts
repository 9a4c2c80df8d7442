/** IMAGE_BEGIN, request: names the image that the session wants. Answered by IMAGE_STATUS. */

import { type Codec, hex, struct, u32 } from "../codec.ts";

/** An image by its hash. Repeating it changes nothing. */
export interface ImageBegin {
  readonly sha256: string;
  readonly totalBytes: number;
}

export const imageBegin: Codec<ImageBegin> = struct<ImageBegin>({ sha256: hex(32), totalBytes: u32 });
