/** What a camera's `source` may be, kind by kind. */

import * as z from "zod";
import { CAMERA_URL_SCHEMES, checkCameraUrl } from "../core/camera_url.ts";
import { choice, integer, path, text } from "./schema_parts.ts";

const rateFps = z.number().gt(0).max(1000).nullable().default(null)
  .meta({ description: "Frames a second; null or absent: as fast as they are asked for.", examples: [10] });

const replaySource = z.strictObject({
  kind: z.literal("replay").meta({ description: "A recorded clip." }),
  path: path("The clip.", "clips/digits.safetensors.gz"),
  rate_fps: rateFps,
  loop: z.boolean().default(false).meta({ description: "Start again after the last frame.", examples: [true] }),
});

const syntheticSource = z.strictObject({
  kind: z.literal("synthetic").meta({ description: "Scenes made from sprites whose class is known." }),
  sprites: path("The clip whose images are pasted into the scene.", "clips/digits.safetensors.gz"),
  width: integer(8, 4096).default(320).meta({ description: "Width of the scene, pixels.", examples: [320] }),
  height: integer(8, 4096).default(240).meta({ description: "Height of the scene, pixels.", examples: [240] }),
  color: choice(["grey", "rgb"], "Channels of the scene."),
  rate_fps: rateFps,
  seed: integer(0, 2 ** 32 - 1).default(1)
    .meta({ description: "Start of the random sequence: the same seed makes the same scenes.", examples: [1] }),
});

const secondsApart = (low: number, high: number) => z.number().min(low).max(high);

const mostFps = (about: string) =>
  z.number().gt(0).max(1000).nullable().default(null).meta({ description: about, examples: [5] });

const cameraUrl = (kind: keyof typeof CAMERA_URL_SCHEMES, example: string) =>
  z.string().superRefine((url, context) => {
    const problem = checkCameraUrl(url, kind);
    if (problem !== null) context.addIssue({ code: "custom", params: { ...problem } });
  }).meta({
    description: `${CAMERA_URL_SCHEMES[kind].join(" or ")}; no user name or password here.`,
    examples: [example],
  });

const credentials = {
  username: text(256).nullable().default(null).meta({ description: "User name at the camera.", examples: ["viewer"] }),
  password: z.string().min(1).max(256).nullable().default(null).meta({
    description: "Password at the camera, best by reference.",
    examples: ["${env:DOOR_PASSWORD}", "${file:/run/secrets/door}"],
  }),
};

const imageBytesMax = integer(1024, 64 * 1024 * 1024).default(8 * 1024 * 1024)
  .meta({ description: "Longest image that is taken, bytes.", examples: [8388608] });

const side = (about: string, example: number) =>
  integer(1, 16384).nullable().default(null).meta({ description: about, examples: [example] });

const v4l2Source = z.strictObject({
  kind: z.literal("v4l2").meta({ description: "A camera of this machine, through ffmpeg." }),
  device: z.string().regex(
    /^(?!\.)[\w.:+-]{1,255}$|^\/dev\/video\d{1,3}$|^\/dev\/v4l\/by-(id|path)\/(?!\.)[\w.:+-]{1,255}$/,
    "a name under /dev/v4l/by-id, or /dev/video0, /dev/v4l/by-path/…",
  ).meta({
    description: "Name under /dev/v4l/by-id, which stays when the camera is plugged in again (list-devices shows it).",
    examples: ["usb-046d_HD_Pro_Webcam_C920-video-index0", "/dev/video0"],
  }),
  input_format: z.string().regex(/^[a-z0-9_]{1,32}$/, "a format's name, such as mjpeg").nullable().default(null)
    .meta({ description: "Format asked of the camera; absent: its own choice.", examples: ["mjpeg"] }),
  width: side("Width asked of the camera, pixels; absent: its own choice.", 640),
  height: side("Height asked of the camera, pixels.", 480),
  rate_fps: mostFps("Frames a second asked of the camera; absent: its own choice."),
});

const rtspSource = z.strictObject({
  kind: z.literal("rtsp").meta({ description: "A camera on the network, through ffmpeg." }),
  url: cameraUrl("rtsp", "rtsp://camera.lan/stream1"),
  ...credentials,
  transport: choice(["tcp", "udp"], "How the pictures travel; udp loses some on a busy network."),
  rate_fps: mostFps("Most frames a second that are used; absent: all. Give it for cameras below 2.5."),
});

const mjpegSource = z.strictObject({
  kind: z.literal("mjpeg").meta({ description: "A camera that sends JPEG pictures over HTTP, through ffmpeg." }),
  url: cameraUrl("mjpeg", "http://camera.lan/video.mjpg"),
  ...credentials,
  rate_fps: mostFps("Most frames a second that are used; absent: all. Give it for cameras below 2.5."),
});

const fileSource = z.strictObject({
  kind: z.literal("file").meta({ description: "A video file, through ffmpeg." }),
  path: path("The video.", "videos/street.mp4"),
  loop: z.boolean().default(false).meta({ description: "Start again after the last frame.", examples: [true] }),
  realtime: z.boolean().default(true).meta({
    description: "At the file's own speed; false: every frame, as fast as it is classified.",
    examples: [true],
  }),
  rate_fps: mostFps("Most frames of a second of video that are used; absent: all."),
});

const snapshotSource = z.strictObject({
  kind: z.literal("snapshot").meta({ description: "A JPEG or PNG picture that is fetched over and over." }),
  url: cameraUrl("snapshot", "http://camera.lan/snapshot.jpg"),
  ...credentials,
  every_s: secondsApart(0.05, 86_400).default(1).meta({ description: "Time between two pictures, s.", examples: [1] }),
  timeout_s: secondsApart(0.1, 60).default(5)
    .meta({ description: "Longest time for one picture, s.", examples: [5] }),
  bytes_max: imageBytesMax,
});

const mqttSource = z.strictObject({
  kind: z.literal("mqtt").meta({ description: "Pictures published on a topic of the broker in mqtt." }),
  topic: z.string().regex(/^(?![$/])[^+#\p{Cc}]{1,512}$/u, "a topic without + and #, not starting with $ or /")
    .meta({ description: "Topic; each message is one picture, as binary JPEG, PNG, or raw.", examples: ["cams/door"] }),
  share: z.string().regex(/^[\w-]{1,64}$/, "1 to 64 of a-z, A-Z, 0-9, _ and -").nullable().default(null).meta({
    description: "Group that shares the stream: each picture goes to one of its runtimes ($share/GROUP/TOPIC).",
    examples: ["pool"],
  }),
  keep: choice(["newest", "all"], "newest: pictures that came too fast are dropped and counted; all: they wait."),
  raw: z.strictObject({
    width: integer(1, 16384).meta({ description: "Width, pixels.", examples: [64] }),
    height: integer(1, 16384).meta({ description: "Height, pixels.", examples: [48] }),
    color: choice(["grey", "rgb"], "Bytes a pixel: grey 1, rgb 3."),
  }).nullable().default(null).meta({
    description: "Pictures are raw bytes, row by row; absent: JPEG or PNG.",
    examples: [{ width: 64, height: 48, color: "grey" }],
  }),
  bytes_max: imageBytesMax,
});

/** Every kind of source. */
export const SOURCES = [
  replaySource,
  syntheticSource,
  v4l2Source,
  rtspSource,
  mjpegSource,
  fileSource,
  snapshotSource,
  mqttSource,
] as const;
