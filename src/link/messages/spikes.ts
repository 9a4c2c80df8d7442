/** SPIKES, reply to SPIKES_READ: the first spike of each neuron asked for. */

import { type Codec, steps, struct, u16, u32 } from "../codec.ts";

/** Most neurons in one packet. */
export const SPIKES_COUNT_MAX = 2 ** 16;

/** First spikes of neurons `offset` to `offset + firstSteps.length`. */
export interface Spikes {
  readonly number: number;
  readonly layer: number;
  readonly offset: number;
  /** Neurons of the layer. */
  readonly total: number;
  /** Steps from the start of the frame; 0xFFFF for none. */
  readonly firstSteps: Uint16Array;
}

export const spikes: Codec<Spikes> = struct<Spikes>({
  number: u32,
  layer: u16,
  offset: u32,
  total: u32,
  firstSteps: steps(SPIKES_COUNT_MAX),
});
