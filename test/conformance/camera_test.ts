/** Every camera driver against the one suite. */

import { openFfmpegCamera } from "../../devices/camera/ffmpeg.ts";
import { openReplayCamera, type ReplayOptions } from "../../devices/camera/replay.ts";
import { openSyntheticCamera, type SyntheticOptions } from "../../devices/camera/synthetic.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { CameraSource } from "../../src/ports/camera_source.ts";
import { makeClip, temporaryFolder, writeClipFile, writeFiles } from "../support/clips.ts";
import { ffmpegAvailable, makeVideo } from "../support/ffmpeg.ts";
import { pnmOf, text } from "../support/images.ts";
import { testCamera } from "./camera_suite.ts";

const image = pnmOf({ width: 5, height: 4, channels: 1, pixels: new Uint8Array(20) });
const bigger = pnmOf({ width: 7, height: 2, channels: 3, pixels: new Uint8Array(42) });

/** A source over files of its own, which go when it is disposed. */
async function withFiles(
  write: (folder: string) => Promise<string>,
  open: (path: string) => Promise<CameraSource>,
): Promise<CameraSource> {
  const folder = await temporaryFolder();
  const source = await open(await write(folder.path));
  return {
    id: source.id,
    pacing: source.pacing,
    frames: (signal) => source.frames(signal),
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const clip = (options: Partial<ReplayOptions>) => (clock: Clock) =>
  withFiles(
    (folder) => writeClipFile(folder, makeClip()),
    (path) => openReplayCamera({ id: "clip", path, rateFps: null, loop: false, clock, ...options }),
  );

const folder = (options: Partial<ReplayOptions>) => (clock: Clock) =>
  withFiles(
    async (path) => {
      await writeFiles(path, { "1.pgm": image, "2.png": text("nonsense"), "10.ppm": bigger, "one/11.pgm": image });
      return path;
    },
    (path) =>
      openReplayCamera({ id: "folder", path, rateFps: null, loop: false, clock, classes: ["zero", "one"], ...options }),
  );

const synthetic = (options: Partial<SyntheticOptions>) => (clock: Clock) =>
  withFiles(
    (path) => writeClipFile(path, makeClip()),
    (sprites) => openSyntheticCamera({ id: "scene", sprites, rateFps: null, seed: 1, clock, ...options }),
  );

const video = (options: { realtime: boolean; loop: boolean }) => (clock: Clock) =>
  withFiles(
    (folder) => Promise.resolve(makeVideo(folder, { frames: 5, rateFps: 50 })),
    (path) => {
      const input = { kind: "file", path, rateFps: null, ...options } as const;
      return openFfmpegCamera({
        id: "video",
        input,
        width: 8,
        height: 6,
        channels: 1,
        crop: null,
        resize: "auto",
        clock,
      });
    },
  );

const live = { pacing: "live", malformed: [] } as const;
const onDemand = { pacing: "on_demand", rateFps: null, malformed: [] } as const;

testCamera({ ...onDemand, name: "clip on demand", open: clip({}), frames: 6, classes: 3 });
testCamera({ ...live, name: "clip at 30 fps", open: clip({ rateFps: 30 }), rateFps: 30, frames: 6, classes: 3 });
testCamera({
  ...live,
  name: "looped clip at 7 fps",
  open: clip({ rateFps: 7, loop: true }),
  rateFps: 7,
  frames: null,
  classes: 3,
});
testCamera({ ...onDemand, name: "clip with a limit", open: clip({ loop: true, limit: 9 }), frames: 9, classes: 3 });
testCamera({ ...onDemand, name: "folder on demand", open: folder({}), frames: 4, classes: 2, malformed: [1] });
testCamera({
  ...live,
  name: "looped folder at 25 fps",
  open: folder({ rateFps: 25, loop: true, limit: 5 }),
  rateFps: 25,
  frames: 5,
  classes: 2,
  malformed: [1],
});
testCamera({ ...onDemand, name: "synthetic on demand", open: synthetic({}), frames: null, classes: 3 });
testCamera({
  ...live,
  name: "synthetic at 60 fps",
  open: synthetic({ rateFps: 60, color: "rgb" }),
  rateFps: 60,
  frames: null,
  classes: 3,
});
testCamera({
  ...onDemand,
  name: "video file on demand (needs Debian package ffmpeg)",
  open: video({ realtime: false, loop: false }),
  frames: 5,
  classes: 0,
  ignore: !ffmpegAvailable,
});
testCamera({
  ...live,
  name: "looped video file at its own speed (needs Debian package ffmpeg)",
  open: video({ realtime: true, loop: true }),
  rateFps: null,
  frames: null,
  classes: 0,
  ignore: !ffmpegAvailable,
});
