/** Video through a real ffmpeg: right pictures, and what becomes of a source that dies, freezes, babbles or changes. */

import assert from "node:assert/strict";
import process from "node:process";
import { openFfmpegCamera } from "../../devices/camera/ffmpeg.ts";
import type { FileInput, StreamInput, VideoInput, VideoOutput } from "../../devices/camera/ffmpeg_args.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { CameraError } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import { createRandom } from "../../src/core/random.ts";
import { createPreprocessor } from "../../src/preprocess/pipeline.ts";
import { DECISION_PLAIN } from "../../src/runtime/decision.ts";
import { droppedTotal } from "../../src/runtime/frame_account.ts";
import { Runtime } from "../../src/runtime/runtime.ts";
import { temporaryFolder } from "../support/clips.ts";
import { createFakeClock, type FakeClock } from "../support/fake_clock.ts";
import { ffmpeg, ffmpegAvailable, isAlive, makeJpegs, makeVideo } from "../support/ffmpeg.ts";
import { type MjpegServer, openMjpegServer } from "../support/mjpeg_server.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { openRtspServer, type RtspServer } from "../support/rtsp_server.ts";
import { darkOrBright, HeldBackend, keepingPublisher } from "../support/runtime_parts.ts";

const SIZE: VideoOutput = { width: 8, height: 6, channels: 1, crop: null, resize: "auto" };
const FILE = { kind: "file", loop: false, realtime: false, rateFps: null } as const;

/** A source in use: its frames one by one, and the ffmpeg behind it. */
interface InUse extends AsyncDisposable {
  readonly frames: AsyncIterator<Frame>;
  readonly pid: () => number;
  readonly abort: () => void;
}

async function use(input: VideoInput, clock: Clock, output: Partial<VideoOutput> = {}): Promise<InUse> {
  let pid = 0;
  const camera = await openFfmpegCamera({ id: "cam", input, ...SIZE, ...output, clock, onStart: (id) => pid = id });
  const abort = new AbortController();
  const frames = camera.frames(abort.signal)[Symbol.asyncIterator]() as AsyncIterator<Frame>;
  return {
    frames,
    pid: () => pid,
    abort: () => abort.abort(),
    async [Symbol.asyncDispose]() {
      await camera[Symbol.asyncDispose]();
      if (pid !== 0) await eventually(() => !isAlive(pid), "ffmpeg is gone, and no zombie");
    },
  };
}

/** The frame, which must be there. */
async function next({ frames }: InUse): Promise<Frame> {
  const { value, done } = await frames.next();
  assert.ok(!done, "the source ended");
  return value;
}

/** The error in which a source ends; frames before it are let pass. */
async function endOf({ frames }: InUse): Promise<CameraError> {
  try {
    while (!(await frames.next()).done);
  } catch (error) {
    return error as CameraError;
  }
  assert.fail("the source ended without an error");
}

function test(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Debian package ffmpeg)`,
    ignore: !ffmpegAvailable,
    async fn() {
      await using folder = await temporaryFolder();
      await fn(folder.path);
    },
  });
}

const mjpeg = (server: MjpegServer, more: Partial<StreamInput> = {}): StreamInput => (
  { kind: "mjpeg", url: server.url, username: null, password: null, transport: "tcp", rateFps: null, ...more }
);
/** Greys of `makeJpegs`; JPEG may be off by a few. */
const GREYS = [20, 60, 100, 140, 180];
const nearestGrey = (pixel: number) => GREYS.findIndex((grey) => Math.abs(grey - pixel) <= 3);

test("a video file gives every frame, in order, then ends", async (folder) => {
  const path = makeVideo(folder, { frames: 20 });
  await using source = await use({ ...FILE, path }, systemClock);
  for (let id = 0; id < 20; id++) {
    const { id: found, pixels, width, height } = await next(source);
    assert.deepEqual({ found, width, height, pixels: [...new Set(pixels)] }, {
      found: id,
      width: 8,
      height: 6,
      pixels: [id * 10],
    });
  }
  assert.equal((await source.frames.next()).done, true);
});

test("a rate above which frames are left out keeps the first of each period", async (folder) => {
  const path = makeVideo(folder, { frames: 25, rateFps: 25 });
  await using source = await use({ ...FILE, path, rateFps: 5 }, systemClock);
  for (const level of [0, 50, 100, 150, 200]) assert.equal((await next(source)).pixels[0], level);
  assert.equal((await source.frames.next()).done, true);
});

test("crop, size and colour are what was asked for", async (folder) => {
  const path = `${folder}/halves.mkv`;
  const source = "color=c=red:s=32x32:r=5,drawbox=x=16:y=0:w=16:h=32:c=blue:t=fill,format=rgb24";
  ffmpeg("-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "ffv1", "-pix_fmt", "bgr0", path);
  const crop = { x: 17, y: 3, width: 9, height: 7 };
  const output = { width: 4, height: 2, channels: 3, crop } as const;
  await using blue = await use({ ...FILE, path }, systemClock, output);
  const { pixels } = await next(blue);
  assert.equal(pixels.length, 4 * 2 * 3);
  for (let i = 0; i < pixels.length; i += 3) {
    assert.ok(pixels[i] <= 2 && pixels[i + 1] <= 2 && pixels[i + 2] >= 253, `${pixels}`);
  }
  await using outside = await use({ ...FILE, path }, systemClock, { crop: { x: 30, y: 0, width: 9, height: 7 } });
  const error = await endOf(outside);
  assert.equal(error.code, "camera.open");
  assert.equal(error.hint, "The crop must lie inside the picture");
});

test("a file that is none, or is missing, says so", async (folder) => {
  await Deno.writeTextFile(`${folder}/notes.mp4`, "these are not the frames that you are looking for");
  await using garbage = await use({ ...FILE, path: `${folder}/notes.mp4` }, systemClock);
  const error = await endOf(garbage);
  assert.equal(error.code, "camera.open");
  assert.match(error.message, /Invalid data/);
  await using missing = await use({ ...FILE, path: `${folder}/nowhere.mp4` }, systemClock);
  assert.match((await endOf(missing)).hint!, /Check the path/);
});

test("a playlist cannot make ffmpeg open another protocol", async (folder) => {
  await using server = await openMjpegServer();
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${server.url}x.ts\n#EXT-X-ENDLIST\n`;
  await Deno.writeTextFile(`${folder}/list.m3u8`, playlist);
  await using source = await use({ ...FILE, path: `${folder}/list.m3u8` }, systemClock);
  assert.equal((await endOf(source)).code, "camera.open");
  assert.equal(server.viewers, 0);
});

