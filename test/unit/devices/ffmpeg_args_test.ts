/** What ffmpeg is told, what it is never told, and what is refused before it is started. */

import assert from "node:assert/strict";
import { checkVideo, ffmpegArgs, type VideoInput, type VideoOutput } from "../../../devices/camera/ffmpeg_args.ts";
import type { Issue } from "../../../src/core/errors.ts";

const OUTPUT: VideoOutput = { width: 28, height: 28, channels: 1, crop: null, resize: "auto" };
const stream = { username: null, password: null, transport: "tcp", rateFps: null } as const;
const v4l2 = { kind: "v4l2", inputFormat: null, captureSize: null, rateFps: null } as const;
const file = { kind: "file", loop: false, realtime: true, rateFps: null } as const;

/** The values that follow `name`. */
function valueOf(args: readonly string[], name: string): string | undefined {
  return args[args.indexOf(name) + 1];
}

function problems(input: VideoInput, output: Partial<VideoOutput> = {}): string[] {
  const issues: Issue[] = [];
  checkVideo(input, { ...OUTPUT, ...output }, issues);
  return issues.map(({ where }) => where);
}

Deno.test("a V4L2 camera is named by its stable id, with format, size and rate before the input", () => {
  const args = ffmpegArgs({
    kind: "v4l2",
    device: "usb-046d_C920_1234-video-index0",
    inputFormat: "mjpeg",
    captureSize: { width: 640, height: 480 },
    rateFps: 15,
  }, { ...OUTPUT, crop: { x: 10, y: 20, width: 300, height: 200 } });
  assert.equal(valueOf(args, "-i"), "/dev/v4l/by-id/usb-046d_C920_1234-video-index0");
  assert.equal(valueOf(args, "-video_size"), "640x480");
  assert.equal(valueOf(args, "-framerate"), "15");
  assert.ok(args.indexOf("-framerate") < args.indexOf("-i"));
  assert.match(
    valueOf(args, "-vf")!,
    /^crop=w='if\(gte\(iw,310\)\*gte\(ih,220\),300,-1\)':h=200:x=10:y=20:exact=1,scale=28:28:.*,format=gray$/,
  );
});

Deno.test("credentials are put into the URL, escaped, and TLS is checked", () => {
  const args = ffmpegArgs({
    ...stream,
    kind: "rtsp",
    url: "rtsps://cam.lan:322/live?ch=1",
    username: "gw/7",
    password: "a@b:c d/é",
  }, OUTPUT);
  assert.equal(valueOf(args, "-i"), "rtsps://gw%2F7:a%40b%3Ac%20d%2F%C3%A9@cam.lan:322/live?ch=1");
  assert.equal(valueOf(args, "-tls_verify"), "1");
  assert.equal(valueOf(args, "-protocol_whitelist"), "rtsp,rtp,srtp,udp,tcp,tls,crypto");
});

Deno.test("a file is a file, whatever its name looks like, and no other protocol is open to it", () => {
  const args = ffmpegArgs({ ...file, path: "-i http://evil", loop: true }, { ...OUTPUT, channels: 3 });
  assert.equal(valueOf(args, "-i"), "file:-i http://evil");
  assert.equal(valueOf(args, "-protocol_whitelist"), "file");
  assert.ok(args.includes("-re") && args.includes("-stream_loop"));
  assert.match(valueOf(args, "-vf")!, /format=rgb24$/);
});

Deno.test("a rate lets frames out and makes none up", () => {
  const args = ffmpegArgs({ ...stream, kind: "mjpeg", url: "http://cam.lan/", rateFps: 5 }, OUTPUT);
  assert.match(valueOf(args, "-vf")!, /^select='isnan/);
  assert.equal(valueOf(args, "-fps_mode"), "passthrough");
});

const REFUSED: { name: string; input: VideoInput; output?: Partial<VideoOutput>; where: readonly string[] }[] = [
  ...[
    "file:///etc/passwd",
    "http://cam.lan/",
    "concat:a|b",
    "rtsp://u:p@cam.lan/",
    "rtsp:///x",
    "rtsp://cam.lan/ -f x",
    "rtsp://cam\n.lan/",
    "",
  ].map((
    url,
  ) => ({
    name: `the RTSP URL ${JSON.stringify(url)}`,
    input: { ...stream, kind: "rtsp", url },
    where: ["url"],
  } as const)),
  ...["rtsp://cam.lan/", "ftp://cam.lan/", "tcp://cam.lan:1", "data:image/png;base64,xx", "pipe:0"].map((url) => (
    { name: `the MJPEG URL ${url}`, input: { ...stream, kind: "mjpeg", url }, where: ["url"] } as const
  )),
  ...["/dev/sda", "/etc/passwd", "../video0", "/dev/v4l/by-id/../../sda", ".", "a/b", "/dev/video0;ls"]
    .map((device) => ({ name: `the device ${device}`, input: { ...v4l2, device }, where: ["device"] } as const)),
  { name: "a path with NUL", input: { ...file, path: "a\0b" }, where: ["path"] },
  {
    name: "everything at once",
    input: { ...v4l2, device: "", inputFormat: "x y", captureSize: { width: 0, height: 1 }, rateFps: -1 },
    output: { width: 0, crop: { x: -1, y: 0, width: 1, height: 1 } },
    where: ["device", "input_format", "width, height", "rate_fps", "size", "crop"],
  },
];

for (const { name, input, output, where } of REFUSED) {
  Deno.test(`refused before ffmpeg is started: ${name}`, () => assert.deepEqual(problems(input, output), where));
}

Deno.test("good sources pass", () => {
  assert.deepEqual(problems({ ...stream, kind: "rtsp", url: "rtsp://[::1]:8554/live.sdp?x=1&y=2" }), []);
  assert.deepEqual(problems({ ...stream, kind: "mjpeg", url: "https://cam.lan/video.mjpg" }), []);
  assert.deepEqual(problems({ ...v4l2, device: "/dev/video0" }), []);
  assert.deepEqual(problems({ ...v4l2, device: "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0" }), []);
  assert.deepEqual(problems({ ...file, path: "clip.mp4" }), []);
});
