/** TIME_REQ, request: what time is it there? Answered by TIME_RSP. */

import { type Codec, struct, u64 } from "../codec.ts";

/** First of the four stamps. */
export interface TimeRequest {
  /** Host's monotonic clock when it sent this. */
  readonly hostSentUs: number;
}

export const timeReq: Codec<TimeRequest> = struct<TimeRequest>({ hostSentUs: u64 });
