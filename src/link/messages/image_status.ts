/** IMAGE_STATUS, reply to the other IMAGE messages: how far the image is. */

import { choice, type Codec, struct, text, u32 } from "../codec.ts";

/** How far an image is. */
export interface ImageStatus {
  /** `receiving`: send from `highWaterBytes`. `complete`: commit. `loading`: ask again. `ready`: frames may come. */
  readonly state: "receiving" | "complete" | "loading" | "ready";
  /** All bytes before this one are there. */
  readonly highWaterBytes: number;
  /** What the board says about the image when `ready`: cores used, for one. */
  readonly report: string;
}

export const imageStatus: Codec<ImageStatus> = struct<ImageStatus>({
  state: choice({ receiving: 0, complete: 1, loading: 2, ready: 3 }),
  highWaterBytes: u32,
  report: text(1024),
});
