/** PONG, reply to PING. */

import { type Codec, struct, u16, u64 } from "../codec.ts";
import { type Credit, credit } from "./credit.ts";

/** State of the board in a nutshell. */
export interface Pong {
  /** Frames waiting or running on the board. */
  readonly framesQueued: number;
  /** Time steps that the chips ran since the agent started: stands still when they hang. */
  readonly stepCounter: number;
  readonly credit: Credit;
}

export const pong: Codec<Pong> = struct<Pong>({ framesQueued: u16, stepCounter: u64, credit });
