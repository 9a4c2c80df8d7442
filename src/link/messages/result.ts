/** RESULT, reply to FRAME: when each output fired, and what the frame cost. */

import { choice, type Codec, flags, steps, struct, u16, u32, u64 } from "../codec.ts";
import { type Credit, credit } from "./credit.ts";

/** An output that did not fire. */
export const NO_SPIKE = 0xffff;
/** An energy that the board does not know. */
export const ENERGY_UNKNOWN = 0xffffffff;
/** Most outputs of a network. */
export const OUTPUTS_MAX = 4096;

/** How a power or energy was come by. */
export type PowerMethod = "none" | "measured" | "modelled" | "estimated";

/** `PowerMethod` on the wire. */
export const powerMethod: Codec<PowerMethod> = choice({ none: 0, measured: 1, modelled: 2, estimated: 3 });

/** The answer to one frame. */
export interface FrameResult {
  /** Those of the FRAME. */
  readonly number: number;
  readonly frameId: number;
  /** CRC-32C of the FRAME's body as the board ran it: proof that the answer belongs to that input. */
  readonly inputCrc: number;
  /** Output with the first spike, the lowest of those that tie. */
  readonly winner: number;
  readonly marks: {
    /** Ended before the frame's full length. */
    readonly stoppedEarly: boolean;
    /** Another output fired in the winner's step. */
    readonly tie: boolean;
  };
  /** Steps run. */
  readonly steps: number;
  /** Spikes of all neurons, and synaptic operations. */
  readonly spikes: number;
  readonly synops: number;
  /** Compartment updates: compartments × steps, of those that were awake. */
  readonly updates: number;
  /** Times that a current wrapped, a voltage clipped, a step's synaptic sum wrapped. */
  readonly overflows: { readonly current: number; readonly voltage: number; readonly sum: number };
  /** Board's monotonic clock when the frame began. */
  readonly startedAtUs: number;
  /** Where its time went. */
  readonly durations: {
    readonly injectUs: number;
    readonly runUs: number;
    readonly readoutUs: number;
    readonly resetUs: number;
  };
  /** Of this frame alone, `ENERGY_UNKNOWN` where not known. Three scopes that contain one another: never add them. */
  readonly energy: {
    readonly method: PowerMethod;
    readonly coreNj: number;
    readonly attributableNj: number;
    readonly boardNj: number;
  };
  /** Credit from now on. */
  readonly credit: Credit;
  /** First spike of each output, steps from the start of the frame; `NO_SPIKE` for none. */
  readonly firstSteps: Uint16Array;
}

export const result: Codec<FrameResult> = struct<FrameResult>({
  number: u32,
  frameId: u32,
  inputCrc: u32,
  winner: u16,
  marks: flags(2, { stoppedEarly: 0, tie: 1 }),
  steps: u32,
  spikes: u32,
  synops: u64,
  updates: u64,
  overflows: struct<FrameResult["overflows"]>({ current: u32, voltage: u32, sum: u32 }),
  startedAtUs: u64,
  durations: struct<FrameResult["durations"]>({ injectUs: u32, runUs: u32, readoutUs: u32, resetUs: u32 }),
  energy: struct<FrameResult["energy"]>({ method: powerMethod, coreNj: u32, attributableNj: u32, boardNj: u32 }),
  credit,
  firstSteps: steps(OUTPUTS_MAX),
});
