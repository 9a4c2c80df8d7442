import assert from "node:assert/strict";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { encode as encodePng } from "fast-png";
import jpeg from "jpeg-js";
import { openReplayCamera, type ReplayOptions } from "../../../devices/camera/replay.ts";
import { CameraError, formatError } from "../../../src/core/errors.ts";
import type { Frame } from "../../../src/core/frame.ts";
import { makeClip, temporaryFolder, writeClipFile, writeFiles } from "../../support/clips.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { pnmOf, text } from "../../support/images.ts";

const clock = createFakeClock();

/** An image that tells which one it is by its first byte. */
const grey = (value: number, width = 2) =>
  pnmOf({ width, height: 1, channels: 1, pixels: new Uint8Array(width).fill(value) });

/** All frames, each as a line: `id truth WxHxC first-byte`, or `id malformed`. */
async function play(path: string, options: Partial<ReplayOptions> = {}): Promise<string[]> {
  await using camera = await openReplayCamera({ id: "cam", path, rateFps: null, loop: false, clock, ...options });
  const lines: string[] = [];
  for await (const frame of camera.frames(new AbortController().signal)) lines.push(line(frame as Frame));
  return lines;
}

function line(frame: Frame): string {
  if ("malformed" in frame) return `${frame.id} malformed`;
  return `${frame.id} ${frame.truth} ${frame.width}x${frame.height}x${frame.channels} ${frame.pixels[0]}`;
}

Deno.test("a folder plays in natural order, all formats, any sizes, other files left out", async () => {
  await using folder = await temporaryFolder();
  const rgba = new Uint8Array(8 * 8 * 4).fill(200);
  await writeFiles(folder.path, {
    "frame10.pgm": grey(10),
    "frame2.PNG": encodePng({ width: 3, height: 2, channels: 3, data: new Uint8Array(18).fill(2) }),
    "frame1.ppm": pnmOf({ width: 1, height: 1, channels: 3, pixels: Uint8Array.of(1, 1, 1) }),
    "frame3.jpeg": new Uint8Array(jpeg.encode({ width: 8, height: 8, data: rgba }, 90).data),
    "frame4.jpg": text("torn"),
    "notes.txt": text("not an image"),
  });
  const lines = await play(folder.path);
  assert.deepEqual(lines.slice(0, 2), ["0 -1 1x1x3 1", "1 -1 3x2x3 2"]);
  assert.match(lines[2], /^2 -1 8x8x3 (199|200|201)$/);
  assert.deepEqual(lines.slice(3), ["3 malformed", "4 -1 2x1x1 10"]);
});

Deno.test("sub-folders give the truth when class names are given, linked ones too", async () => {
  await using folder = await temporaryFolder();
  await using elsewhere = await temporaryFolder();
  await writeFiles(folder.path, { "dog/1.pgm": grey(1), "cat/1.pgm": grey(2), "0.pgm": grey(3) });
  await writeFiles(elsewhere.path, { "5.pgm": grey(4) });
  await symlink(elsewhere.path, join(folder.path, "fish"));
  const classes = ["cat", "dog", "fish"];
  assert.deepEqual(await play(folder.path, { classes }), ["0 -1 2x1x1 3", "1 0 2x1x1 2", "2 1 2x1x1 1", "3 2 2x1x1 4"]);
  assert.deepEqual(await play(folder.path), ["0 -1 2x1x1 3", "1 -1 2x1x1 2", "2 -1 2x1x1 1", "3 -1 2x1x1 4"]);
});

Deno.test("a clip gives its own truth, or that of the classes by name", async () => {
  await using folder = await temporaryFolder();
  const path = await writeClipFile(folder.path, makeClip({ count: 4 }));
  assert.deepEqual(await play(path), ["0 0 4x3x1 1", "1 1 4x3x1 2", "2 2 4x3x1 3", "3 0 4x3x1 4"]);
  const classes = ["two", "one", "zero"];
  assert.deepEqual(await play(path, { classes }), ["0 2 4x3x1 1", "1 1 4x3x1 2", "2 0 4x3x1 3", "3 2 4x3x1 4"]);
});

