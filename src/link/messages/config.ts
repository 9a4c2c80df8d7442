/** CONFIG, request and, as a reply, what is in force from now on. */

import { type Codec, flags, struct, u32 } from "../codec.ts";

/** Settings of a session. */
export interface LinkConfig {
  readonly options: {
    /** End a frame at the first output spike. */
    readonly earlyStop: boolean;
    /** Keep the spikes of the last frames for SPIKES_READ. */
    readonly keepSpikes: boolean;
  };
  /** Interval of TELEMETRY; 0 for none. */
  readonly telemetryIntervalMs: number;
}

export const config: Codec<LinkConfig> = struct<LinkConfig>({
  options: flags(2, { earlyStop: 0, keepSpikes: 1 }),
  telemetryIntervalMs: u32,
});
