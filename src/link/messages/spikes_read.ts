/** SPIKES_READ, request: first spikes inside the network, for finding where two back ends part. Answered by SPIKES. */

import { type Codec, struct, u16, u32 } from "../codec.ts";

/** A stretch of one layer's neurons in one of the last frames; CONFIG must have asked to keep spikes. */
export interface SpikesRead {
  /** The number of its FRAME. */
  readonly number: number;
  /** Index in the network's layers. */
  readonly layer: number;
  /** First neuron. */
  readonly offset: number;
  /** Most neurons in the reply. */
  readonly count: number;
}

export const spikesRead: Codec<SpikesRead> = struct<SpikesRead>({ number: u32, layer: u16, offset: u32, count: u32 });
