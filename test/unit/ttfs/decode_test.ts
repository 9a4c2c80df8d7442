/** Decoding: the earliest spike wins, ties go to the lowest class and are told. */

import assert from "node:assert/strict";
import { createClassification, decode } from "../../../src/ttfs/decode.ts";
import { createTiming, decisionStep } from "../../../src/ttfs/timing.ts";

const CASES: { levels: number[]; index: number; tie: boolean; why: string }[] = [
  { levels: [3, 9, 1], index: 1, tie: false, why: "the highest level" },
  { levels: [9, 9, 1], index: 0, tie: true, why: "of two, the lower class" },
  { levels: [1, 9, 9], index: 1, tie: true, why: "of two, the lower class, wherever they are" },
  { levels: [4, 4, 9], index: 2, tie: false, why: "a tie below the best is none" },
  { levels: [-5, -2, -3], index: 1, tie: false, why: "levels below zero count too" },
  { levels: [7], index: 0, tie: false, why: "one class" },
];

for (const { levels, index, tie, why } of CASES) {
  Deno.test(`decode() answers class ${index} for levels ${levels}: ${why}`, () => {
    const result = createClassification(levels.length);
    decode(createTiming("quartz-2023", 16), Int16Array.from(levels), 5, result);
    assert.equal(result.index, index);
    assert.equal(result.tie, tie);
    const sum = result.probabilities.reduce((total, p) => total + p, 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
    assert.equal(result.confidence, Math.max(...result.probabilities));
  });
}

Deno.test("probabilities are the softmax of the de-normalised outputs", () => {
  const result = createClassification(2);
  decode(createTiming("quartz-2023", 16), Int16Array.of(15, 0), 3, result);
  assert.ok(Math.abs(result.probabilities[0] - 1 / (1 + Math.exp(-3))) < 1e-12);
});

Deno.test("a large scale does not overflow the softmax", () => {
  const result = createClassification(2);
  decode(createTiming("quartz-2023", 16), Int16Array.of(30, -14), 1e6, result);
  assert.deepEqual([...result.probabilities], [1, 0]);
});

Deno.test("decisionStep() matches the published latency: four windows at t_max 16, value 1 at step 60, value 0 at 75", () => {
  const timing = createTiming("quartz-2023", 16);
  assert.equal(decisionStep(timing, 4, 2, 15), 60);
  assert.equal(decisionStep(timing, 4, 2, 0), 75);
});
