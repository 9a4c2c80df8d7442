/** What ffmpeg is told for each kind of video source: an array of arguments, never a command line. Pure. */

import { CAMERA_URL_SCHEMES, checkCameraUrl } from "../../src/core/camera_url.ts";
import type { Issue } from "../../src/core/errors.ts";
import { IMAGE_PIXELS_MAX } from "./image_checks.ts";

/** Where the video comes from. `rateFps` is the most frames a second that are let through; null: all of them. */
export type VideoInput = V4l2Input | StreamInput | FileInput;

/** A camera of this machine. */
export interface V4l2Input {
  readonly kind: "v4l2";
  /** Name under `/dev/v4l/by-id`, which stays when the camera is plugged in again; or a path under `/dev`. */
  readonly device: string;
  /** Pixel or coded format asked of the camera (`mjpeg`, `yuyv422`, `h264`); null: the camera's choice. */
  readonly inputFormat: string | null;
  /** Capture size asked of the camera, pixels; null: the camera's choice. */
  readonly captureSize: { readonly width: number; readonly height: number } | null;
  readonly rateFps: number | null;
}

/** A camera on the network. */
export interface StreamInput {
  readonly kind: "rtsp" | "mjpeg";
  /** Without credentials. */
  readonly url: string;
  readonly username: string | null;
  readonly password: string | null;
  /** RTSP only. */
  readonly transport: "tcp" | "udp";
  readonly rateFps: number | null;
}

/** A video file. */
export interface FileInput {
  readonly kind: "file";
  readonly path: string;
  readonly loop: boolean;
  /** True: at the file's own speed. False: every frame, as fast as they are asked for. */
  readonly realtime: boolean;
  readonly rateFps: number | null;
}

