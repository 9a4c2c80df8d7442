/** The main job as a newcomer starts it: `deno task demo`, with the permissions of that task. */

import assert from "node:assert/strict";
import { runTask } from "../support/program.ts";

Deno.test("demo --frames 300 classifies, publishes and receives every frame, and ends with one JSON object", async () => {
  const { code, stdout, stderr } = await runTask("demo", ["--frames", "300"]);
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
  assert.deepEqual(Object.keys(summary), [
    "frames",
    "classified",
    "dropped",
    "correct",
    "accuracy",
    "published",
    "received",
    "latencyMsP50",
    "latencyMsP99",
    "synopsEventsPerFrame",
    "energyUjPerFrame",
    "energyMethod",
    "machine",
  ]);
  assert.equal(summary.frames, 300);
  assert.equal(summary.classified, 300);
  assert.equal(summary.published, 300);
  assert.equal(summary.received, 300);
  assert.equal(summary.dropped, 0);
  assert.ok(summary.accuracy >= 0.98, `accuracy ${summary.accuracy}`);
  assert.equal(summary.accuracy, summary.correct / 300);
  assert.ok(summary.latencyMsP50 > 0 && summary.latencyMsP99 >= summary.latencyMsP50);
  assert.ok(summary.synopsEventsPerFrame > 10_000 && summary.energyUjPerFrame > 1);
  assert.equal(summary.energyMethod, "estimated");
  assert.match(stderr, /started one on this machine/);
});

Deno.test("demo --plain prints a line for each frame with its answer and truth", async () => {
  const { code, stderr } = await runTask("demo", ["--frames", "5", "--plain"]);
  assert.equal(code, 0, stderr);
  const lines = stderr.split("\n").filter((line) => line.startsWith("frame "));
  assert.equal(lines.length, 5);
  assert.match(lines[0], /^frame 0: 7 \(\d+ %\) truth 7 in \d+\.\d+ ms$/);
});

Deno.test("demo with a broker that is not there says so and fails", async () => {
  const { code, stderr } = await runTask("demo", ["--frames", "5", "--broker", "mqtt://127.0.0.1:1"]);
  assert.equal(code, 1);
  assert.match(stderr, /Cannot listen for results/);
});
