import assert from "node:assert/strict";
import type { Measurement } from "../../../src/convert/measure.ts";
import { chooseTrial, type Trial } from "../../../src/convert/search.ts";

function trial(percentile: number, tMax: number, accuracy: number): Trial {
  const measurement = { accuracy, agreement: null, decisionSteps: 4 * tMax } as Measurement;
  return { percentile, tMax, measurement, frameSteps: 6 * tMax };
}

const TRIALS = [
  trial(99, 8, 0.95),
  trial(99.9, 8, 0.97),
  trial(99, 16, 0.985),
  trial(99.9, 16, 0.988),
  trial(99.9, 32, 0.99),
];

Deno.test("chooseTrial() takes the fastest that is accurate enough, and of those the most accurate", () => {
  const cases: [number, number | null, [number, number]][] = [
    [0.005, null, [99.9, 16]],
    [0.001, null, [99.9, 32]],
    [0.05, null, [99.9, 8]],
    [0, null, [99.9, 32]],
    [0.001, 70, [99.9, 16]],
    [0.001, 10, [99, 8]],
  ];
  for (const [accuracyLossMax, stepsMax, wanted] of cases) {
    const { percentile, tMax } = chooseTrial(TRIALS, 0.99, { accuracyLossMax, stepsMax });
    assert.deepEqual([percentile, tMax], wanted, `loss ${accuracyLossMax}, steps ${stepsMax}`);
  }
});