/** What comes out of the pipe. */
export interface VideoOutput {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Pixels of the source; null: all of it. */
  readonly crop: { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | null;
  readonly resize: "auto" | "area" | "bilinear";
}

/** Silence on the network after which ffmpeg gives up by itself, should this process not be there to stop it, s. */
const NETWORK_TIMEOUT_S = 20;
/** How much of a stream is read to find out what it is: enough for two pictures, and soon over. */
const PROBE_BYTES = 500_000;
const PROBE_US = 1_000_000;

/** Everything wrong with a source, before anything is started. */
export function checkVideo(input: VideoInput, output: VideoOutput, issues: Issue[]): void {
  if (input.kind === "v4l2") checkV4l2(input, issues);
  else if (input.kind === "file") {
    if (input.path === "" || input.path.includes("\0")) {
      issues.push({ where: "path", expected: "a path", found: JSON.stringify(input.path) });
    }
  } else {
    const problem = checkCameraUrl(input.url, input.kind);
    if (problem !== null) issues.push({ where: "url", ...problem });
  }
  const { rateFps } = input;
  if (rateFps !== null && !(rateFps > 0 && rateFps <= 1000)) {
    issues.push({ where: "rate_fps", expected: "above 0, at most 1000, or null", found: `${rateFps}` });
  }
  const { width, height, crop } = output;
  if (!areCounts(width, height) || width * height > IMAGE_PIXELS_MAX) {
    issues.push({ where: "size", expected: `1 to ${IMAGE_PIXELS_MAX} pixels`, found: `${width}x${height}` });
  }
  if (crop !== null && !(areCounts(crop.width, crop.height) && areCounts(crop.x + 1, crop.y + 1))) {
    issues.push({ where: "crop", expected: "whole numbers, width and height from 1", found: JSON.stringify(crop) });
  }
}

/** Arguments for a source that `checkVideo` found good. Credentials are in it: never print it. */
export function ffmpegArgs(input: VideoInput, output: VideoOutput): string[] {
  return [
    ...["-hide_banner", "-loglevel", "warning", "-threads", "1", "-filter_threads", "1"],
    ...inputArgs(input),
    // Passthrough: no frame is doubled or dropped to keep a rate that the source does not have.
    ...["-an", "-sn", "-dn", "-fps_mode", "passthrough", "-vf", filters(input, output)],
    ...["-f", "rawvideo", "-c:v", "rawvideo", "pipe:1"],
  ];
}

/** Where a V4L2 camera is, from its stable name or path. */
export function v4l2Path(device: string): string {
  return device.startsWith("/") ? device : `/dev/v4l/by-id/${device}`;
}

// ---------------------------------------------------------------------------------------------------------------------

function checkV4l2({ device, inputFormat, captureSize }: V4l2Input, issues: Issue[]): void {
  if (!V4L2_DEVICE.test(device)) {
    issues.push({
      where: "device",
      expected: "a name under /dev/v4l/by-id, or /dev/video0, /dev/v4l/by-path/…",
      found: JSON.stringify(device),
      hint: "list-devices shows the names",
    });
  }
  if (inputFormat !== null && !/^[a-z0-9_]{1,32}$/.test(inputFormat)) {
    issues.push({ where: "input_format", expected: "a format's name, such as mjpeg", found: `${inputFormat}` });
  }
  if (captureSize !== null && !areCounts(captureSize.width, captureSize.height)) {
    issues.push({ where: "width, height", expected: "whole numbers from 1", found: JSON.stringify(captureSize) });
  }
}

const V4L2_DEVICE = /^(?!\.)[\w.:+-]{1,255}$|^\/dev\/video\d{1,3}$|^\/dev\/v4l\/by-(id|path)\/(?!\.)[\w.:+-]{1,255}$/;

function areCounts(...values: readonly number[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && value >= 1);
}

function inputArgs(input: VideoInput): string[] {
  switch (input.kind) {
    case "v4l2": {
      const { inputFormat, captureSize, rateFps, device } = input;
      return [
        ...["-f", "v4l2", "-protocol_whitelist", "file"],
        ...(inputFormat === null ? [] : ["-input_format", inputFormat]),
        ...(captureSize === null ? [] : ["-video_size", `${captureSize.width}x${captureSize.height}`]),
        ...(rateFps === null ? [] : ["-framerate", String(rateFps)]),
        ...["-i", v4l2Path(device)],
      ];
    }
    case "rtsp":
      return [
        ...["-f", "rtsp", "-protocol_whitelist", "rtsp,rtp,srtp,udp,tcp,tls,crypto"],
        ...["-rtsp_transport", input.transport, "-timeout", String(NETWORK_TIMEOUT_S * 1e6)],
        ...["-fflags", "+genpts+discardcorrupt+nobuffer", "-flags", "low_delay"],
        ...["-use_wallclock_as_timestamps", "1", ...tlsArgs(input.url), "-i", withCredentials(input)],
      ];
    case "mjpeg":
      return [
        ...["-protocol_whitelist", CAMERA_URL_SCHEMES.mjpeg.join() + ",tcp,tls"],
        ...["-rw_timeout", String(NETWORK_TIMEOUT_S * 1e6), "-probesize", `${PROBE_BYTES}`],
        ...["-analyzeduration", `${PROBE_US}`, "-fpsprobesize", "0", "-fflags", "+nobuffer", "-flags", "low_delay"],
        ...["-use_wallclock_as_timestamps", "1", ...tlsArgs(input.url), "-i", withCredentials(input)],
      ];
    case "file":
      return [
        ...["-protocol_whitelist", "file"],
        ...(input.realtime ? ["-re"] : []),
        ...(input.loop ? ["-stream_loop", "-1"] : []),
        // With its scheme, a path that looks like a URL or an option is still a path.
        ...["-i", `file:${input.path}`],
      ];
  }
}

/** Without this ffmpeg takes any certificate. */
function tlsArgs(url: string): string[] {
  return /^(https|rtsps):/i.test(url) ? ["-tls_verify", "1"] : [];
}

function withCredentials({ url, username, password }: StreamInput): string {
  // As our parser understood it, credentials or not, so that ffmpeg cannot read another host out of it.
  const whole = new URL(url);
  whole.username = encodeURIComponent(username ?? "");
  whole.password = encodeURIComponent(password ?? "");
  return whole.href;
}

function filters({ kind, rateFps }: VideoInput, { crop, width, height, channels, resize }: VideoOutput): string {
  const chain: string[] = [];
  // The first frame of each 1 / rate of time: a source that is faster comes out at the rate, a slower one as it is.
  if (rateFps !== null && kind !== "v4l2") {
    chain.push(`select='isnan(prev_selected_t)+gt(floor(t*${rateFps}),floor(prev_selected_t*${rateFps}))'`);
  }
  if (crop !== null) {
    const { x, y, width, height } = crop;
    // Left to itself the filter moves a crop that hangs over the border; a width below 0 is refused.
    const checked = `if(gte(iw,${x + width})*gte(ih,${y + height}),${width},-1)`;
    chain.push(`crop=w='${checked}':h=${height}:x=${x}:y=${y}:exact=1`);
  }
  const method = resize === "bilinear" ? "bilinear" : "area";
  chain.push(`scale=${width}:${height}:flags=${method}+accurate_rnd+full_chroma_int:out_range=full`);
  chain.push(`format=${channels === 1 ? "gray" : "rgb24"}`);
  return chain.join(",");
}
