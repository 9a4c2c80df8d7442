/** The planned resizer equals its definition, byte for byte. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { createRandom } from "../../src/core/random.ts";
import { planResize, type ResizeMethod, type ResizePlan } from "../../src/preprocess/resize.ts";
import { planResizeReference } from "../../src/preprocess/resize_reference.ts";

const METHODS: readonly ResizeMethod[] = ["auto", "area", "bilinear"];

function randomBytes(length: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length }, () => random.integer(256));
}

function both(plan: ResizePlan, source: Uint8Array): [fast: Uint8Array, slow: Uint8Array] {
  const length = plan.channels * plan.target.height * plan.target.width;
  // Started with different bytes, so that one left unwritten shows.
  const [fast, slow] = [new Uint8Array(length).fill(1), new Uint8Array(length).fill(2)];
  planResize(plan)(source, fast);
  planResizeReference(plan)(source, slow);
  return [fast, slow];
}

for (const method of METHODS) {
  Deno.test(`${method} equals the reference for every length 1 to 40 to every length 1 to 40, both axes`, () => {
    const source = randomBytes(40 * 3, 11);
    for (let from = 1; from <= 40; from++) {
      for (let to = 1; to <= 40; to++) {
        const along = {
          channels: 1,
          method,
          sourceWidth: from,
          region: { x: 0, y: 0, width: from, height: 1 },
        } as const;
        const [fast, slow] = both({ ...along, target: { width: to, height: 1 } }, source);
        assert.deepEqual(fast, slow, `${from} to ${to} columns`);
        const down = { channels: 1, method, sourceWidth: 1, region: { x: 0, y: 0, width: 1, height: from } } as const;
        const [fastDown, slowDown] = both({ ...down, target: { width: 1, height: to } }, source);
        assert.deepEqual(fastDown, slowDown, `${from} to ${to} rows`);
        assert.deepEqual(fastDown, fast, "columns and rows follow one rule");
      }
    }
  });
}

Deno.test("any size, region, channel count and method equals the reference", () => {
  const size = fc.integer({ min: 1, max: 40 });
  const plans = fc.record({
    channels: fc.constantFrom(1 as const, 3 as const),
    method: fc.constantFrom(...METHODS),
    left: fc.integer({ min: 0, max: 5 }),
    top: fc.integer({ min: 0, max: 5 }),
    right: fc.integer({ min: 0, max: 5 }),
    region: fc.record({ width: size, height: size }),
    target: fc.record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) }),
    seed: fc.integer(),
    isExtreme: fc.boolean(),
  });
  fc.assert(
    fc.property(plans, ({ channels, method, left, top, right, region, target, seed, isExtreme }) => {
      const sourceWidth = left + region.width + right;
      let source = randomBytes(sourceWidth * (top + region.height) * channels, seed);
      if (isExtreme) source = source.map((byte) => (byte < 128 ? 0 : 255));
      const plan = { channels, method, sourceWidth, target, region: { x: left, y: top, ...region } };
      const [fast, slow] = both(plan, source);
      assert.deepEqual(fast, slow);
    }),
    { numRuns: 150 },
  );
});

Deno.test("a flat image stays flat, and the result stays within the source's range", () => {
  const size = fc.integer({ min: 1, max: 30 });
  fc.assert(
    fc.property(size, size, size, size, fc.constantFrom(...METHODS), fc.integer({ min: 0, max: 255 }), (...sizes) => {
      const [width, height, targetWidth, targetHeight, method, level] = sizes;
      const target = { width: targetWidth, height: targetHeight };
      const resize = planResize({
        channels: 1,
        sourceWidth: width,
        region: { x: 0, y: 0, width, height },
        target,
        method,
      });
      const output = new Uint8Array(targetWidth * targetHeight);
      resize(new Uint8Array(width * height).fill(level), output);
      assert.ok(output.every((byte) => byte === level));
      const source = randomBytes(width * height, level);
      resize(source, output);
      assert.ok(Math.min(...output) >= Math.min(...source) && Math.max(...output) <= Math.max(...source));
    }),
    { numRuns: 200 },
  );
});

Deno.test("sums stay exact at the largest frame", () => {
  // 2²⁴ pixels of 255 with one 0: the average rounds to 255; a double that lost bits would not show it on 1 pixel only,
  // so the same is asked of half and half, where the true average is 127.5 and must round up.
  const [width, height] = [4096, 4096];
  const source = new Uint8Array(width * height).fill(255);
  const resize = planResize({
    channels: 1,
    sourceWidth: width,
    region: { x: 0, y: 0, width, height },
    target: { width: 1, height: 1 },
    method: "area",
  });
  const output = new Uint8Array(1);
  source.fill(0, 0, source.length / 2);
  resize(source, output);
  assert.equal(output[0], 128);
  source[source.length - 1] = 254; // just below a half now
  resize(source, output);
  assert.equal(output[0], 127);
});
