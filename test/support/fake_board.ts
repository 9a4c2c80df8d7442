/** A board without chips: its answer to a frame follows from the frame's bytes, so a wrong answer shows. */

import { createHash } from "node:crypto";
import type { Clock } from "../../src/core/clock.ts";
import type { AgentHandlers, BoardFacts } from "../../src/link/agent_link.ts";
import type { BoardAnswer } from "../../src/link/agent_frames.ts";
import { boardError } from "../../src/link/board_error.ts";
import type { LinkConfig } from "../../src/link/messages/config.ts";

/** Facts of a small board. */
export const BOARD_FACTS: BoardFacts = {
  features: { hardware: false, earlyStop: false, spikes: true },
  resetRule: "any",
  chipFamily: "loihi1",
  chips: 1,
  coresPerChip: 128,
  x86PerChip: 3,
  compartmentsPerCore: 1024,
  inputAxonsPerCore: 4096,
  outputAxonsPerCore: 4096,
  synapseWordsPerCore: 16384,
  weightBits: 8,
  tMaxMax: 512,
  frameStepsMax: 65534,
  frameInputsMax: 4096,
  credit: { frames: 4, bytes: 16384 },
  imageChunkBytesMax: 1024,
  imageBytesMax: 2 ** 20,
  clockResolutionNs: 1000,
  telemetryIntervalMsMin: 10,
  bootId: 7,
  boardName: "none",
  agentName: "fake board",
  rails: [{ name: "vdd", scope: "core" }, { name: "board", scope: "board" }],
};

/** How the board behaves. */
export interface FakeBoardOptions {
  readonly clock: Clock;
  readonly facts?: Partial<BoardFacts>;
  /** Time of a frame; at once when absent. */
  readonly frameMs?: number | ((frameId: number) => number);
  /** Frames that fail. */
  readonly failing?: (frameId: number) => boolean;
  readonly loadMs?: number;
  /** How long it takes to stop a frame that nobody wants any more. */
  readonly stopMs?: number;
}

/** The board, and what happened to it. */
export interface FakeBoard extends AgentHandlers {
  /** Id of each frame that was run, in order. */
  readonly ran: number[];
  readonly images: Map<string, Uint8Array>;
  readonly loads: string[];
  readonly resets: string[];
  config: LinkConfig | null;
  /** Times that it was given a frame, an image or a reset while a frame ran, which chips do not bear. */
  overlaps: number;
}

/** Makes a board. */
export function createFakeBoard(
  { clock, facts, frameMs = 0, failing, loadMs = 0, stopMs = 0 }: FakeBoardOptions,
): FakeBoard {
  let sequence = 0;
  let steps = 0;
  let isRunning = false;
  const mustBeQuiet = () => void (board.overlaps += isRunning ? 1 : 0);
  const board: FakeBoard = {
    facts: { ...BOARD_FACTS, ...facts },
    ran: [],
    images: new Map(),
    loads: [],
    resets: [],
    config: null,
    overlaps: 0,
    hasImage: (sha256) => board.images.has(sha256),
    async loadImage(sha256, bytes) {
      mustBeQuiet();
      if (loadMs > 0) await clock.sleep(loadMs);
      if (bytes !== null && bytes[0] === 0xee) {
        throw boardError("image_refused", "Cannot load as cores must be at most 128: 129");
      }
      if (bytes !== null) board.images.set(sha256, bytes);
      board.loads.push(sha256);
      return "cores 12 of 128";
    },
    async runFrame(frame, signal) {
      mustBeQuiet();
      board.ran.push(frame.frameId);
      isRunning = true;
      const ms = typeof frameMs === "number" ? frameMs : frameMs(frame.frameId);
      if (ms > 0) await clock.sleep(ms, signal);
      if (signal.aborted) await clock.sleep(stopMs);
      isRunning = false;
      if (failing?.(frame.frameId)) throw boardError("frame_failed", `Cannot run frame ${frame.frameId}: told so`);
      steps += 91;
      return answerTo(frame.levels);
    },
    reset(scope) {
      mustBeQuiet();
      board.resets.push(scope);
      return Promise.resolve();
    },
    configure: (config) => board.config = config,
    readSpikes: (
      _number,
      layer,
    ) => (layer > 2 ? null : Uint16Array.from({ length: 10_000 }, (_, i) => (i * 7 + layer) % 91)),
    telemetry: () => ({
      sampledAtUs: Math.round(clock.nowUs()),
      sequence: sequence++,
      rails: [{ rail: 0, method: "estimated", powerUw: 14_380, energyUj: sequence * 100 }],
    }),
    stepCounter: () => steps,
  };
  return board;
}

/** The answer that belongs to an input. */
export function answerTo(levels: ArrayLike<number>): BoardAnswer {
  const hash = createHash("sha256").update(Uint16Array.from(levels)).digest();
  const firstSteps = Uint16Array.from({ length: 10 }, (_, i) => 50 + hash[i] % 40);
  const winner = firstSteps.indexOf(Math.min(...firstSteps));
  return {
    winner,
    marks: { stoppedEarly: false, tie: false },
    steps: 91,
    spikes: hash[10],
    synops: 252_793,
    updates: 492_310,
    overflows: { current: 0, voltage: 0, sum: 0 },
    startedAtUs: 0,
    durations: { injectUs: 1, runUs: 2, readoutUs: 3, resetUs: 4 },
    energy: { method: "estimated", coreNj: 45_600, attributableNj: 182_000, boardNj: 4_670_000 },
    firstSteps,
  };
}
