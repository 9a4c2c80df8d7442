/** Decoders against independent encoders, rule by rule, and against damaged files. */

import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { encode as encodePng } from "fast-png";
import jpeg from "jpeg-js";
import { decodeImage } from "../../../devices/camera/image_files.ts";
import { createRandom, type Random } from "../../../src/core/random.ts";
import { CameraError } from "../../../src/core/errors.ts";
import { concat, pngChunk, pngFile, pngHeader, pngOf, pnmOf, text } from "../../support/images.ts";

const random = createRandom(7);

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}

/** Smooth, so that JPEG keeps it and PNG encoders choose every kind of filter. */
function gradient(width: number, height: number, channels: number): Uint8Array {
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0; i < pixels.length; i++) {
    const [pixel, c] = [Math.floor(i / channels), i % channels];
    pixels[i] = ((pixel % width) * 3 + Math.floor(pixel / width) * (2 + c)) & 255;
  }
  return pixels;
}

Deno.test("PNG: all channel counts and depths of fast-png's encoder, plain and interlaced", () => {
  for (const interlace of ["null", "Adam7"] as const) {
    for (const depth of [8, 16] as const) {
      for (const channels of [1, 2, 3, 4]) {
        for (const [width, height] of [[1, 1], [3, 5], [17, 9], [8, 8]]) {
          const length = width * height * channels;
          const data = depth === 8 ? randomBytes(length) : Uint16Array.from({ length }, () => random.integer(65536));
          const image = decodeImage(encodePng({ width, height, data, depth, channels }, { interlace }), "x.png");
          const kept = channels < 3 ? 1 : 3;
          const expected = new Uint8Array(width * height * kept);
          for (let i = 0; i < expected.length; i++) {
            const sample = data[Math.floor(i / kept) * channels + (i % kept)];
            expected[i] = depth === 8 ? sample : Math.round((sample * 255) / 65535);
          }
          assert.deepEqual(
            image,
            { width, height, channels: kept, pixels: expected },
            `${channels}x${depth} ${interlace}`,
          );
        }
      }
    }
  }
});

Deno.test("PNG: each row filter predicts from left, above and corner", () => {
  // Row 0 stores 10, 20, 30 raw; row 1 stores differences of 1 under each filter. Values by hand.
  const cases: [filter: number, row: number[]][] = [
    [0, [1, 1, 1]],
    [1, [1, 2, 3]],
    [2, [11, 21, 31]],
    [3, [6, 14, 23]],
    [4, [11, 21, 31]],
  ];
  for (const [filter, row] of cases) {
    const png = pngOf(pngHeader({ width: 3, height: 2 }), Uint8Array.of(0, 10, 20, 30, filter, 1, 1, 1));
    assert.deepEqual([...decodeImage(png, "x.png").pixels], [10, 20, 30, ...row], `filter ${filter}`);
  }
});

Deno.test("PNG: grey of 1, 2 and 4 bits is spread over 0 to 255", () => {
  const cases: [depth: number, row: number[], pixels: number[]][] = [
    [1, [0b10100000], [255, 0, 255]],
    [2, [0b00011000], [0, 85, 170]],
    [4, [0x0f, 0x80], [0, 255, 136]],
  ];
  for (const [depth, row, pixels] of cases) {
    const image = decodeImage(pngOf(pngHeader({ width: 3, height: 1, depth }), Uint8Array.of(0, ...row)), "x.png");
    assert.deepEqual([...image.pixels], pixels, `${depth} bits`);
  }
});

Deno.test("PNG: a palette becomes RGB, and an index beyond it is an error", () => {
  const palette = pngChunk("PLTE", Uint8Array.of(1, 2, 3, 40, 50, 60));
  const header = pngHeader({ width: 3, height: 1, depth: 2, color: 3 });
  const good = decodeImage(pngOf(header, Uint8Array.of(0, 0b01000100), palette), "x.png");
  assert.deepEqual([...good.pixels], [40, 50, 60, 1, 2, 3, 40, 50, 60]);
  refused(
    pngOf(header, Uint8Array.of(0, 0b01001000), palette),
    /palette index must be below the palette's 2 colours: found 2/,
  );
});

Deno.test("JPEG: RGB comes back within the coder's loss", () => {
  const [width, height] = [21, 13];
  const rgb = gradient(width, height, 3);
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
  const image = decodeImage(new Uint8Array(jpeg.encode({ width, height, data: rgba }, 100).data), "x.jpg");
  assert.deepEqual([image.width, image.height, image.channels], [width, height, 3]);
  assert.ok(meanDifference(image.pixels, rgb) < 3, `differs by ${meanDifference(image.pixels, rgb)}`);
});

