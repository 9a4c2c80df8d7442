/** CAPS, reply to HELLO: what the board is, what it can take, and what it has loaded. */

import { choice, type Codec, flags, hex, list, struct, text, u16, u32, u8 } from "../codec.ts";
import { type Credit, credit } from "./credit.ts";

/** What a board is and can do. */
export interface Caps {
  /** Version of the protocol from here on. */
  readonly version: number;
  readonly features: BoardFeatures;
  /** How the board's frames may be long: on some chips a reset needs a power of two. */
  readonly resetRule: "any" | "power_of_two";
  readonly chipFamily: "loihi1" | "loihi2";
  readonly chips: number;
  readonly coresPerChip: number;
  /** Embedded x86 processors of a chip. */
  readonly x86PerChip: number;
  readonly compartmentsPerCore: number;
  readonly inputAxonsPerCore: number;
  readonly outputAxonsPerCore: number;
  /** 64-bit words. */
  readonly synapseWordsPerCore: number;
  readonly weightBits: number;
  readonly tMaxMax: number;
  readonly frameStepsMax: number;
  readonly frameInputsMax: number;
  /** How much may be in flight at first; see CREDIT. */
  readonly credit: Credit;
  /** Largest packet that the board takes, header and checksum included. */
  readonly packetBytesMax: number;
  readonly imageChunkBytesMax: number;
  readonly imageBytesMax: number;
  /** Resolution of the board's clock, ns. */
  readonly clockResolutionNs: number;
  /** Shortest interval of TELEMETRY. */
  readonly telemetryIntervalMsMin: number;
  /** Drawn when the agent started, so that a host can tell a restart. */
  readonly bootId: number;
  /** SHA-256 of the loaded image; 32 zero bytes when there is none. */
  readonly imageSha256: string;
  readonly boardName: string;
  /** Program and version. */
  readonly agentName: string;
  /** TELEMETRY names them by their place in this list. */
  readonly rails: readonly RailInfo[];
}

/** Yes and no about a board. */
export interface BoardFeatures {
  /** A real chip, not a model of one. */
  readonly hardware: boolean;
  /** Can end a frame at the first output spike. */
  readonly earlyStop: boolean;
  /** SPIKES_READ works. */
  readonly spikes: boolean;
}

/** One supply. Scopes are never added: `attributable` and `board` contain `core`. */
export interface RailInfo {
  readonly name: string;
  readonly scope: RailScope;
}

/** What a rail's power is spent on: the neuro cores, cores and their x86, or the whole board. */
export type RailScope = "core" | "attributable" | "board";

/** No image is loaded. */
export const NO_IMAGE: string = "00".repeat(32);

export const caps: Codec<Caps> = struct<Caps>({
  version: u8,
  features: flags(1, { hardware: 0, earlyStop: 1, spikes: 2 }) as Codec<BoardFeatures>,
  resetRule: choice({ any: 0, power_of_two: 1 }),
  chipFamily: choice({ loihi1: 1, loihi2: 2 }),
  chips: u16,
  coresPerChip: u16,
  x86PerChip: u8,
  compartmentsPerCore: u16,
  inputAxonsPerCore: u16,
  outputAxonsPerCore: u16,
  synapseWordsPerCore: u32,
  weightBits: u8,
  tMaxMax: u16,
  frameStepsMax: u32,
  frameInputsMax: u32,
  credit,
  packetBytesMax: u32,
  imageChunkBytesMax: u32,
  imageBytesMax: u32,
  clockResolutionNs: u32,
  telemetryIntervalMsMin: u32,
  bootId: u32,
  imageSha256: hex(32),
  boardName: text(64),
  agentName: text(128),
  rails: list(16, struct<RailInfo>({ name: text(32), scope: choice({ core: 0, attributable: 1, board: 2 }) })),
});