Deno.test("without ffmpeg the error names the package", async () => {
  const file: FileInput = { ...FILE, path: "x.mp4" };
  const clock = createFakeClock();
  await using camera = await openFfmpegCamera({ id: "c", input: file, ...SIZE, clock, program: "no-such-ffmpeg" });
  const frames = camera.frames(new AbortController().signal)[Symbol.asyncIterator]();
  await assert.rejects(frames.next(), (error: CameraError) => {
    assert.equal(error.code, "camera.open");
    assert.match(error.hint!, /Debian package ffmpeg/);
    return true;
  });
  assert.equal(clock.sleepers, 0);
});

test("an MJPEG camera's pictures arrive, and its viewer leaves when told to", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 5));
  await using source = await use(mjpeg(server), systemClock);
  const seen = new Set<number>();
  while (seen.size < 5) seen.add(nearestGrey((await next(source)).pixels[0]));
  assert.ok(!seen.has(-1), "a grey that was never sent");
  const startUs = systemClock.nowUs();
  source.abort();
  assert.equal((await source.frames.next()).done, true);
  const tookMs = (systemClock.nowUs() - startUs) / 1000;
  assert.ok(tookMs < 1000 && !isAlive(source.pid()), `took ${tookMs} ms`);
});

test("a picture size that changes on the way is scaled anew", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 1));
  await using source = await use(mjpeg(server), systemClock);
  assert.equal(nearestGrey((await next(source)).pixels[0]), 0);
  server.show(makeJpegs(folder, "160x90", 2).slice(1));
  let frame = await next(source);
  for (let i = 0; i < 50 && nearestGrey(frame.pixels[0]) !== 1; i++) frame = await next(source);
  assert.deepEqual([nearestGrey(frame.pixels[0]), frame.width, frame.height], [1, 8, 6]);
  assert.equal(new Set(frame.pixels).size, 1, "the new picture fills the frame");
});

test("a killed ffmpeg ends the frames at once with what happened", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 2));
  await using source = await use(mjpeg(server), systemClock);
  await next(source);
  process.kill(source.pid(), "SIGKILL");
  const startUs = systemClock.nowUs();
  const error = await endOf(source);
  assert.equal(error.code, "camera.lost");
  assert.match(error.message, /SIGKILL/);
  assert.ok(systemClock.nowUs() - startUs < 1e6);
});

test("a frozen ffmpeg is a stall after two seconds of the monotonic clock, and is killed", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 2));
  const clock = createFakeClock();
  await using source = await use(mjpeg(server), clock);
  await next(source);
  process.kill(source.pid(), "SIGSTOP");
  const end = endOf(source);
  await settle();
  await clock.advance(1900);
  assert.ok(isAlive(source.pid()), "killed too early");
  await advanceUntil(clock, end);
  const error = await end;
  assert.equal(error.code, "camera.lost");
  assert.match(error.message, /no whole frame for 2\.\d s/);
  assert.ok(!isAlive(source.pid()));
});

