/** `replay`: what `run` would have published of a recording, with time counted in frames: the same again each time. */

import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { openFfmpegCamera } from "../../../devices/camera/ffmpeg.ts";
import { openReplayCamera } from "../../../devices/camera/replay.ts";
import { loadConfig } from "../../config/load.ts";
import type { CameraConfig, Config, SourceConfig } from "../../config/types.ts";
import type { Clock } from "../../core/clock.ts";
import { CameraError, ConfigError } from "../../core/errors.ts";
import type { Frame } from "../../core/frame.ts";
import type { Message } from "../../core/messages.ts";
import type { Network } from "../../core/network.ts";
import { openNetwork } from "../../model/load.ts";
import type { CameraSource } from "../../ports/camera_source.ts";
import { createPreprocessor } from "../../preprocess/pipeline.ts";
import { Classifier } from "../../runtime/classifier.ts";
import { Reporter } from "../../runtime/reporter.ts";
import { openSimulator } from "../../simulator/simulator.ts";
import type { CommandOf } from "../command_table.ts";
import type { Console } from "../console.ts";
import type { CommandContext } from "./context.ts";

/** Rate of a recording when neither the command line nor the camera says one. */
const RATE_FPS = 10;
/** Files that ffmpeg reads; everything else is a clip or a folder of images. */
const VIDEO = /^\.(mp4|m4v|mkv|mov|avi|webm|ogv|ts|mjpe?g|h264|h265)$/i;

/** Totals of a replay, its last line with `--json`. */
interface Totals {
  frames: number;
  malformed: number;
  results: number;
  states: number;
  judged: number;
  correct: number;
}

/** Classifies every frame and prints the events: states, and with `--json` results as well. */
export async function runReplay(command: CommandOf<"replay">, context: CommandContext): Promise<number> {
  const { console, clock, signal } = context;
  const { config } = await loadConfig(command.config, { set: command.set });
  const camera = chooseCamera(config, command.camera);
  const network = await openNetwork(camera.network);
  const rateFps = command.rateFps ?? rateOf(camera.source) ?? RATE_FPS;
  const totals: Totals = { frames: 0, malformed: 0, results: 0, states: 0, judged: 0, correct: 0 };
  const recording = await openRecording(command.clip, camera, network, clock);
  try {
    const backend = await openSimulator(network);
    try {
      const time = frameClock(rateFps);
      const publish = (message: Message) => printEvent(message, command.json, console, totals);
      const { crop, resize, invert, decision } = camera;
      const preprocessor = createPreprocessor(network.input, {
        crop: recording.isCropped ? null : crop,
        resize,
        invert,
      });
      const classifier = new Classifier({ backend, preprocessor, clock: time });
      const reporter = new Reporter({ camera: camera.id, ...config.publish, decision }, {
        network,
        publisher: { publish },
        clock: time,
      });
      const passOver = (why: string) => {
        if (totals.malformed++ === 0) {
          console.note(`frame ${time.frame} was passed over, others may be as well: ${why}`);
        }
      };
      for await (const frame of recording.source.frames(signal)) {
        time.frame = totals.frames++;
        if ("malformed" in frame) passOver(frame.reason);
        else {await classify(frame, classifier, reporter, totals, time).catch((error) => {
            if (!(error instanceof CameraError)) throw error;
            passOver(error.message);
          });}
      }
    } finally {
      await backend[Symbol.asyncDispose]();
    }
  } finally {
    await recording.source[Symbol.asyncDispose]();
  }
  if (command.json) console.print(JSON.stringify({ event: "end", ...totals }));
  else console.print(summary(totals, rateFps));
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

function chooseCamera(config: Config, id: string | null): CameraConfig {
  const ids = config.cameras.map((camera) => camera.id);
  const camera = id === null ? (ids.length === 1 ? config.cameras[0] : undefined) : config.cameras[ids.indexOf(id)];
  if (camera !== undefined) return camera;
  const found = id === null ? `nothing, and ${ids.length} cameras` : JSON.stringify(id);
  const message = `Cannot replay as --camera must be one of ${ids.join(", ")}: found ${found}`;
  throw new ConfigError("usage", message, { hint: `Add --camera ${ids[0]}` });
}

function rateOf(source: SourceConfig): number | null {
  if ("rateFps" in source) return source.rateFps;
  return source.kind === "snapshot" ? 1 / source.everyS : null;
}

/** A clip, a folder of images, or a video; every frame, as fast as it is asked for. */
async function openRecording(
  path: string,
  { id, crop, resize }: CameraConfig,
  network: Network,
  clock: Clock,
): Promise<{ source: CameraSource; isCropped: boolean }> {
  const isVideo = VIDEO.test(extname(path)) && await stat(path).then((info) => info.isFile(), () => true);
  if (!isVideo) {
    const source = await openReplayCamera({ id, path, rateFps: null, loop: false, classes: network.labels, clock });
    return { source, isCropped: false };
  }
  const [channels, height, width] = network.input.shape;
  const input = { kind: "file", path, loop: false, realtime: false, rateFps: null } as const;
  const output = { width, height, channels: channels === 1 ? 1 : 3, crop, resize } as const;
  return { source: await openFfmpegCamera({ id, input, ...output, clock }), isCropped: true };
}

/** Time that stands still within a frame and moves by one period from frame to frame, from 0. */
function frameClock(rateFps: number): Clock & { frame: number } {
  const nowUs = () => Math.round((time.frame * 1e6) / rateFps);
  const time = { frame: 0, nowUs, wallMs: () => nowUs() / 1000, sleep: () => Promise.resolve() };
  return time;
}

/** @throws {CameraError} when the frame does not fit the camera's terms */
async function classify(
  frame: Frame,
  classifier: Classifier,
  reporter: Reporter,
  totals: Totals,
  time: Clock,
): Promise<void> {
  const at = { capturedAtUs: time.nowUs(), capturedAtWallMs: time.wallMs() };
  const result = await classifier.classify({ ...frame, ...at });
  reporter.report(result);
  if (result.truth < 0) return;
  totals.judged++;
  if (result.truth === result.classification.index) totals.correct++;
}

function printEvent(message: Message, asJson: boolean, { print }: Console, totals: Totals): void {
  if (message.kind !== "state" && message.kind !== "result") return;
  if (message.kind === "state") totals.states++;
  else totals.results++;
  const { kind, classId, index, confidence, top, frame } = message;
  const atS = frame.capturedAtWallMs / 1000;
  if (asJson) {
    print(JSON.stringify({
      event: kind,
      frame: frame.id,
      atS,
      class: classId,
      index,
      confidence: round(confidence),
      top: top.map((entry) => ({ class: entry.classId, p: round(entry.p) })),
      ...(message.kind === "state"
        ? { sinceS: message.sinceWallMs / 1000 }
        : { tie: message.tie, truth: message.truth }),
    }));
  } else if (message.kind === "state") {
    print(
      `${atS.toFixed(3).padStart(10)} s  frame ${String(frame.id).padStart(6)}  ${classId} ${confidence.toFixed(2)}`,
    );
  }
}

/** Six places: more than anyone reads, and fewer than a change of the last bit would show in. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function summary({ frames, malformed, results, states, judged, correct }: Totals, rateFps: number): string {
  const right = judged === 0 ? "" : `, ${correct} of ${judged} frames right`;
  return `${frames} frames at ${rateFps} a second: ${states} states, ${results} results, ${malformed} malformed${right}`;
}
