/** A complete board without hardware: what a board's agent asks of its chips, answered by the integer chip model. */

import type { Clock } from "../../core/clock.ts";
import { EdgeError } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";
import type { BoardAnswer } from "../../link/agent_frames.ts";
import type { AgentHandlers, BoardFacts } from "../../link/agent_link.ts";
import { boardError } from "../../link/board_error.ts";
import type { LinkConfig } from "../../link/messages/config.ts";
import type { FrameInput } from "../../link/messages/frame.ts";
import { ENERGY_UNKNOWN, NO_SPIKE } from "../../link/messages/result.ts";
import type { Board } from "../board.ts";
import { type Chip, layerFirstSteps, NEVER } from "../chip/chip.ts";
import { createChip } from "../chip/chip_fast.ts";
import { readImage } from "../compile/image_file.ts";
import { compartmentCount } from "../compile/image.ts";
import { activityOf, estimateFrame, type FrameCost } from "../energy.ts";
import { createImageCache } from "./image_cache.ts";
import { createRailMeter } from "./rail_meter.ts";

/** What a twin is made of. */
export interface TwinOptions {
  readonly board: Board;
  readonly clock: Clock;
  /** For the number by which hosts tell a restart. */
  readonly random: Random;
  /** Program and version. */
  readonly name: string;
}

/** Images kept in memory, bytes. */
const CACHE_BYTES_MAX = 2 ** 28;
/** Largest image, bytes. */
const IMAGE_BYTES_MAX = 2 ** 27;
/** Frames whose spikes are kept when the host asks for it. */
const KEPT_FRAMES_MAX = 16;

