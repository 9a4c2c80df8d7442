/** What the ffmpeg of this machine can do: its version, and which inputs it was built with. */

import { execFile } from "node:child_process";
import process from "node:process";

/** An ffmpeg. */
export interface FfmpegAbility {
  /** As it says, `5.1.9-0+deb12u1`. */
  readonly version: string;
  /** Of the version; null for builds that have none, which are newer than releases. */
  readonly release: readonly [major: number, minor: number] | null;
  /** Names such as `v4l2`, `rtsp`, `mpjpeg`. */
  readonly demuxers: ReadonlySet<string>;
  /** Names such as `file`, `http`, `tls`, that it can read from. */
  readonly protocols: ReadonlySet<string>;
}

/** Oldest release whose options the drivers use. */
export const FFMPEG_OLDEST = [5, 1] as const;

const ANSWER_MS_MAX = 5000;
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Asks it. Rejects with the reason when it cannot be run. */
export async function askFfmpeg(program = "ffmpeg", signal?: AbortSignal): Promise<FfmpegAbility> {
  const [version, demuxers, protocols] = await Promise.all(
    ["-version", "-demuxers", "-protocols"].map((option) => ask(program, ["-hide_banner", option], signal)),
  );
  return { ...parseVersion(version), demuxers: parseDemuxers(demuxers), protocols: parseProtocols(protocols) };
}

/** Reads `ffmpeg version 5.1.9-0+deb12u1 Copyright …`, or `ffmpeg version N-1234-gabcdef …` of a build between releases. */
export function parseVersion(text: string): Pick<FfmpegAbility, "version" | "release"> {
  const version = /^ffmpeg version (\S+)/m.exec(text)?.[1] ?? "unknown";
  const numbers = /^n?(\d+)\.(\d+)/.exec(version);
  return { version, release: numbers === null ? null : [Number(numbers[1]), Number(numbers[2])] };
}

/** Reads `-demuxers`: ` D  video4linux2,v4l2 Video4Linux2 device grab`; newer ones have a column for devices (` D d …`). */
export function parseDemuxers(text: string): Set<string> {
  const names = [...text.matchAll(/^ D[ E]?[ d]? *([a-z0-9_,]+) /gm)].flatMap(([, list]) => list.split(","));
  return new Set(names);
}

/** Reads `-protocols`: a list below `Input:`, and one below `Output:`. */
export function parseProtocols(text: string): Set<string> {
  const input = /^Input:\n((?: {2}\S+\n)*)/m.exec(text)?.[1] ?? "";
  return new Set(input.split("\n").map((line) => line.trim()).filter((name) => name !== ""));
}

// ---------------------------------------------------------------------------------------------------------------------

function ask(program: string, args: string[], signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      timeout: ANSWER_MS_MAX,
      maxBuffer: ANSWER_BYTES_MAX,
      env: { PATH: process.env.PATH ?? "" },
      encoding: "utf8",
      signal,
    } as const;
    // Deno without the permission to run it throws at once, which rejects too.
    execFile(program, args, options, (error, stdout) => error === null ? resolve(stdout) : reject(error));
  });
}
