/** TELEMETRY, board to host: power of the rails. Not repeated when lost: energies count up, so the next one has it all. */

import { type Codec, list, struct, u32, u64, u8 } from "../codec.ts";
import { type PowerMethod, powerMethod } from "./result.ts";

/** One reading of all rails. */
export interface BoardTelemetry {
  /** Board's monotonic clock. */
  readonly sampledAtUs: number;
  /** Counts the readings of the agent, so that lost ones show. */
  readonly sequence: number;
  readonly rails: readonly RailReading[];
}

/** One rail. */
export interface RailReading {
  /** Place in the list of CAPS. */
  readonly rail: number;
  readonly method: PowerMethod;
  /** Mean since the last reading. */
  readonly powerUw: number;
  /** Since the agent started; never falls. */
  readonly energyUj: number;
}

export const telemetry: Codec<BoardTelemetry> = struct<BoardTelemetry>({
  sampledAtUs: u64,
  sequence: u32,
  rails: list(16, struct<RailReading>({ rail: u8, method: powerMethod, powerUw: u32, energyUj: u64 })),
});
