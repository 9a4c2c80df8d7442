/** The demo's picture, without colour so that it can be read here. */

import assert from "node:assert/strict";
import { type DemoState, renderDemo } from "../../../src/app/demo_view.ts";

const STATE: DemoState = {
  title: "demo",
  labels: ["cat", "horse"],
  bytes: Uint8Array.of(0, 255, 0, 255, 255, 0, 255, 0, 128, 128, 128, 128),
  shape: [1, 3, 4],
  probabilities: [0.25, 0.75],
  answer: 1,
  truth: 0,
  frames: 10,
  correct: 8,
  judged: 10,
  dropped: 1,
  published: 9,
  received: 8,
  framesPerSecond: 19.6,
  latencyMsP50: 1.234,
  latencyMsP99: 5.678,
  decisionStep: 61,
  timesteps: 89,
  synopsEvents: 1000,
  synopsAll: 2000,
  energyUj: 45.84,
  machine: null,
};

Deno.test("the picture shows the frame, the bars and every figure with its unit", () => {
  const text = renderDemo(STATE, false).join("\n");
  for (
    const part of ["cat ██████", "horse ██████████████████······  75 %", "horse (truth: cat), decided at step 61 of 89"]
  ) {
    assert.ok(text.includes(part), `${part} in\n${text}`);
  }
  assert.match(text, /10 at 20 a second, 1 dropped, accuracy 80\.0 %/);
  assert.match(text, /p50 1\.23 ms, p99 5\.68 ms/);
  assert.match(text, /45\.8 µJ a frame, estimated for the cores of a Loihi board/);
  assert.match(text, /power not measured/);
  const machine = { source: "vdd_in", method: "measured", powerW: 6.421, energyJPerFrame: 0.66875 } as const;
  assert.match(renderDemo({ ...STATE, machine }, false).join("\n"), /6\.42 W, 669 mJ a frame, measured by vdd_in/);
  assert.match(text, /9 results published, 8 received/);
  // deno-lint-ignore no-control-regex -- the point is that there is none
  assert.doesNotMatch(text, /\x1b/);
});

Deno.test("with colour, each text row draws two rows of pixels", () => {
  const lines = renderDemo(STATE, true);
  const picture = lines.filter((line) => line.includes("▀"));
  assert.equal(picture.length, 2);
  assert.ok(picture[0].startsWith("\x1b[38;2;0;0;0m\x1b[48;2;255;255;255m▀"), JSON.stringify(picture[0].slice(0, 40)));
});