Deno.test("JPEG: one component stays grey", () => {
  // By hand: all quantisers 1; one DC code "0" for difference 0; one AC code "0" for end of block; one block, "00".
  const counts = [1, ...new Array(15).fill(0)];
  const file = concat([
    Uint8Array.of(0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, ...new Array(64).fill(1)),
    Uint8Array.of(0xff, 0xc0, 0, 11, 8, 0, 5, 0, 7, 1, 1, 0x11, 0),
    Uint8Array.of(0xff, 0xc4, 0, 20, 0x00, ...counts, 0, 0xff, 0xc4, 0, 20, 0x10, ...counts, 0),
    Uint8Array.of(0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0b00111111, 0xff, 0xd9),
  ]);
  const grey = { width: 7, height: 5, channels: 1, pixels: new Uint8Array(35).fill(128) };
  assert.deepEqual(decodeImage(file, "x.jpg"), grey);
});

Deno.test("PGM and PPM: pixels as stored; a smaller maximum is scaled with rounding", () => {
  const grey = { width: 3, height: 2, channels: 1, pixels: randomBytes(6) } as const;
  assert.deepEqual(decodeImage(pnmOf(grey), "x.pgm"), grey);
  const rgb = { width: 2, height: 2, channels: 3, pixels: randomBytes(12) } as const;
  assert.deepEqual(decodeImage(pnmOf(rgb), "x.ppm"), rgb);
  const dim = decodeImage(
    pnmOf({ width: 4, height: 1, channels: 1, pixels: Uint8Array.of(0, 1, 50, 100) }, 100),
    "x.pgm",
  );
  assert.deepEqual([...dim.pixels], [0, 3, 128, 255]);
});

Deno.test("an unusable file is refused with what was expected and found", () => {
  const idat = pngChunk("IDAT", deflateSync(new Uint8Array(2)));
  const end = pngChunk("IEND", new Uint8Array(0));
  const broken = pngFile(pngChunk("IHDR", pngHeader({ width: 1, height: 1 })), idat, end);
  broken[broken.length - 1] ^= 1;
  const cases: [bytes: Uint8Array, message: RegExp][] = [
    [new Uint8Array(0), /found an empty file/],
    [text("GIF89a"), /its start must be that of a PNG, JPEG, PGM or PPM file: found bytes 47 49 46 38/],
    [broken, /the checksum of chunk "IEND" must be/],
    [
      pngOf(pngHeader({ width: 2 ** 31, height: 2 ** 31 }), new Uint8Array(1)),
      /its size must be at most 16777216 pixels/,
    ],
    [pngOf(pngHeader({ width: 0, height: 4 }), new Uint8Array(1)), /its size must be at least 1x1: found 0x4/],
    [
      pngOf(pngHeader({ width: 1, height: 1, depth: 4, color: 2 }), new Uint8Array(4)),
      /its bit depth must be one of 8, 16/,
    ],
    [pngOf(pngHeader({ width: 1, height: 1, color: 5 }), new Uint8Array(2)), /its colour type must be/],
    // Inflates to far more than 2 bytes, and is stopped there.
    [
      pngOf(pngHeader({ width: 1, height: 1 }), new Uint8Array(10_000_000)),
      /its image data must be a zlib stream of 2 bytes/,
    ],
    [pngOf(pngHeader({ width: 9, height: 9 }), new Uint8Array(10)), /its image data must be 90 bytes: found 10/],
    [pngOf(pngHeader({ width: 1, height: 1 }), Uint8Array.of(5, 0)), /the filter of row 0 must be 0 to 4: found 5/],
    [pngFile(idat, end), /its first chunk must be IHDR of 13 bytes/],
    [pngFile(pngChunk("IHDR", pngHeader({ width: 1, height: 1 }))), /its end must be an IEND chunk/],
    [text("P2\n1 1\n255\n7\n"), /its kind must be P5 or P6: found "P2"/],
    [text("P5 1 1 65535\n.."), /its maximum must be 1 to 255/],
    [text("P5 2 2 255\n..."), /its pixel data must be 4 bytes: found 3/],
    [text("P5 99999999 2 255\n"), /its width must be a number of at most 7 digits/],
    [text("P5 9999999 9999999 255\n"), /its size must be at most 16777216 pixels/],
    [text("P5 1 1"), /its height must be a number of at most 7 digits and a space: found "1"/],
    [Uint8Array.of(0xff, 0xd8, 0xff), /its end must be an end-of-image marker: found end of file/],
    [Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), /its contents must be a frame and a scan/],
    [jpegFrame({ width: 65535, height: 65535 }), /its size must be at most 16777216 pixels: found 65535x65535/],
    [jpegFrame({ width: 8, height: 8, components: 4 }), /the number of components must be 1 or 3: found 4/],
    [jpegFrame({ width: 8, height: 8, marker: 0xc9 }), /its coding must be baseline or progressive with Huffman codes/],
    [jpegFrame({ width: 8, height: 8, scans: 65 }), /the number of scans must be at most 64/],
  ];
  for (const [bytes, message] of cases) refused(bytes, message);
});