test("a frozen ffmpeg does not keep a stop waiting for a second", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 2));
  await using source = await use(mjpeg(server), systemClock);
  await next(source);
  process.kill(source.pid(), "SIGSTOP");
  const startUs = systemClock.nowUs();
  source.abort();
  while (!(await source.frames.next()).done);
  const tookMs = (systemClock.nowUs() - startUs) / 1000;
  assert.ok(tookMs < 1000 && !isAlive(source.pid()), `took ${tookMs} ms`);
});

test("a camera that sends nothing any more is a stall; one that shows the same picture is none", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 1));
  const clock = createFakeClock();
  await using source = await use(mjpeg(server), clock);
  await next(source);
  // Twenty seconds of a scene in which nothing moves: each frame is equal, and each counts.
  for (let i = 0; i < 20; i++) {
    const frame = next(source);
    await clock.advance(1000);
    assert.equal(nearestGrey((await frame).pixels[0]), 0);
  }
  server.show(null);
  const end = endOf(source);
  await advanceUntil(clock, end);
  assert.match((await end).message, /no whole frame for/);
});

test("a step of the date by an hour, either way, is no stall", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 1));
  let stepMs = 0;
  const stepping: Clock = { ...systemClock, wallMs: () => systemClock.wallMs() + stepMs };
  await using source = await use(mjpeg(server), stepping);
  let before = (await next(source)).capturedAtUs;
  for (stepMs of [3_600_000, -3_600_000, 0]) {
    for (let i = 0; i < 5; i++) {
      const { capturedAtUs } = await next(source);
      assert.ok(capturedAtUs >= before && capturedAtUs - before < 1e6);
      before = capturedAtUs;
    }
  }
});

test("garbage in place of a stream is refused", async () => {
  await using server = await openMjpegServer();
  await using source = await use(mjpeg(server), systemClock);
  const end = endOf(source);
  await eventually(() => server.viewers === 1, "ffmpeg connects");
  server.sendRaw(Uint8Array.from({ length: 700_000 }, (_, i) => (i * 2654435761) >>> 13));
  server.hangUp();
  assert.equal((await end).code, "camera.open");
});

test("garbage between pictures costs pictures, or the stream, and never the frame size", async (folder) => {
  await using server = await openMjpegServer();
  const pictures = makeJpegs(folder, "64x48", 2);
  server.show(pictures);
  await using source = await use(mjpeg(server), systemClock);
  await next(source);
  for (let round = 0; round < 5; round++) {
    server.sendRaw(Uint8Array.from({ length: 5000 }, (_, i) => (i * 2654435761 + round) >>> 11));
    server.sendRaw(pictures[0].subarray(0, pictures[0].length / 2));
  }
  // What follows is either the good pictures again, or an end with a reason.
  let frames = 0;
  try {
    for (; frames < 20; frames++) assert.equal((await next(source)).pixels.length, 48);
  } catch (error) {
    assert.equal((error as CameraError).code, "camera.lost", String(error));
  }
});

test("a camera that hangs up is lost, though nothing was wrong with its stream", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 1));
  await using source = await use(mjpeg(server), systemClock);
  await next(source);
  server.hangUp();
  const error = await endOf(source);
  assert.equal(error.code, "camera.lost");
});

test("a password opens the camera, and a wrong one is in no part of the error", async (folder) => {
  await using server = await openMjpegServer({ user: "gw", password: "p@ss/w%rd:ü" });
  server.show(makeJpegs(folder, "64x48", 1));
  await using good = await use(mjpeg(server, { username: "gw", password: "p@ss/w%rd:ü" }), systemClock);
  await next(good);
  await using bad = await use(mjpeg(server, { username: "gw", password: "s3cret/@x" }), systemClock);
  const error = await endOf(bad);
  assert.equal(error.hint, "Check username and password");
  const all = JSON.stringify({ ...error, message: error.message, stack: error.stack, cause: error.cause });
  for (const secret of ["s3cret", "s3cret%2F%40x", btoa("gw:s3cret/@x")]) assert.ok(!all.includes(secret), all);
});

test("leaving after the limit of frames leaves no process", async (folder) => {
  const path = makeVideo(folder, { frames: 10 });
  let pid = 0;
  const input = { ...FILE, path, loop: true, realtime: true };
  const options = { id: "cam", input, ...SIZE, clock: systemClock, limit: 3, onStart: (id: number) => pid = id };
  await using camera = await openFfmpegCamera(options);
  let count = 0;
  for await (const _ of camera.frames(new AbortController().signal)) count++;
  assert.equal(count, 3);
  assert.ok(!isAlive(pid));
});

