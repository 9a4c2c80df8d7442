import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ConfigError } from "../../../src/core/errors.ts";
import { decodeImage, IMAGE_NAME } from "../../../devices/camera/image_files.ts";
import { toPlanar } from "../../../src/data/dataset.ts";
import { parseIdx } from "../../../src/data/idx.ts";
import { openDataset } from "../../../src/data/open.ts";
import { writeContainer } from "../../../src/model/container.ts";

const decoders = { pattern: IMAGE_NAME, decode: decodeImage };

/** IDX bytes. */
function idx(sizes: number[], values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + values.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + sizes.length);
  sizes.forEach((size, i) => view.setUint32(4 + 4 * i, size));
  bytes.set(values, 4 + 4 * sizes.length);
  return bytes;
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "data-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("openDataset() reads idx files, plain and gzip", () =>
  inFolder(async (folder) => {
    const images = join(folder, "images");
    const labels = join(folder, "labels.gz");
    await writeFile(images, idx([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    await writeFile(labels, gzipSync(idx([2], [7, 2])));
    const data = await openDataset(`idx:${images},${labels}`, decoders);
    assert.deepEqual([data.count, data.shape, data.labels], [2, [2, 3, 1], null]);
    const out = new Uint8Array(6);
    assert.equal(data.frame(1, out), 2);
    assert.deepEqual([...out], [7, 8, 9, 10, 11, 12]);
    const unknown = await openDataset(`idx:${images}`, decoders);
    assert.equal(unknown.frame(0, out), -1);
  }));

Deno.test("openDataset() reads a folder with one sub-folder a class, in natural order", () =>
  inFolder(async (folder) => {
    const pgm = (value: number, size = "2 1") =>
      new Uint8Array([...new TextEncoder().encode(`P5 ${size} 255\n`), value, value + 1]);
    for (const name of ["10", "2", "empty"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "10", "a.pgm"), pgm(100));
    await writeFile(join(folder, "2", "b10.pgm"), pgm(50));
    await writeFile(join(folder, "2", "b9.pgm"), pgm(40));
    await writeFile(join(folder, "2", "notes.txt"), "not an image");
    const data = await openDataset(`dir:${folder}`, decoders);
    assert.deepEqual([data.count, data.shape, data.labels], [3, [1, 2, 1], ["2", "10"]]);
    const out = new Uint8Array(2);
    assert.deepEqual([0, 1, 2].map((i) => [data.frame(i, out), out[0]]), [[0, 40], [0, 50], [1, 100]]);
    await writeFile(join(folder, "10", "b.pgm"), pgm(1, "1 2"));
    const uneven = await openDataset(`dir:${folder}`, decoders);
    assert.throws(() => uneven.frame(3, out), /its size must be 1x2x1: found 2x1x1/);
  }));

Deno.test("openDataset() reads raw bytes and clips", () =>
  inFolder(async (folder) => {
    const raw = join(folder, "raw");
    await writeFile(raw, Uint8Array.from({ length: 24 }, (_, i) => i));
    await writeFile(join(folder, "labels"), new Uint8Array([3, 4]));
    const data = await openDataset(`raw:${raw},2x2x3,${join(folder, "labels")}`, decoders);
    const out = new Uint8Array(12);
    assert.deepEqual([data.count, data.frame(1, out), out[0]], [2, 4, 12]);
    const clip = join(folder, "clip.safetensors.gz");
    const frames = { dtype: "U8", shape: [2, 1, 1, 3], bytes: new Uint8Array([1, 2, 3, 4, 5, 6]) } as const;
    const labels = { dtype: "U8", shape: [2], bytes: new Uint8Array([0, 1]) } as const;
    const metadata = { clip: JSON.stringify({ labels: ["cat", "dog"] }) };
    await writeFile(clip, gzipSync(writeContainer({ metadata, tensors: new Map(Object.entries({ frames, labels })) })));
    const video = await openDataset(`clip:${clip}`, decoders);
    assert.deepEqual([video.count, video.labels, video.frame(1, out), out[0]], [2, ["cat", "dog"], 1, 4]);
  }));

Deno.test("openDataset() says what is wrong with an argument or a file", () =>
  inFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    await writeFile(path("good"), idx([2, 1, 1], [1, 2]));
    await writeFile(path("short"), idx([2, 1, 1], [1]));
    await writeFile(path("huge"), idx([0xffffffff, 0xffffffff, 0xffffffff], []));
    await writeFile(path("one"), idx([1], [1]));
    await writeFile(path("cut.gz"), gzipSync(idx([2], [1, 2])).subarray(0, 12));
    const cases: [string, RegExp][] = [
      ["images.idx", /must be idx:IMAGES/],
      ["idx:", /must be idx:IMAGES/],
      ["idx:a,b,c", /must be idx:IMAGES/],
      ["raw:a,28x28", /must be idx:IMAGES/],
      [`idx:${path("none")}`, /a file that can be read: found ENOENT/],
      [`idx:${folder}`, /must be a file/],
      [`idx:${path("short")}`, /2 bytes for 2x1x1: found 1/],
      [`idx:${path("huge")}`, /its content must be .*: found 0/],
      [`idx:${path("good")},${path("one")}`, /2 labels: found 1/],
      [`idx:${path("one")}`, /its sizes/],
      [`idx:${path("cut.gz")}`, /gzip/],
      [`dir:${folder}`, /1 to 16777216 images: found 0/],
      [`raw:${path("good")},2x2x3`, /a multiple of 12 bytes/],
    ];
    for (const [spec, message] of cases) {
      await assert.rejects(openDataset(spec, decoders), (error) => {
        assert.ok(error instanceof ConfigError, `${spec}: ${error}`);
        assert.match(error.message, message, spec);
        return true;
      });
    }
  }));

Deno.test("parseIdx() turns any bytes into a file or a ConfigError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, plausible) => {
    if (plausible) bytes.set([0, 0, 8].slice(0, bytes.length));
    try {
      const { sizes, values } = parseIdx(bytes, "x");
      assert.equal(values.length, sizes.reduce((a, b) => a * b, 1));
    } catch (error) {
      assert.ok(error instanceof ConfigError);
    }
  }));
});

Deno.test("toPlanar() turns height, width, channel into channel, height, width", () => {
  const out = new Uint8Array(6);
  toPlanar([1, 2, 3, 4, 5, 6], 3, out);
  assert.deepEqual([...out], [1, 4, 2, 5, 3, 6]);
});
