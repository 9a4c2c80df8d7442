/** TIME_RSP, reply to TIME_REQ: the board's two stamps. */

import { type Codec, struct, u64 } from "../codec.ts";

/** Three of the four stamps; the host adds when this came. */
export interface TimeResponse {
  readonly hostSentUs: number;
  /** Board's monotonic clock when the request came. */
  readonly boardReceivedUs: number;
  /** And when this was sent. */
  readonly boardSentUs: number;
  /** Time steps that the chips ran since the agent started. */
  readonly stepCounter: number;
}

export const timeRsp: Codec<TimeResponse> = struct<TimeResponse>({
  hostSentUs: u64,
  boardReceivedUs: u64,
  boardSentUs: u64,
  stepCounter: u64,
});
