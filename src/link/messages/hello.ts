/** HELLO, host to board: opens a session, whose number stands in the header. Answered by CAPS or ERROR. */

import { type Codec, struct, text, u32, u8 } from "../codec.ts";

/** "QZLK", read as a little-endian number. */
export const MAGIC = 0x4b4c5a51;

/** Who asks. */
export interface Hello {
  /** `MAGIC`. */
  readonly magic: number;
  /** Versions of the protocol that the host speaks. */
  readonly versionMin: number;
  readonly versionMax: number;
  /** Largest packet that the host takes, header and checksum included. */
  readonly packetBytesMax: number;
  /** Program and version, for the board's log. */
  readonly name: string;
}

export const hello: Codec<Hello> = struct<Hello>({
  magic: u32,
  versionMin: u8,
  versionMax: u8,
  packetBytesMax: u32,
  name: text(128),
});
