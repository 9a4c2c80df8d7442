import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { classesOfLabels, type Clip, readClip, writeClip } from "../../../devices/camera/clip.ts";
import { CameraError } from "../../../src/core/errors.ts";
import { createRandom } from "../../../src/core/random.ts";
import { type Tensor, writeContainer } from "../../../src/model/container.ts";
import { makeClip } from "../../support/clips.ts";
import { text } from "../../support/images.ts";

const MANIFEST = { format_version: 1, name: "n", labels: ["a", "b"], licence: "l", source: "s" };
const FRAMES: Tensor = { dtype: "U8", shape: [2, 1, 2, 1], bytes: new Uint8Array(4) };

function clipBytes(manifest: unknown, tensors: Record<string, Tensor> = { frames: FRAMES }): Uint8Array {
  const metadata = { clip: typeof manifest === "string" ? manifest : JSON.stringify(manifest) };
  return writeContainer({ metadata, tensors: new Map(Object.entries(tensors)) });
}

Deno.test("what is written is read: grey and RGB, with and without labels, gzipped and plain", () => {
  const clips: Clip[] = [
    makeClip(),
    makeClip({ channels: 3, count: 1 }),
    makeClip({ labels: null, labelNames: [] }),
  ];
  for (const clip of clips) {
    for (const gzip of [true, false]) {
      const read = readClip(writeClip(clip, { gzip }), "x");
      assert.deepEqual({ ...read, frames: [...read.frames] }, { ...clip, frames: [...clip.frames] });
    }
  }
});

Deno.test("a clip that is wrong is refused with every problem", () => {
  const u8 = (shape: number[], bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1))): Tensor => ({
    dtype: "U8",
    shape,
    bytes,
  });
  const cases: [bytes: Uint8Array, issues: RegExp[]][] = [
    [new Uint8Array(0), [/header: expected at least 10 bytes, found 0/]],
    [text("not a clip at all, just text"), [/header: expected a header of at most/]],
    [gzipSync(text("x")), [/header: expected at least 10 bytes/]],
    [Uint8Array.of(0x1f, 0x8b, 1, 2, 3), [/file: expected a gzip stream of at most/]],
    [writeContainer({ metadata: {}, tensors: new Map() }), [
      /clip: expected a JSON object, found nothing/,
      /"frames": expected U8/,
    ]],
    [clipBytes("{"), [/clip: expected a JSON object, found "\{"/]],
    [clipBytes([1]), [/expected a JSON object/]],
    [clipBytes({ ...MANIFEST, format_version: 2, name: 3, colour: 1 }), [
      /found "colour"/,
      /format_version: expected 1, found 2/,
      /name: expected a string, found 3/,
    ]],
    [clipBytes({ ...MANIFEST, labels: ["a", "a"] }), [/labels: expected at most 256 different strings/]],
    [clipBytes({ ...MANIFEST, labels: Array.from({ length: 257 }, (_, i) => `${i}`) }), [
      /labels: expected at most 256/,
    ]],
    [clipBytes(MANIFEST, { frames: { ...FRAMES, dtype: "I8" } }), [/found I8 \[2,1,2,1\]/]],
    [clipBytes(MANIFEST, { frames: u8([2, 2, 2]) }), [/found U8 \[2,2,2\]/]],
    [clipBytes(MANIFEST, { frames: u8([2, 2, 2, 2]) }), [/found U8 \[2,2,2,2\]/]],
    [clipBytes(MANIFEST, { frames: u8([0, 2, 2, 1]) }), [/at least one frame and pixel, found U8 \[0,2,2,1\]/]],
    [clipBytes(MANIFEST, { frames: u8([1, 4097, 4096, 1]) }), [/at most 16777216 pixels a frame/]],
    [clipBytes(MANIFEST, { frames: FRAMES, labels: u8([3]) }), [/"labels": expected U8 \[2\], found U8 \[3\]/]],
    [clipBytes(MANIFEST, { frames: FRAMES, labels: u8([2], Uint8Array.of(1, 2)) }), [
      /"labels"\[1\]: expected indices below the 2 label names, found 2/,
    ]],
    [clipBytes(MANIFEST, { frames: FRAMES, truth: u8([2]) }), [/expected frames and labels only, found "truth"/]],
  ];
  for (const [bytes, wanted] of cases) {
    assert.throws(() => readClip(bytes, "x.gz"), (error) => {
      assert.ok(error instanceof CameraError && error.code === "camera.clip", String(error));
      assert.match(error.message, /Cannot read "x.gz" as a clip/);
      assert.match(error.hint ?? "", /frames, labels, a clip manifest/);
      const lines = error.issues.map(({ where, expected, found }) => `${where}: expected ${expected}, found ${found}`);
      assert.equal(lines.length, wanted.length, lines.join("\n"));
      wanted.forEach((pattern, index) => assert.match(lines[index], pattern));
      return true;
    });
  }
});

Deno.test("damaged clips never fail with anything but CameraError", () => {
  const random = createRandom(3);
  const whole = writeClip(makeClip(), { gzip: false });
  for (let round = 0; round < 3000; round++) {
    const bytes = whole.slice(0, random.integer(8) === 0 ? random.integer(whole.length) : whole.length);
    for (let count = random.integer(4); count >= 0 && bytes.length > 0; count--) {
      bytes[random.integer(bytes.length)] = random.integer(256);
    }
    try {
      readClip(random.integer(2) === 0 ? bytes : gzipSync(bytes), "x");
    } catch (error) {
      if (!(error instanceof CameraError)) throw new Error(`round ${round}: ${[...bytes].join()}`, { cause: error });
    }
  }
});

Deno.test("labels find their classes by name, and a used one that is none is an error", () => {
  const clip = makeClip({ labelNames: ["cat", "dog", "bird"], labels: Uint8Array.of(0, 1, 1, 0, 0, 1) });
  assert.deepEqual(classesOfLabels(clip, undefined, "x"), [0, 1, 2]);
  assert.deepEqual(classesOfLabels(clip, ["dog", "fish", "cat"], "x"), [2, 0, -1]);
  assert.throws(() => classesOfLabels(clip, ["fish", "cat"], "x"), (error) => {
    assert.ok(error instanceof CameraError && error.code === "camera.clip");
    assert.equal(error.issues[0].found, "dog");
    return true;
  });
});
