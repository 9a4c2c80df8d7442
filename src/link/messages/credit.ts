/** CREDIT, board to host: how many frames may be in flight from now on. */

import { type Codec, struct, u16, u32 } from "../codec.ts";

/**
 * A window, not coins: it says how much may be under way at any time, so a CREDIT that is lost or comes twice does no
 * harm, and every RESULT and PONG repeats it.
 */
export interface Credit {
  /** Frames sent and not answered, at most; 0 pauses the host. */
  readonly frames: number;
  /** Their FRAME bodies together, at most. */
  readonly bytes: number;
}

export const credit: Codec<Credit> = struct<Credit>({ frames: u16, bytes: u32 });
