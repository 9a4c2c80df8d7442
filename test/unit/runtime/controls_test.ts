/** What commands do to a running camera: pause, resume, look, tune, exchange; every frame is accounted for all the same. */

import assert from "node:assert/strict";
import { createRandom } from "../../../src/core/random.ts";
import type { Message } from "../../../src/core/messages.ts";
import { createPreprocessor } from "../../../src/preprocess/pipeline.ts";
import { DECISION_PLAIN } from "../../../src/runtime/decision.ts";
import { type CameraPart, Runtime } from "../../../src/runtime/runtime.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { eventually } from "../../support/mqtt_listener.ts";
import { darkOrBright, HeldBackend, keepingPublisher, scriptedCamera } from "../../support/runtime_parts.ts";

/** A runtime whose live camera gives a bright frame every 100 ms of a clock that a background loop moves. */
async function setUp() {
  const clock = createFakeClock();
  const publisher = keepingPublisher();
  const script = Array.from({ length: 10_000 }, () => [{ waitMs: 100 }, { byte: 255 }]).flat();
  let opened = 0;
  const part = (): CameraPart => {
    const backend = new HeldBackend(darkOrBright());
    backend.isFree = true;
    return {
      id: "cam",
      open: () => {
        opened++;
        return Promise.resolve(scriptedCamera(script, clock, "live"));
      },
      backend,
      preprocessor: createPreprocessor(backend.network.input, { crop: null, resize: "auto", invert: false }),
      maxAgeMs: 60_000,
      report: { mode: "all", sampleEveryS: 10, topK: 2, heartbeatS: 60, decision: DECISION_PLAIN },
    };
  };
  const first = part();
  const runtime = new Runtime({
    cameras: [first],
    publisher,
    info: { kind: "info" } as Extract<Message, { kind: "info" }>,
    clock,
    random: createRandom(1),
    latencyEveryS: 10,
    healthEveryS: 60,
    rssBytes: () => 1,
  });
  const stop = new AbortController();
  const running = runtime.run(stop.signal);
  let isTicking = true;
  const ticking = (async () => {
    while (isTicking) await clock.advance(50);
  })();
  const results = () => publisher.messages.filter(({ kind }) => kind === "result").length;
  const until = (condition: () => boolean, what: string) => eventually(condition, what);
  await until(() => results() > 2, "results");
  return {
    runtime,
    part,
    results,
    until,
    opened: () => opened,
    status: () => runtime.cameras[0].status,
    messages: publisher.messages,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      isTicking = false;
      await ticking;
      await first.backend[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a paused camera is closed, gives nothing, and goes on after resume", async () => {
  await using gateway = await setUp();
  gateway.runtime.pause("cam");
  gateway.runtime.pause("cam");
  await gateway.until(() => gateway.status() === "paused", "paused");
  const before = gateway.results();
  const capturedBefore = gateway.runtime.cameras[0].counts.captured;
  await assert.rejects(gateway.runtime.snapshot("cam"), { code: "command.no_frame" });
  assert.equal(gateway.results(), before);
  assert.equal(gateway.runtime.cameras[0].counts.captured, capturedBefore);
  gateway.runtime.resume("cam");
  gateway.runtime.resume("cam");
  await gateway.until(() => gateway.results() > before + 2, "goes on");
  assert.equal(gateway.opened(), 2);
  assert.equal(gateway.status(), "online");
});

Deno.test("a snapshot holds the bytes of the next frame and what they were taken for", async () => {
  await using gateway = await setUp();
  const { classId, shape, bytes } = await gateway.runtime.snapshot("cam");
  assert.deepEqual([classId, shape, bytes], ["bright", [1, 1, 1], Uint8Array.of(255)]);
});

Deno.test("a camera gets another network between two frames, keeps its threshold, and no frame is lost", async () => {
  await using gateway = await setUp();
  assert.equal(gateway.runtime.setThreshold("cam", 0.25), 0);
  const part = gateway.part();
  const old = await gateway.runtime.replace("cam", part);
  await old[Symbol.asyncDispose](); // a frame that still used it would fail
  const before = gateway.results();
  await gateway.until(() => gateway.results() > before + 5, "goes on");
  assert.equal(gateway.runtime.cameras[0].network, part.backend.network);
  assert.equal(gateway.runtime.setThreshold("cam", 0), 0.25);
  assert.equal(gateway.runtime.cameras[0].counts.droppedFailed, 0);
  gateway.runtime.pause("cam");
  await gateway.until(() => gateway.status() === "paused", "paused");
  const third = gateway.part();
  await (await gateway.runtime.replace("cam", third))[Symbol.asyncDispose]();
  assert.equal(gateway.status(), "paused", "an exchange does not end a pause");
  await third.backend[Symbol.asyncDispose]();
});

Deno.test("controls name a camera that is not there, and one that has ended", async () => {
  const gateway = await setUp();
  assert.throws(() => gateway.runtime.pause("garden"), { code: "command.camera" });
  await gateway[Symbol.asyncDispose]();
  const part = gateway.part();
  await assert.rejects(gateway.runtime.replace("cam", part), { code: "command.ended" });
  await part.backend[Symbol.asyncDispose]();
});

Deno.test("cameras come and go while the others run, each frame with one fate and a last window for what goes", async () => {
  await using gateway = await setUp();
  const { runtime, messages } = gateway;
  const second = { ...gateway.part(), id: "late" };
  runtime.add(second);
  const of = (camera: string) => messages.filter((one) => one.kind === "result" && one.camera === camera).length;
  await gateway.until(() => of("late") > 3, "the new camera runs");
  runtime.arrange(["late", "cam"]);
  assert.deepEqual(runtime.cameras.map(({ id }) => id), ["late", "cam"]);
  const { counts } = await runtime.remove("late");
  await second.backend[Symbol.asyncDispose]();
  assert.equal(counts.captured, counts.classified + counts.droppedBusy + counts.droppedStale);
  assert.equal(counts.inFlight, 0);
  assert.equal(counts.classified, of("late"));
  const windows = messages.flatMap((one) => one.kind === "latency" && one.camera === "late" ? [one.frames] : []);
  assert.equal(windows.reduce((sum, { captured }) => sum + captured, 0), counts.captured, "windows add up");
  const status = messages.findLast((one) => one.kind === "cameraStatus" && one.camera === "late");
  assert.equal(status?.kind === "cameraStatus" && status.status, "offline");
  const before = gateway.results();
  await gateway.until(() => gateway.results() > before + 3, "the other runs on");
  assert.equal(gateway.opened(), 2);
  assert.throws(() => runtime.pause("late"), { code: "command.camera" });
});

Deno.test("a runtime outlives its last camera while a change is under way, and takes none after its end", async () => {
  const gateway = await setUp();
  const part = { ...gateway.part(), id: "next" };
  await gateway.runtime.hold(async () => {
    const { counts } = await gateway.runtime.remove("cam");
    assert.ok(counts.classified > 0);
    gateway.runtime.add(part);
  });
  const before = gateway.results();
  await gateway.until(() => gateway.results() > before + 3, "goes on with the new one");
  await gateway[Symbol.asyncDispose]();
  assert.throws(() => gateway.runtime.add({ ...part, id: "third" }), { code: "command.ended" });
  await part.backend[Symbol.asyncDispose]();
});

Deno.test("rules change without closing the camera; a threshold that was set stays while the rules do", async () => {
  await using gateway = await setUp();
  const { runtime } = gateway;
  const { report } = gateway.part();
  runtime.setThreshold("cam", 0.25);
  runtime.tune("cam", { maxAgeMs: 500, report: { ...report, topK: 1 } }, false);
  const topOf = () => {
    const last = gateway.messages.findLast(({ kind }) => kind === "result");
    return last?.kind === "result" ? last.top.length : 0;
  };
  await gateway.until(() => topOf() === 1, "one class listed");
  assert.equal(runtime.setThreshold("cam", 0.25), 0.25);
  runtime.tune("cam", { maxAgeMs: 500, report: { ...report, decision: { ...DECISION_PLAIN, threshold: 0.5 } } }, true);
  assert.equal(runtime.setThreshold("cam", 0), 0.5);
  assert.equal(gateway.opened(), 1);
});