Deno.test("damaged files never fail with anything but CameraError", () => {
  const seed = 20260101;
  const chance = createRandom(seed);
  const rgba = new Uint8Array(24 * 16 * 4).map((_, i) => (i * 37) >> 3);
  const rows = concat(Array.from({ length: 16 }, (_, i) => concat([Uint8Array.of(i % 5), gradient(24, 1, 3)])));
  const header = pngHeader({ width: 24, height: 16, color: 2 });
  const jpg = new Uint8Array(jpeg.encode({ width: 24, height: 16, data: rgba }, 60).data);
  const makers: [name: string, make: () => Uint8Array][] = [
    ["png", () => damage(pngOf(header, rows), chance)],
    // Damage below the checksums, which would otherwise stop nearly all of it.
    ["png header", () => pngOf(damage(header, chance, { sameLength: true }), rows)],
    ["png rows", () => pngOf(header, damage(rows, chance))],
    [
      "png stream",
      () =>
        pngFile(
          pngChunk("IHDR", header),
          pngChunk("IDAT", damage(deflateSync(rows), chance)),
          pngChunk("IEND", new Uint8Array(0)),
        ),
    ],
    ["jpeg", () => damage(jpg, chance)],
    [
      "pnm",
      () => damage(pnmOf({ width: 24, height: 16, channels: 3, pixels: gradient(24, 16, 3) }), chance, { within: 40 }),
    ],
  ];
  for (const [name, make] of makers) {
    let refusals = 0;
    for (let round = 0; round < 1500; round++) {
      const bytes = make();
      try {
        const image = decodeImage(bytes, name);
        assert.equal(image.pixels.length, image.width * image.height * image.channels);
      } catch (error) {
        refusals += 1;
        if (!(error instanceof CameraError) || error.code !== "camera.image") {
          throw new Error(`${name}, seed ${seed}, round ${round}: ${[...bytes].join()}`, { cause: error });
        }
      }
    }
    assert.ok(refusals > 50, `${name}: the damage must matter, refused only ${refusals}`);
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function refused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => decodeImage(bytes, "the file"), (error) => {
    assert.ok(error instanceof CameraError, String(error));
    assert.equal(error.code, "camera.image");
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot read image "the file" as /);
    assert.equal(error.facts.name, "the file");
    return true;
  });
}

/** Flips, overwrites, cuts or repeats a few bytes among the first `within`; with `sameLength` only the first two. */
function damage(bytes: Uint8Array, chance: Random, { within = bytes.length, sameLength = false } = {}): Uint8Array {
  let damaged: Uint8Array = bytes.slice();
  for (let count = 1 + chance.integer(4); count > 0; count--) {
    const at = chance.integer(Math.min(within, damaged.length));
    const way = chance.integer(8);
    if (way === 0 && !sameLength) damaged = damaged.slice(0, at + 1);
    else if (way === 1 && !sameLength) {
      damaged = concat([damaged.subarray(0, at), damaged.subarray(Math.max(0, at - 9))]);
    } else if (way === 2) damaged[at] = [0, 1, 127, 128, 255][chance.integer(5)];
    else damaged[at] ^= 1 << chance.integer(8);
  }
  return damaged;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

/** A JPEG of headers only. */
function jpegFrame(
  { width, height, components = 1, marker = 0xc0, scans = 1 }: {
    width: number;
    height: number;
    components?: number;
    marker?: number;
    scans?: number;
  },
): Uint8Array {
  const body = [8, height >> 8, height & 255, width >> 8, width & 255, components];
  for (let i = 0; i < components; i++) body.push(i, 0x11, 0);
  const scan = Uint8Array.of(0xff, 0xda, 0, 8, 1, 0, 0, 0, 63, 0, 0x12, 0x34);
  const frame = Uint8Array.of(0xff, 0xd8, 0xff, marker, 0, body.length + 2, ...body);
  return concat([frame, ...Array.from({ length: scans }, () => scan), Uint8Array.of(0xff, 0xd9)]);
}