/** A board for `serveAgent`. Runs frames as fast as this machine can, in the caller's thread. */
export function createTwinBoard(options: TwinOptions): AgentHandlers {
  const { board, clock } = options;
  const meter = createRailMeter(board, () => clock.nowUs());
  const cache = createImageCache(CACHE_BYTES_MAX);
  /** First spikes of all compartments of the last frames, by the frames' numbers. */
  const kept = new Map<number, Int32Array>();
  let chip: Chip | null = null;
  let config: LinkConfig = { options: { earlyStop: false, keepSpikes: false }, telemetryIntervalMs: 0 };
  let stepsTotal = 0;

  return {
    facts: factsOf(options, meter.rails),
    hasImage: (sha256) => cache.has(sha256),
    loadImage(sha256, bytes) {
      return asPromise(() => {
        const image = readImage(bytes ?? cache.get(sha256) ?? new Uint8Array(0), `image ${sha256.slice(0, 12)}`);
        const cores = board.chips * board.coresPerChip;
        if (image.cores.some(({ chip, core }) => chip >= board.chips || core >= board.coresPerChip)) {
          const found = `cores beyond them in an image for ${image.board}`;
          throw boardError(
            "image_refused",
            `Cannot load as cores must be among the ${cores} of ${board.name}: found ${found}`,
          );
        }
        chip = createChip(image);
        kept.clear();
        meter.setCores(image.cores.length);
        if (bytes !== null) cache.put(sha256, bytes);
        return `${image.network.name}: ${image.cores.length} of ${cores} cores, ${image.frameSteps} steps a frame`;
      });
    },
    runFrame(frame) {
      return asPromise(() => {
        if (chip === null) throw boardError("no_image", "Cannot run a frame as an image must be loaded: found none");
        const startedAtUs = Math.round(clock.nowUs());
        runOn(chip, frame);
        stepsTotal += chip.counters.steps;
        const cost = estimateFrame(board, activityOf(chip.image, chip.counters));
        meter.add(cost);
        if (config.options.keepSpikes) keep(frame.number, chip);
        const ranUs = Math.round(clock.nowUs()) - startedAtUs;
        return {
          ...answerOf(chip, cost),
          startedAtUs,
          durations: { injectUs: 0, runUs: ranUs, readoutUs: 0, resetUs: 0 },
        };
      });
    },
    reset(scope) {
      // Every frame begins with all state cleared, so there is nothing to forget but what was kept for reading.
      kept.clear();
      if (scope === "image") {
        chip = null;
        meter.setCores(0);
      }
      return Promise.resolve();
    },
    configure(wanted) {
      const telemetryIntervalMs = wanted.telemetryIntervalMs === 0
        ? 0
        : Math.max(wanted.telemetryIntervalMs, TELEMETRY_INTERVAL_MS_MIN);
      config = { options: { earlyStop: false, keepSpikes: wanted.options.keepSpikes }, telemetryIntervalMs };
      kept.clear();
      return config;
    },
    readSpikes(number, layer) {
      const firstSteps = kept.get(number);
      if (chip === null || firstSteps === undefined || layer >= chip.image.layers.length) return null;
      return Uint16Array.from(layerFirstSteps({ ...chip, firstSteps }, layer), stepOnWire);
    },
    telemetry: () => meter.read(),
    stepCounter: () => stepsTotal,
  };

  function keep(number: number, { firstSteps }: Chip): void {
    kept.set(number, firstSteps.slice());
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_FRAMES_MAX) break;
      kept.delete(oldest);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const TELEMETRY_INTERVAL_MS_MIN = 10;

function factsOf({ board, name, random }: TwinOptions, rails: BoardFacts["rails"]): BoardFacts {
  const { limits } = board;
  return {
    features: { hardware: false, earlyStop: false, spikes: true },
    resetRule: "any",
    chipFamily: "loihi1",
    chips: board.chips,
    coresPerChip: board.coresPerChip,
    x86PerChip: board.x86PerChip,
    compartmentsPerCore: limits.compartments,
    inputAxonsPerCore: limits.inputAxons,
    outputAxonsPerCore: limits.outputAxons,
    synapseWordsPerCore: limits.synapseWords,
    weightBits: 8,
    tMaxMax: 512,
    frameStepsMax: 65_534,
    frameInputsMax: 2 ** 18,
    credit: { frames: 8, bytes: 2 ** 16 },
    imageChunkBytesMax: 1024,
    imageBytesMax: IMAGE_BYTES_MAX,
    clockResolutionNs: 1000,
    telemetryIntervalMsMin: TELEMETRY_INTERVAL_MS_MIN,
    bootId: random.integer(2 ** 32),
    boardName: board.name,
    agentName: name,
    rails,
  };
}

/** @throws {LinkError} `link.frame_refused` for levels that the image has no inputs or steps for */
function runOn(chip: Chip, frame: FrameInput): void {
  const { tMax } = chip.image;
  if (frame.tMax !== tMax) {
    throw boardError("frame_refused", `Cannot run a frame as its t_max must be ${tMax}: found ${frame.tMax}`);
  }
  try {
    chip.run(Int16Array.from(frame.levels));
  } catch (error) {
    if (error instanceof EdgeError) throw boardError("frame_refused", error.message);
    throw error;
  }
}

function answerOf(chip: Chip, cost: FrameCost): Omit<BoardAnswer, "startedAtUs" | "durations"> {
  const { image, counters } = chip;
  const firstSteps = Uint16Array.from(layerFirstSteps(chip, image.layers.length - 1), stepOnWire);
  const earliest = firstSteps.reduce((least, step) => Math.min(least, step), NO_SPIKE);
  const winner = firstSteps.indexOf(earliest);
  return {
    winner,
    marks: { stoppedEarly: false, tie: firstSteps.indexOf(earliest, winner + 1) >= 0 },
    steps: counters.steps,
    spikes: counters.spikes,
    synops: counters.synops,
    updates: compartmentCount(image) * counters.steps,
    overflows: { current: counters.uOverflows, voltage: counters.vClips, sum: counters.qOverflows },
    energy: {
      method: "estimated",
      coreNj: nanojoules(cost.coreDynamicUj),
      attributableNj: nanojoules(cost.attributableUj),
      boardNj: cost.boardUj === null ? ENERGY_UNKNOWN : nanojoules(cost.boardUj),
    },
    firstSteps,
  };
}

function stepOnWire(step: number): number {
  return step === NEVER ? NO_SPIKE : step;
}

function nanojoules(energyUj: number): number {
  return Math.min(ENERGY_UNKNOWN - 1, Math.round(energyUj * 1000));
}

/** What `work` throws rejects, as every caller expects of a promise. */
async function asPromise<T>(work: () => T): Promise<T> {
  return await work();
}
