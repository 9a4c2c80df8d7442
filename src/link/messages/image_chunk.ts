/** IMAGE_CHUNK, request: the next bytes of the image. Answered by IMAGE_STATUS. */

import { blob, type Codec, hex, struct, u32 } from "../codec.ts";
import { BODY_BYTES_MAX } from "../packet.ts";

/** Largest chunk. */
export const IMAGE_CHUNK_BYTES_MAX: number = BODY_BYTES_MAX - 16;

/** Bytes at a place. Taken when `offset` is the high-water mark, else answered with the mark and passed over. */
export interface ImageChunk {
  /** First 8 bytes of the image's SHA-256, so that a late chunk of another image changes nothing. */
  readonly image: string;
  readonly offset: number;
  /** When read: lent, part of the packet. */
  readonly bytes: Uint8Array;
}

export const imageChunk: Codec<ImageChunk> = struct<ImageChunk>({
  image: hex(8),
  offset: u32,
  bytes: blob(IMAGE_CHUNK_BYTES_MAX),
});
