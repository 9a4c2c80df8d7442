import assert from "node:assert/strict";
import type { Frame } from "../../../src/core/frame.ts";
import type { Shape } from "../../../src/core/shape.ts";
import { createPreprocessor, FRAME_PIXELS_MAX, type PreprocessOptions } from "../../../src/preprocess/pipeline.ts";

function frame(width: number, height: number, channels: 1 | 3, pixels?: number[]): Frame {
  const bytes = Uint8Array.from({ length: width * height * channels }, (_, i) => pixels?.[i] ?? i);
  return { id: 5, capturedAtUs: 0, capturedAtWallMs: 0, width, height, channels, pixels: bytes, truth: -1 };
}

function preprocessor(shape: Shape, options: Partial<PreprocessOptions> = {}) {
  const color = shape[0] === 1 ? "grey" : "rgb";
  return createPreprocessor({ shape, color }, { crop: null, resize: "auto", invert: false, ...options });
}

Deno.test("each step by hand", () => {
  const ramp = frame(4, 2, 1, [0, 10, 20, 30, 40, 50, 60, 70]);
  const rgb = frame(2, 1, 3, [255, 0, 0, 0, 255, 10]);
  const cases: [what: string, frame: Frame, shape: Shape, options: Partial<PreprocessOptions>, expected: number[]][] = [
    ["the target's size passes as it is", ramp, [1, 2, 4], {}, [0, 10, 20, 30, 40, 50, 60, 70]],
    ["RGB of the target's size is split into planes", rgb, [3, 1, 2], {}, [255, 0, 0, 255, 0, 10]],
    ["crop of the target's size", ramp, [1, 2, 2], { crop: { x: 1, y: 0, width: 2, height: 2 } }, [10, 20, 50, 60]],
    ["crop of RGB", rgb, [3, 1, 1], { crop: { x: 1, y: 0, width: 1, height: 1 } }, [0, 255, 10]],
    ["area average, half rounds up", frame(2, 1, 1, [0, 1]), [1, 1, 1], {}, [1]],
    ["area average with shared pixels", frame(3, 1, 1, [0, 60, 255]), [1, 1, 2], {}, [20, 190]],
    ["bilinear, half-pixel centres", frame(2, 1, 1, [0, 100]), [1, 1, 4], {}, [0, 25, 75, 100]],
    ["bilinear on request takes the two nearest", frame(4, 1, 1, [0, 8, 16, 99]), [1, 1, 2], { resize: "bilinear" }, [
      4,
      58,
    ]],
    ["area on request repeats", frame(2, 1, 1, [1, 9]), [1, 1, 4], { resize: "area" }, [1, 1, 9, 9]],
    ["shrinks one axis and grows the other", ramp, [1, 4, 2], {}, [5, 25, 15, 35, 35, 55, 45, 65]],
    ["luma of BT.601", frame(3, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255]), [1, 1, 3], {}, [76, 150, 29]],
    ["grey to three planes", frame(2, 1, 1, [7, 9]), [3, 1, 2], {}, [7, 9, 7, 9, 7, 9]],
    ["invert comes last", rgb, [1, 1, 2], { invert: true }, [179, 104]],
  ];
  for (const [what, input, shape, options, expected] of cases) {
    const before = input.pixels.slice();
    assert.deepEqual([...preprocessor(shape, options).run(input)], expected, what);
    assert.deepEqual(input.pixels, before, `${what}: the frame is left as it was`);
  }
});

Deno.test("every grey level survives RGB and back", () => {
  const levels = frame(256, 1, 3, Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)));
  assert.deepEqual([...preprocessor([1, 1, 256]).run(levels)], Array.from({ length: 256 }, (_, i) => i));
});

Deno.test("one output buffer serves all frames, whatever their size", () => {
  const { run } = preprocessor([1, 2, 2]);
  const output = run(frame(2, 2, 1, [1, 2, 3, 4]));
  assert.equal(run(frame(8, 8, 1)), output);
  assert.equal(run(frame(2, 2, 3, new Array(12).fill(9))), output);
  assert.deepEqual([...output], [9, 9, 9, 9]);
  assert.deepEqual([...run(frame(2, 2, 1, [1, 2, 3, 4]))], [1, 2, 3, 4]);
});

Deno.test("an unusable frame is refused, and the next good one is not", () => {
  const good = frame(4, 4, 1);
  const { run } = preprocessor([1, 2, 2], { crop: { x: 0, y: 0, width: 4, height: 4 } });
  const big = FRAME_PIXELS_MAX;
  const cases: [frame: Frame, code: string, message: RegExp][] = [
    [
      { ...good, pixels: new Uint8Array(15) },
      "camera.frame",
      /frame 5 as its buffer must be 4x4x1 = 16 bytes: found 15/,
    ],
    [{ ...good, channels: 3 }, "camera.frame", /4x4x3 = 48 bytes: found 16/],
    [{ ...good, channels: 2 as 1, pixels: new Uint8Array(32) }, "camera.frame", /its channels must be 1 or 3: found 2/],
    [
      { ...good, width: 0, pixels: new Uint8Array(0) },
      "camera.frame",
      /its size must be 1 to 16777216 pixels: found 0x4/,
    ],
    [{ ...good, width: 1.5 }, "camera.frame", /found 1.5x4/],
    [{ ...good, width: big, height: 2 }, "camera.frame", /found 16777216x2/],
    [frame(3, 9, 1), "camera.crop", /must lie inside 3x9: found 4x4 at 0,0/],
  ];
  for (const [bad, code, message] of cases) {
    assert.equal(run(good).length, 4);
    assert.throws(() => run(bad), { code, message });
    assert.throws(() => run(bad), { code }, "a second time too");
  }
  assert.equal(run(good).length, 4);
});

Deno.test("a crop that is no region of pixels is refused", () => {
  for (
    const crop of [
      { x: -1, y: 0, width: 2, height: 2 },
      { x: 0, y: 0, width: 0, height: 2 },
      { x: 0.5, y: 0, width: 2, height: 2 },
      { x: 3, y: 0, width: 2, height: 2 },
      { x: 0, y: NaN, width: 2, height: 2 },
    ]
  ) {
    assert.throws(() => preprocessor([1, 2, 2], { crop }).run(frame(4, 4, 1)), { code: "camera.crop" });
  }
});
