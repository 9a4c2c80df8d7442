/** Can ffmpeg do what the cameras need, may they be opened, and does each give a frame? */

import { join } from "node:path";
import { askFfmpeg, FFMPEG_OLDEST, type FfmpegAbility } from "../../../../devices/camera/ffmpeg_ability.ts";
import { v4l2Path } from "../../../../devices/camera/ffmpeg_args.ts";
import { listFormats } from "../../../../devices/camera/v4l2_list.ts";
import type { CameraConfig, Config, SourceConfig, V4l2Source } from "../../../config/types.ts";
import { CameraError } from "../../../core/errors.ts";
import { openCamera } from "../../compose/sources.ts";
import { endpointOf } from "../../permissions.ts";
import { groupLines, isHidden, lookAt, type MayUse } from "../access.ts";
import {
  advice,
  type Check,
  command,
  failed,
  type Finding,
  hintOf,
  inConfig,
  ok,
  plainError,
  skipped,
  warning,
} from "../check.ts";
import type { DoctorContext } from "../context.ts";
import { reachChecks } from "../network_steps.ts";

/** Longest wait for a camera's first frame, ms: some take seconds to begin a stream. */
const FRAME_MS_MAX = 15_000;

/** What ffmpeg must have been built with, by kind of source. */
const INPUTS: Readonly<
  Partial<Record<SourceConfig["kind"], { demuxers: readonly string[]; protocols: readonly string[] }>>
> = {
  v4l2: { demuxers: ["v4l2"], protocols: [] },
  rtsp: { demuxers: ["rtsp"], protocols: ["tcp", "udp", "tls"] },
  mjpeg: { demuxers: ["mpjpeg", "mjpeg"], protocols: ["http", "https", "tcp", "tls"] },
  file: { demuxers: [], protocols: ["file"] },
};

