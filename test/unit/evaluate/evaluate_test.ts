/** Evaluation of a network whose answers are known, on one and on several back ends. */

import assert from "node:assert/strict";
import { systemClock } from "../../../src/core/clock.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import { evaluate } from "../../../src/evaluate/evaluate.ts";
import { openSimulator } from "../../../src/simulator/simulator.ts";
import { darkOrBright } from "../../support/runtime_parts.ts";

/** One pixel an image; class 1 from `edge` on, by the names given. */
function pixels(bytes: readonly number[], truths: readonly number[], labels: readonly string[] | null = null): Dataset {
  return {
    name: "pixels",
    count: bytes.length,
    shape: [1, 1, 1],
    labels,
    frame(index, out) {
      out[0] = bytes[index];
      return truths[index];
    },
  };
}

Deno.test("evaluate() counts right answers, confusion and clamps nothing silently", async () => {
  await using backend = await openSimulator(darkOrBright());
  const result = await evaluate([backend], pixels([0, 255, 255, 0], [0, 1, 0, 0]), { clock: systemClock });
  assert.equal(result.total, 4);
  assert.equal(result.correct, 3);
  assert.equal(result.accuracy, 0.75);
  assert.deepEqual(result.confusion, [[2, 1], [0, 1]]);
  assert.deepEqual([...result.answers], [0, 1, 1, 0]);
  assert.equal(result.synopsAll, 2);
  assert.equal(result.synopsEvents, 1, "two of four frames have a spike above zero, with fan-out 2");
  assert.equal(result.clampedValues, 0);
});

Deno.test("several back ends give the same figures as one", async () => {
  const bytes = Array.from({ length: 40 }, (_, i) => i * 6);
  const data = pixels(bytes, bytes.map((byte) => (byte > 127 ? 1 : 0)));
  await using first = await openSimulator(darkOrBright());
  await using second = await openSimulator(darkOrBright());
  const options = { clock: systemClock };
  const { framesPerSecond: _1, kernelUsPerFrame: _2, ...one } = await evaluate([first], data, options);
  const { framesPerSecond: _3, kernelUsPerFrame: _4, ...two } = await evaluate([first, second], data, options);
  assert.deepEqual(two, one);
});

Deno.test("classes are matched by name when both sides have names", async () => {
  await using backend = await openSimulator(darkOrBright());
  const result = await evaluate([backend], pixels([0, 255], [1, 0], ["bright", "dark"]), { clock: systemClock });
  assert.equal(result.accuracy, 1);
});

Deno.test("an image without a class is refused by number", async () => {
  await using backend = await openSimulator(darkOrBright());
  const data = pixels([0, 0], [0, 7]);
  await assert.rejects(evaluate([backend], data, { clock: systemClock }), {
    code: "eval.labels",
    message: /image 1 has 7/,
  });
});

Deno.test("limit takes the first images", async () => {
  await using backend = await openSimulator(darkOrBright());
  const result = await evaluate([backend], pixels([0, 255, 255], [0, 0, 0]), { clock: systemClock, limit: 1 });
  assert.equal(result.total, 1);
  assert.equal(result.accuracy, 1);
});
