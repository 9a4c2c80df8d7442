/** Encoding: levels, rounding, and the clamp that never wraps. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { createByteEncoder, encodeValue, encodeValues, isClamped } from "../../../src/ttfs/encode.ts";
import { createTiming, levelOfStep, roundHalfEven, stepOfLevel } from "../../../src/ttfs/timing.ts";

const CASES: {
  convention: "quartz-2023" | "quartz-loihi";
  tMax: number;
  value: number;
  level: number;
  clamped?: true;
  why: string;
}[] = [
  { convention: "quartz-2023", tMax: 16, value: 0, level: 0, why: "zero spikes at read-out" },
  { convention: "quartz-2023", tMax: 16, value: 1, level: 15, why: "one is t_max - 1 levels" },
  { convention: "quartz-2023", tMax: 16, value: 2, level: 30, why: "the largest value spikes first" },
  {
    convention: "quartz-2023",
    tMax: 16,
    value: 2.5,
    level: 30,
    clamped: true,
    why: "the 2023 code wraps this to -1.467",
  },
  { convention: "quartz-2023", tMax: 16, value: -1.9, level: -28, why: "halves go to the even level" },
  { convention: "quartz-2023", tMax: 16, value: -3, level: -29, clamped: true, why: "the window ends" },
  { convention: "quartz-2023", tMax: 2, value: 0.5, level: 0, why: "a tie at 0.5 goes to 0" },
  { convention: "quartz-2023", tMax: 2, value: 1.5, level: 2, why: "a tie at 1.5 goes to 2" },
  { convention: "quartz-loihi", tMax: 16, value: 1, level: 16, why: "one is t_max levels on the board" },
  { convention: "quartz-loihi", tMax: 16, value: 1.2, level: 16, clamped: true, why: "the board takes 0 to 1" },
  { convention: "quartz-loihi", tMax: 16, value: -0.1, level: 0, clamped: true, why: "the board takes 0 to 1" },
  { convention: "quartz-2023", tMax: 16, value: Infinity, level: 30, clamped: true, why: "infinity is the edge" },
  {
    convention: "quartz-2023",
    tMax: 16,
    value: NaN,
    level: 0,
    clamped: true,
    why: "no number codes nothing, and is counted",
  },
];

for (const { convention, tMax, value, level, clamped = false, why } of CASES) {
  Deno.test(`encodeValue() puts ${value} at level ${level} (${convention}, t_max ${tMax}): ${why}`, () => {
    const timing = createTiming(convention, tMax);
    assert.equal(encodeValue(timing, value), level);
    assert.equal(isClamped(timing, value), clamped);
  });
}

Deno.test("decoding an encoded value gives it back within half a level, and order is kept", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 64 }),
      fc.double({ min: -1, max: 2, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (tMax, a, gap) => {
        const timing = createTiming("quartz-2023", tMax);
        const bounded = Math.max(a, timing.inputLevelMin / timing.unit);
        const level = encodeValue(timing, bounded);
        assert.ok(Math.abs(level / timing.unit - bounded) <= 0.5 / timing.unit + 1e-12);
        assert.ok(encodeValue(timing, Math.min(2, bounded + gap)) >= level);
        assert.equal(levelOfStep(timing, stepOfLevel(timing, level)), level);
      },
    ),
  );
});

Deno.test("the byte table equals encoding each normalised byte, in both counts", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 64 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      (tMax, mean, std) => {
        const timing = createTiming("quartz-2023", tMax);
        const input = { shape: [1, 16, 16], color: "grey", mean: [mean], std: [std] } as const;
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        const levels = new Int16Array(256);
        const clamped = createByteEncoder(timing, input).encode(bytes, levels);
        const expected = new Int16Array(256);
        const values = Array.from(bytes, (byte) => (byte / 255 - mean) / std);
        assert.equal(clamped, encodeValues(timing, values, expected));
        assert.deepEqual(levels, expected);
      },
    ),
  );
});

Deno.test("each colour channel is encoded by its own mean and deviation", () => {
  const timing = createTiming("quartz-2023", 16);
  const encoder = createByteEncoder(timing, { shape: [3, 1, 1], color: "rgb", mean: [0, 0.5, 1], std: [1, 0.5, 1] });
  const levels = new Int16Array(3);
  encoder.encode(Uint8Array.of(255, 255, 255), levels);
  assert.deepEqual([...levels], [15, 15, 0]);
});

Deno.test("roundHalfEven() rounds halves to even numbers, on both sides of zero", () => {
  const rounded = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfEven);
  assert.deepEqual(rounded.map((x) => x + 0), [-2, -2, 0, 0, 2, 2, 2, 3]);
});