/** ffmpeg, then every camera. */
export function cameraChecks(context: DoctorContext): Check[] {
  const config = context.loaded?.config ?? null;
  const cameras = config?.cameras ?? [];
  return [
    { id: "ffmpeg", title: "ffmpeg", group: "cameras", run: (signal) => checkFfmpeg(context.ffmpeg, cameras, signal) },
    ...cameras.flatMap((camera) => checksOf(config!, camera, context)),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

function checksOf(config: Config, camera: CameraConfig, context: DoctorContext): Check[] {
  const { id, source } = camera;
  const group = "cameras";
  const name = `camera.${id}`;
  const checks: Check[] = [];
  if (source.kind === "v4l2") {
    const path = join(context.root, v4l2Path(source.device));
    checks.push(
      { id: `${name}.device`, title: `${id}: device`, group, run: () => checkDevice(path, context.root) },
      {
        id: `${name}.formats`,
        title: `${id}: formats`,
        group,
        needs: ["ffmpeg", `${name}.device`],
        timeoutMs: 8000,
        run: () => checkFormats(source, path, context.ffmpeg),
      },
    );
  }
  if ("url" in source) checks.push(...reachChecks(name, group, endpointOf(source.url), `${id}: `));
  const needs = checks.map((check) => check.id);
  if (INPUTS[source.kind] !== undefined) needs.push("ffmpeg");
  checks.push({
    id: `${name}.frame`,
    title: `${id}: frame`,
    group,
    needs,
    timeoutMs: FRAME_MS_MAX,
    run: (signal) => checkFrame(config, camera, context, signal),
  });
  return checks;
}

async function checkFfmpeg(program: string, cameras: readonly CameraConfig[], signal: AbortSignal): Promise<Finding> {
  const kinds = [...new Set(cameras.map(({ source }) => source.kind))].filter((kind) => INPUTS[kind] !== undefined);
  let ability: FfmpegAbility;
  try {
    ability = await askFfmpeg(program, signal);
  } catch (error) {
    const verdict = kinds.length > 0 ? failed : warning;
    const use = kinds.length > 0 ? `cameras of kind ${kinds.join(", ")} need it` : "v4l2, rtsp, mjpeg and file need it";
    if (isHidden(error) || /Requires run access/.test(String(error))) {
      return verdict(`this process may not run it, and ${use}`, advice("grant --allow-run=ffmpeg"));
    }
    const { code } = error as { readonly code?: string };
    const found = code === "ENOENT" ? "not installed" : `it does not answer (${code ?? plainError(error)})`;
    return verdict(`${found}, and ${use}`, command("sudo apt-get install -y ffmpeg"));
  }
  const { version, release, demuxers, protocols } = ability;
  const [major, minor] = FFMPEG_OLDEST;
  if (release !== null && (release[0] < major || (release[0] === major && release[1] < minor))) {
    return failed(`${version}, older than ${major}.${minor}`, command("sudo apt-get install -y ffmpeg"));
  }
  const wanted = kinds.length > 0 ? kinds : Object.keys(INPUTS) as SourceConfig["kind"][];
  const lacking = (kind: SourceConfig["kind"]) => [
    ...INPUTS[kind]!.demuxers.filter((name) => !demuxers.has(name)),
    ...INPUTS[kind]!.protocols.filter((name) => !protocols.has(name)),
  ];
  const missing = [...new Set(wanted.flatMap(lacking))];
  if (missing.length === 0) return ok(`${version}, reads ${wanted.join(", ")}`);
  const verdict = kinds.length > 0 ? failed : warning;
  return verdict(`${version}, built without ${missing.join(", ")}`, command("sudo apt-get install -y ffmpeg"));
}

/** For tests with a root of their own: what a camera's device says of who may use it. */
export async function checkDevice(path: string, root: string, mayUse?: MayUse): Promise<Finding> {
  const found = await lookAt(path, "read and write", root, mayUse);
  switch (found.state) {
    case "hidden":
      return skipped("Deno shows /dev only with -A; ffmpeg, which opens the camera, is tried below");
    case "missing":
      return failed(`no ${path}`, command("ls -l /dev/v4l/by-id/ /dev/video*   # or: list-devices"));
    case "denied": {
      const wanted = { group: "video", subsystem: "video4linux" };
      const { group, mode } = found;
      const text = `${path} is for the group ${group} (mode ${mode.toString(8)}), which this user is not in`;
      return failed(text, command(...groupLines(found, wanted)));
    }
    case "usable":
      return ok(found.path === path ? `${path} may be opened` : `${path} is ${found.path}, and may be opened`);
  }
}

async function checkFormats(source: V4l2Source, path: string, program: string): Promise<Finding> {
  const answer = await listFormats(path, program);
  if ("why" in answer) {
    // An open camera says so; the one that has it may well be this gateway.
    const verdict = /busy/i.test(answer.why) ? warning : failed;
    return verdict(answer.why, advice(answer.hint));
  }
  const { inputFormat, width, height } = source;
  const names = answer.formats.map(({ format }) => format);
  const offers = answer.formats.map(({ format, sizes }) => `${format} ${sizes.slice(0, 4).join(" ")}`).join("; ");
  if (inputFormat !== null && !names.includes(inputFormat)) {
    return failed(`no format ${inputFormat}; it has ${names.join(", ")}`, inConfig(`input_format: ${names[0]}`));
  }
  const sizes = answer.formats.filter(({ format }) => inputFormat === null || format === inputFormat)
    .flatMap((format) => format.sizes);
  const isListed = width === null || sizes.includes(`${width}x${height}`) || sizes.some((size) => size.includes("{"));
  if (isListed) return ok(offers);
  const [first = "640x480"] = sizes;
  const [firstWidth, firstHeight] = first.split("x");
  return warning(
    `no size ${width}x${height}; it has ${sizes.join(" ")}`,
    inConfig(`width: ${firstWidth}`, `height: ${firstHeight}`),
  );
}

async function checkFrame(
  config: Config,
  camera: CameraConfig,
  { clock, network }: DoctorContext,
  signal: AbortSignal,
): Promise<Finding> {
  if (camera.source.kind === "mqtt") return skipped("pictures come over the broker, which is looked at below");
  const startUs = clock.nowUs();
  try {
    const source = await openCamera(config, camera, await network(camera.network), { clock });
    try {
      for await (const frame of source.frames(signal)) {
        const tookMs = Math.round((clock.nowUs() - startUs) / 1000);
        if ("malformed" in frame) return failed(`a picture that cannot be used: ${frame.reason}`);
        return ok(`${frame.width}x${frame.height}, ${frame.channels} channel(s), after ${tookMs} ms`);
      }
    } finally {
      await source[Symbol.asyncDispose]();
    }
    return failed("it ended without a frame", advice("check the source; list-devices shows what is there"));
  } catch (error) {
    if (!(error instanceof CameraError)) throw error;
    const found = plainError(error).replace(/^Cannot .*?: found /, "");
    const hint = hintOf(error);
    return /busy/i.test(found) ? warning(`${found} (perhaps by this gateway)`, hint) : failed(found, hint);
  }
}
