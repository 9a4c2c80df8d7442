import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openSyntheticCamera, type SyntheticOptions } from "../../../devices/camera/synthetic.ts";
import { CameraError } from "../../../src/core/errors.ts";
import type { Frame } from "../../../src/core/frame.ts";
import { createPreprocessor } from "../../../src/preprocess/pipeline.ts";
import { makeClip, temporaryFolder, writeClipFile } from "../../support/clips.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

/** Three 8 x 8 sprites: one full square each, of levels 200, 220 and 240. */
const SPRITES = makeClip({
  count: 3,
  width: 8,
  height: 8,
  frames: Uint8Array.from({ length: 192 }, (_, i) => 200 + 20 * Math.floor(i / 64)),
});
const QUICK = { width: 80, height: 60, seed: 5 };

/** Calls `see` with each of `count` frames. */
async function watch(
  options: Partial<SyntheticOptions>,
  count: number,
  see: (frame: Frame, focus: { x: number; y: number; width: number; height: number }) => void,
  clip = SPRITES,
): Promise<void> {
  await using folder = await temporaryFolder();
  const sprites = await writeClipFile(folder.path, clip);
  const clock = createFakeClock();
  const all = { id: "scene", sprites, rateFps: null, clock, limit: count, ...QUICK, ...options };
  await using camera = await openSyntheticCamera(all);
  for await (const frame of camera.frames(new AbortController().signal)) see(frame as Frame, camera.focus);
}

Deno.test("the sprite is whole, moves, stays in focus, and the rest is dim", async () => {
  const places = new Set<string>();
  const truths = new Set<number>();
  await watch({ framesPerSprite: 10 }, 300, (frame, focus) => {
    assert.deepEqual(focus, { x: 18, y: 8, width: 44, height: 44 });
    const level = 200 + 20 * frame.truth;
    let [left, right, top, bottom, count] = [Infinity, -1, Infinity, -1, 0];
    for (let i = 0; i < frame.pixels.length; i++) {
      const [x, y] = [i % frame.width, Math.floor(i / frame.width)];
      if (frame.pixels[i] <= 12) continue;
      assert.equal(frame.pixels[i], level);
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      count += 1;
    }
    assert.deepEqual([right - left + 1, bottom - top + 1, count], [32, 32, 1024]);
    assert.ok(left >= focus.x && top >= focus.y && right < focus.x + focus.width && bottom < focus.y + focus.height);
    places.add(`${left},${top}`);
    truths.add(frame.truth);
  });
  assert.ok(places.size > 40, `only ${places.size} places`);
  assert.deepEqual([...truths].sort(), [0, 1, 2]);
});

Deno.test("the same seed gives the same frames, another seed others", async () => {
  const run = async (seed: number) => {
    const frames: string[] = [];
    await watch({ seed }, 20, (frame) => frames.push(`${frame.truth} ${Buffer.from(frame.pixels).toString("base64")}`));
    return frames;
  };
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
  assert.equal(new Set(first).size, 20);
});

Deno.test("steps are small: the path is smooth", async () => {
  let before: [number, number] | null = null;
  await watch({ noise: 0 }, 200, (frame) => {
    const first = frame.pixels.findIndex((byte) => byte > 0);
    const place: [number, number] = [first % frame.width, Math.floor(first / frame.width)];
    if (before !== null) assert.ok(Math.abs(place[0] - before[0]) <= 2 && Math.abs(place[1] - before[1]) <= 2);
    before = place;
  });
});

Deno.test("one buffer is drawn into, in grey and in RGB", async () => {
  for (const [color, channels] of [["grey", 1], ["rgb", 3]] as const) {
    const buffers = new Set<Uint8Array>();
    await watch({ color, noise: 0 }, 5, (frame) => {
      buffers.add(frame.pixels);
      assert.deepEqual([frame.channels, frame.pixels.length], [channels, 80 * 60 * channels]);
      for (let i = 0; channels === 3 && i < frame.pixels.length; i += 3) {
        assert.ok(frame.pixels[i] === frame.pixels[i + 1] && frame.pixels[i] === frame.pixels[i + 2]);
      }
    });
    assert.equal(buffers.size, 1);
  }
});

Deno.test("cropped to the focus and resized, a still sprite comes back as it was", async () => {
  const ramp = makeClip({
    count: 1,
    width: 8,
    height: 8,
    frames: Uint8Array.from({ length: 64 }, (_, i) => 60 + 2 * i),
    labels: Uint8Array.of(0),
  });
  await watch({ drift: 0, noise: 0, scale: 5 }, 1, (frame, crop) => {
    const { run } = createPreprocessor({ shape: [1, 8, 8], color: "grey" }, { crop, resize: "auto", invert: false });
    const back = run(frame);
    // Bilinear up and area down blur the ramp's ends by up to a third of a step of 16.
    ramp.frames.forEach((byte, i) => assert.ok(Math.abs(byte - back[i]) <= 4, `pixel ${i}: ${byte} became ${back[i]}`));
  }, ramp);
});

Deno.test("options that do not fit together are refused, all at once", async () => {
  const cases: [options: Partial<SyntheticOptions>, where: string[], clip?: typeof SPRITES][] = [
    [{ width: 40 }, ["width, height"]],
    [{ scale: 0.5, noise: 300, framesPerSprite: 0, drift: -1, seed: 0.5 }, [
      "scale",
      "drift",
      "frames_per_sprite",
      "noise",
      "seed",
    ]],
    [{ scale: NaN }, ["scale", "width, height"]],
    [{ width: 2 ** 20, height: 2 ** 20 }, ["width, height"]],
    [{}, ["sprites"], { ...SPRITES, labels: null }],
    [{}, ["color"], makeClip({ channels: 3 })],
  ];
  for (const [options, where, clip] of cases) {
    await assert.rejects(watch(options, 1, () => {}, clip), (error) => {
      assert.ok(error instanceof CameraError && error.code === "camera.open", String(error));
      assert.deepEqual(error.issues.map((issue) => issue.where), where);
      return true;
    });
  }
});
