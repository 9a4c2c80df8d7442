/**
 * Video through ffmpeg: cameras of this machine (V4L2), RTSP, MJPEG over HTTP, video files.
 *
 * ffmpeg decodes, crops, scales and converts in a process of its own and writes raw frames of one size into a pipe. A
 * source that changes its picture size is scaled anew; one that goes silent, ends, or cannot be decoded ends the
 * iteration with an error, and whoever opened the camera opens it again. Needs ffmpeg 5.1 or newer.
 */

import { Buffer } from "node:buffer";
import type { Clock } from "../../src/core/clock.ts";
import { CameraError, type Issue } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { CameraSource } from "../../src/ports/camera_source.ts";
import { createCameraSource } from "./camera_shell.ts";
import { checkVideo, ffmpegArgs, type VideoInput, type VideoOutput } from "./ffmpeg_args.ts";
import { type CameraProcess, type ChildEnd, startChild } from "./ffmpeg_process.ts";
import { FrameCutter } from "./frame_cutter.ts";
import { checkPacedOptions, openProblems } from "./paced_source.ts";
import { StallWatch } from "./stall_watch.ts";

/** A video source and the form in which its frames are wanted. */
export interface FfmpegOptions extends VideoOutput {
  /** `[a-z0-9_-]{1,64}`. */
  readonly id: string;
  readonly input: VideoInput;
  /** Ends after so many frames. */
  readonly limit?: number;
  readonly clock: Clock;
  /** Name or path of ffmpeg. */
  readonly program?: string;
  /** Told the process id of each ffmpeg that is started. */
  readonly onStart?: (pid: number) => void;
}

/**
 * Opens a video source; ffmpeg starts with the first frame that is asked for.
 *
 * Besides `camera.lost`, its frames throw `camera.open` when ffmpeg is missing or the source never gave a frame.
 *
 * @throws {CameraError} `camera.open` with everything that is wrong with the options
 */
export function openFfmpegCamera(options: FfmpegOptions): Promise<CameraSource> {
  const { id, input } = options;
  const issues: Issue[] = [];
  checkPacedOptions({ ...options, rateFps: null }, issues);
  checkVideo(input, options, issues);
  if (issues.length > 0) return Promise.reject(openProblems(id, issues));
  let child: CameraProcess | null = null;
  return Promise.resolve(createCameraSource({
    id,
    pacing: input.kind === "file" && !input.realtime ? "on_demand" : "live",
    run: (signal) => run(options, signal, (started) => child = started),
    close: async () => await child?.stop(),
  }));
}

// ---------------------------------------------------------------------------------------------------------------------

async function* run(
  options: FfmpegOptions,
  signal: AbortSignal,
  onChild: (child: CameraProcess) => void,
): AsyncGenerator<Frame> {
  if (signal.aborted) return;
  const { input, width, height, channels, clock, limit = Infinity, program = "ffmpeg" } = options;
  const child = startChild(program, ffmpegArgs(input, options), { clock, secrets: secretsOf(input) });
  onChild(child);
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const stop = () => void child.stop();
  signal.addEventListener("abort", stop, { once: true });
  const finished = new AbortController();
  const watch = new StallWatch(clock, input.rateFps);
  let silenceMs: number | null = null;
  const watching = watch.stalled(AbortSignal.any([signal, finished.signal])).then(async (ms) => {
    silenceMs = ms;
    if (ms !== null) await child.stop(true);
  });
  const cutter = new FrameCutter(width * height * channels);
  let id = 0;
  try {
    while (id < limit) {
      watch.wait();
      const hasFrame = await readFrame(child, cutter);
      if (signal.aborted) return;
      if (!hasFrame) break;
      watch.arrive();
      const at = { capturedAtUs: clock.nowUs(), capturedAtWallMs: clock.wallMs() };
      yield { id: id++, ...at, width, height, channels, pixels: cutter.frame, truth: -1 };
      if (signal.aborted) return;
    }
    if (id >= limit) return;
    const end = await child.ended;
    if (input.kind === "file" && end.code === 0 && silenceMs === null && cutter.partialBytes === 0 && id > 0) return;
    throw failure(options, { end, silenceMs, frames: id, partialBytes: cutter.partialBytes, words: child.lastWords });
  } finally {
    finished.abort();
    signal.removeEventListener("abort", stop);
    await child.stop();
    await watching;
  }
}

async function readFrame(child: CameraProcess, cutter: FrameCutter): Promise<boolean> {
  while (!cutter.cut()) {
    const chunk = await child.read();
    if (chunk === null) return false;
    cutter.add(chunk);
  }
  return true;
}

/** Forms in which a password may turn up in what ffmpeg says. */
function secretsOf(input: VideoInput): string[] {
  if (!("password" in input) || input.password === null) return [];
  const { username, password } = input;
  return [password, encodeURIComponent(password), Buffer.from(`${username ?? ""}:${password}`).toString("base64")];
}

interface Ending {
  readonly end: ChildEnd;
  readonly silenceMs: number | null;
  readonly frames: number;
  readonly partialBytes: number;
  readonly words: readonly string[];
}

function failure({ id, program = "ffmpeg" }: FfmpegOptions, ending: Ending): CameraError {
  const { end, silenceMs, frames, partialBytes, words } = ending;
  const facts = { camera: id, frames, partialBytes, exitCode: end.code, signal: end.signal, ffmpeg: words };
  const verb = frames === 0 ? "open" : "go on with";
  const subject = `Cannot ${verb} camera ${JSON.stringify(id)} as`;
  if (end.startError !== null) {
    const message = `${subject} ${program} must be there to be run: found ${end.startError.message}`;
    const hint = "Install the Debian package ffmpeg, and under Deno grant --allow-run=ffmpeg";
    // Not as its cause: a start error lists the arguments, credentials among them.
    return new CameraError("camera.open", message, { hint, facts });
  }
  const said = words.length === 0 ? "" : `; ffmpeg's last words: ${words.slice(-2).join(" | ")}`;
  const found = silenceMs !== null
    ? `no whole frame for ${(silenceMs / 1000).toFixed(1)} s`
    : `${frames === 0 ? "none" : "the end of the stream"} (${end.signal ?? `exit code ${end.code}`})`;
  const message = `${subject} the source must deliver frames: found ${found}${said}`;
  return new CameraError(frames === 0 ? "camera.open" : "camera.lost", message, { hint: hintFor(words), facts });
}

/** What ffmpeg's commonest complaints mean for whoever set the camera up. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/401|403|Unauthorized|Forbidden/i, "Check username and password"],
  [/404|Not Found/i, "Check the path in the URL"],
  [/Connection refused|No route|Network is unreachable|timed out/i, "Check host, port and that the camera is on"],
  [/Failed to resolve|Name or service not known/i, "The host name does not resolve"],
  [/Permission denied/i, "Give the user of this process the group video"],
  [/No such file or directory/i, "Check the path; a camera may be unplugged: list-devices shows what is there"],
  [/Device or resource busy/i, "Another program has this camera"],
  [/Invalid too big or non positive size|Error reinitializing filters/i, "The crop must lie inside the picture"],
  [/certificate/i, "The camera's certificate must be one that this machine trusts"],
  [/Unrecognized option 'fps_mode'/i, "ffmpeg 5.1 or newer is needed"],
];

function hintFor(words: readonly string[]): string | undefined {
  return HINTS.find(([pattern]) => words.some((line) => pattern.test(line)))?.[1];
}