Deno.test("loop and limit", async () => {
  await using folder = await temporaryFolder();
  const path = await writeClipFile(folder.path, makeClip({ count: 2 }));
  assert.deepEqual((await play(path, { loop: true, limit: 5 })).map((each) => each.split(" ")[1]), [
    "0",
    "1",
    "0",
    "1",
    "0",
  ]);
  assert.equal((await play(path, { limit: 1 })).length, 1);
});

Deno.test("a clip's frames share one buffer, and writing to a frame does not change the clip", async () => {
  await using folder = await temporaryFolder();
  const path = await writeClipFile(folder.path, makeClip({ count: 2 }));
  await using camera = await openReplayCamera({ id: "cam", path, rateFps: null, loop: true, limit: 4, clock });
  const buffers = new Set<Uint8Array>();
  const firsts: number[] = [];
  for await (const frame of camera.frames(new AbortController().signal)) {
    assert.ok(!("malformed" in frame));
    firsts.push(frame.pixels[0]);
    buffers.add(frame.pixels);
    frame.pixels.fill(0);
  }
  assert.deepEqual(firsts, [1, 2, 1, 2]);
  assert.equal(buffers.size, 1);
});

Deno.test("a broken link, and a file that vanishes while playing, are malformed frames", async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, { "1.pgm": grey(1), "3.pgm": grey(3), "4.pgm": grey(4) });
  await symlink("nowhere.pgm", join(folder.path, "2.pgm"));
  await using camera = await openReplayCamera({ id: "cam", path: folder.path, rateFps: null, loop: false, clock });
  const lines: string[] = [];
  for await (const frame of camera.frames(new AbortController().signal)) {
    lines.push(line(frame as Frame));
    if (frame.id === 0) await rm(join(folder.path, "3.pgm"));
  }
  assert.deepEqual(lines, ["0 -1 2x1x1 1", "1 malformed", "2 malformed", "3 -1 2x1x1 4"]);
});

Deno.test("what cannot be opened says why, all at once", async () => {
  await using folder = await temporaryFolder();
  const here = folder.path;
  await writeFiles(here, {
    "empty/readme.txt": text(""),
    "classes/cat/1.pgm": grey(1),
    "classes/cow/1.pgm": grey(1),
    "deep/a/b/1.pgm": grey(1),
    "bad.clip": text("no"),
  });
  const cases: [path: string, options: Partial<ReplayOptions>, code: string, ...patterns: RegExp[]][] = [
    ["missing", {}, "camera.open", /Cannot open ".*missing": .*(ENOENT|No such file)/, /hint: Check the path/],
    ["empty", {}, "camera.open", /expected images: .png, .jpg, .jpeg, .pgm or .ppm, found none/, /hint: Give the path/],
    ["classes", { classes: ["cat"] }, "camera.open", /expected sub-folders named cat, found cow/],
    ["deep", {}, "camera.open", /expected sub-folders one level deep, found a\/b/],
    ["bad.clip", {}, "camera.clip", /Cannot read ".*bad.clip" as a clip/, /hint: A clip is/],
    [
      "x",
      { id: "A B", rateFps: 0, limit: 0 },
      "camera.open",
      /id: expected 1 to 64/,
      /rate_fps: expected above 0/,
      /limit: expected a whole number/,
    ],
    ["x", { rateFps: NaN }, "camera.open", /rate_fps: .* found NaN/],
  ];
  for (const [path, options, code, ...patterns] of cases) {
    await assert.rejects(play(join(here, path), options), (error) => {
      assert.ok(error instanceof CameraError, String(error));
      assert.equal(error.code, code);
      for (const pattern of patterns) assert.match(formatError(error), pattern);
      return true;
    });
  }
});