const GREY = ["-f", "lavfi", "-i", "color=c=0x808080:s=160x120:r=25"];
const rtsp = (server: RtspServer, more: Partial<StreamInput> = {}): StreamInput => (
  { kind: "rtsp", url: server.url, username: null, password: null, transport: "tcp", rateFps: null, ...more }
);

test("an RTSP camera's pictures arrive with a password, and it is taken leave of", async (folder) => {
  await using server = await openRtspServer(folder, { source: GREY, password: "p@ss:ü" });
  await using source = await use(rtsp(server, { username: "gw", password: "p@ss:ü" }), systemClock);
  for (let id = 0; id < 5; id++) assert.ok(Math.abs((await next(source)).pixels[0] - 128) <= 2);
  source.abort();
  assert.equal((await source.frames.next()).done, true);
  assert.equal(server.methods.at(-1), "TEARDOWN");
  await using refused = await use(rtsp(server, { username: "gw", password: "s3cret/@x" }), systemClock);
  const error = await endOf(refused);
  assert.deepEqual([error.code, error.hint], ["camera.open", "Check username and password"]);
  assert.ok(!JSON.stringify({ ...error, message: error.message }).includes("s3cret"));
});

test("an RTSP camera that goes silent and keeps its connection is a stall", async (folder) => {
  await using server = await openRtspServer(folder, { source: GREY });
  const clock = createFakeClock();
  await using source = await use(rtsp(server), clock);
  await next(source);
  server.flowing = false;
  const end = endOf(source);
  await advanceUntil(clock, end);
  const error = await end;
  assert.equal(error.code, "camera.lost");
  assert.match(error.message, /no whole frame for/);
});

test("a running gateway survives an ffmpeg that is killed five times and frozen twice, and every frame adds up", async (folder) => {
  await using server = await openMjpegServer();
  server.show(makeJpegs(folder, "64x48", 2), 5);
  const clock = createFakeClock();
  const publisher = keepingPublisher();
  const backend = new HeldBackend(darkOrBright());
  backend.isFree = true;
  const pids: number[] = [];
  const open = () => {
    const onStart = (pid: number) => void pids.push(pid);
    return openFfmpegCamera({ id: "cam", input: mjpeg(server), ...SIZE, width: 1, height: 1, clock, onStart });
  };
  const runtime = new Runtime({
    cameras: [{
      id: "cam",
      open,
      backend,
      preprocessor: createPreprocessor(backend.network.input, { crop: null, resize: "auto", invert: false }),
      maxAgeMs: 60_000,
      report: { mode: "all", sampleEveryS: 10, topK: 1, heartbeatS: 60, decision: DECISION_PLAIN },
    }],
    publisher,
    info: { kind: "info" } as never,
    clock,
    random: createRandom(1),
    latencyEveryS: 3600,
    healthEveryS: 3600,
    rssBytes: () => 0,
  });
  const stop = new AbortController();
  const running = runtime.run(stop.signal);
  const view = () => runtime.cameras[0];
  const faults = ["SIGKILL", "SIGSTOP", "SIGKILL", "SIGKILL", "SIGSTOP", "SIGKILL", "SIGKILL"] as const;
  for (const [round, signal] of faults.entries()) {
    await advanceWhile(clock, () => view().status !== "online", `online, round ${round}`);
    const { classified } = view().counts;
    await advanceWhile(clock, () => view().counts.classified < classified + 3, "frames", 0);
    const pid = pids.at(-1)!;
    process.kill(pid, signal);
    await advanceWhile(clock, () => view().status !== "error", `lost, round ${round}`);
    assert.ok(!isAlive(pid), "the old ffmpeg is gone before a new one comes");
  }
  await advanceWhile(clock, () => view().status !== "online", "online again");
  stop.abort();
  await running;
  assert.ok(pids.length > faults.length);
  assert.ok(pids.every((pid) => !isAlive(pid)));
  const { captured, classified, inFlight } = view().counts;
  assert.equal(inFlight, 0);
  assert.equal(captured, classified + droppedTotal(view().counts));
  const results = publisher.messages.filter(({ kind }) => kind === "result").length;
  assert.equal(results, classified);
});

// ---------------------------------------------------------------------------------------------------------------------

/** Lets data that is on its way arrive. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

/** Moves the clock, `stepMs` for each few milliseconds of real time, while `condition` holds. */
async function advanceWhile(clock: FakeClock, condition: () => boolean, what: string, stepMs = 10): Promise<void> {
  for (let i = 0; condition(); i++) {
    assert.ok(i < 5000, `never: ${what}`);
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** Moves the clock in small steps of real time until `end` has come. */
async function advanceUntil(clock: FakeClock, end: Promise<unknown>): Promise<void> {
  let isOver = false;
  end.finally(() => isOver = true).catch(() => {});
  for (let i = 0; i < 100 && !isOver; i++) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
