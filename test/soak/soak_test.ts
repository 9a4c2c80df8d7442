/** The short form of the soak, and the arithmetic of its verdict. The long form is a task: see main.ts. */

import assert from "node:assert/strict";
import { createRandom } from "../../src/core/random.ts";
import { ffmpegAvailable } from "../support/ffmpeg.ts";
import { mosquittoAvailable } from "../support/mosquitto.ts";
import { soakText } from "./report.ts";
import { runSoak } from "./soak.ts";
import { theilSen } from "./watch.ts";

Deno.test("the slope of a soak is that of its line, whatever a quarter of the points are", () => {
  const random = createRandom(3);
  for (const slope of [0, 2, -0.5]) {
    const points = Array.from({ length: 2000 }, (_, x): [number, number] => {
      const isWild = random.next() < 0.25;
      return [x, isWild ? random.between(0, 1e6) : 200 + slope * x + random.between(-0.1, 0.1)];
    });
    const found = theilSen(points);
    assert.ok(Math.abs(found - slope) < 0.02, `${found} for ${slope}`);
  }
  assert.equal(theilSen([[1, 1]]), 0);
});

Deno.test({
  name: "twenty seconds of random faults, and everything adds up (needs Debian packages mosquitto, -clients, ffmpeg)",
  ignore: !ffmpegAvailable || !mosquittoAvailable,
  async fn() {
    const report = await runSoak({ minutes: 1 / 3, seed: 2 });
    assert.deepEqual(report.failures, [], soakText(report));
    assert.ok(report.faultsTotal >= 3 && report.frames.classified > 100, soakText(report));
    console.log(soakText(report));
  },
});
