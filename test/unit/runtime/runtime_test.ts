/** The runtime on scripted cameras and a clock that stands still: every frame is accounted for, whatever goes wrong. */

import assert from "node:assert/strict";
import { BackendError } from "../../../src/core/errors.ts";
import type { FrameCounts, Message } from "../../../src/core/messages.ts";
import type { CameraSource } from "../../../src/ports/camera_source.ts";
import { createRandom } from "../../../src/core/random.ts";
import { createPreprocessor } from "../../../src/preprocess/pipeline.ts";
import { DECISION_PLAIN } from "../../../src/runtime/decision.ts";
import { Runtime } from "../../../src/runtime/runtime.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";
import {
  type CameraStep,
  darkOrBright,
  HeldBackend,
  keepingPublisher,
  scriptedCamera,
} from "../../support/runtime_parts.ts";

/** A runtime with one camera that plays `scripts` one after the other, each time it is opened. */
function setUp(
  scripts: readonly (readonly CameraStep[])[],
  pacing: "live" | "on_demand",
  maxAgeMs = 1000,
  beforeCameras?: (signal: AbortSignal, clock: FakeClock) => Promise<void>,
) {
  const clock = createFakeClock();
  const network = darkOrBright();
  const backend = new HeldBackend(network);
  const publisher = keepingPublisher();
  let opened = 0;
  const runtime = new Runtime({
    cameras: [{
      id: "cam",
      open: () => Promise.resolve(scriptedCamera(scripts[Math.min(opened++, scripts.length - 1)], clock, pacing)),
      backend,
      preprocessor: createPreprocessor(network.input, { crop: null, resize: "auto", invert: false }),
      maxAgeMs,
      report: { mode: "all", sampleEveryS: 10, topK: 2, heartbeatS: 60, decision: DECISION_PLAIN },
    }],
    publisher,
    info: { kind: "info" } as Extract<Message, { kind: "info" }>,
    clock,
    random: createRandom(1),
    latencyEveryS: 10,
    healthEveryS: 60,
    rssBytes: () => 1,
    beforeCameras: beforeCameras && ((signal) => beforeCameras(signal, clock)),
  });
  return { clock, backend, publisher, runtime, counts: () => runtime.cameras[0].counts, opened: () => opened };
}

/** Lets everything happen that needs no time. */
const turn = (clock: FakeClock) => clock.advance(0);
const only = (counts: Partial<FrameCounts>): FrameCounts => ({
  captured: 0,
  classified: 0,
  inFlight: 0,
  droppedBusy: 0,
  droppedStale: 0,
  droppedMalformed: 0,
  droppedFailed: 0,
  ...counts,
});

Deno.test("an on-demand source is never dropped as busy, and every result carries its answer and truth", async () => {
  const { clock, backend, publisher, runtime, counts } = setUp(
    [[{ byte: 0 }, { byte: 255 }, { byte: 0 }]],
    "on_demand",
  );
  backend.isFree = true;
  const running = runtime.run(new AbortController().signal);
  await turn(clock);
  await running;
  assert.deepEqual(counts(), only({ captured: 3, classified: 3 }));
  const results = publisher.messages.filter((message) => message.kind === "result");
  assert.deepEqual(results.map(({ classId, truth }) => [classId, truth]), [["dark", "dark"], ["bright", "bright"], [
    "dark",
    "dark",
  ]]);
});

Deno.test("a result is published while the next frame is with the back end, unchanged by it", async () => {
  const { clock, backend, publisher, runtime } = setUp([[{ byte: 0 }, { byte: 255 }, { byte: 0 }]], "on_demand");
  const told: [classId: string, isNextUnderWay: boolean][] = [];
  const publish = publisher.publish;
  publisher.publish = (message) => {
    if (message.kind === "result") told.push([message.classId, backend.isHeld]);
    publish(message);
  };
  const running = runtime.run(new AbortController().signal);
  for (let frame = 0; frame < 3; frame++) {
    await turn(clock);
    assert.equal(told.length, frame);
    backend.release();
  }
  await running;
  // Nothing comes after the last one.
  assert.deepEqual(told, [["dark", true], ["bright", true], ["dark", false]]);
});

Deno.test("a live camera that is faster than the back end keeps the newest frame and counts the others", async () => {
  const frames = Array.from({ length: 10 }, (_, i): CameraStep[] => [{ byte: i * 20 }, { waitMs: 10 }]).flat();
  const { clock, backend, runtime, counts, publisher } = setUp([frames], "live");
  const running = runtime.run(new AbortController().signal);
  await clock.advance(95);
  assert.equal(backend.isHeld, true);
  assert.deepEqual(counts(), only({ captured: 10, inFlight: 2, droppedBusy: 8 }));
  backend.release();
  await turn(clock);
  backend.release();
  await clock.advance(10);
  await running;
  assert.deepEqual(counts(), only({ captured: 10, classified: 2, droppedBusy: 8 }));
  const ids = publisher.messages.filter((message) => message.kind === "result").map(({ frame }) => frame.id);
  assert.deepEqual(ids, [0, 9], "the first, and the newest when the first was done");
});

Deno.test("a frame that waited too long is dropped as stale", async () => {
  const { clock, backend, runtime, counts } = setUp(
    [[{ byte: 1 }, { waitMs: 1 }, { byte: 2 }, { waitMs: 900 }]],
    "live",
    500,
  );
  const running = runtime.run(new AbortController().signal);
  await clock.advance(600);
  backend.release();
  await clock.advance(400);
  await running;
  assert.deepEqual(counts(), only({ captured: 2, classified: 1, droppedStale: 1 }));
});

Deno.test("images that are none and frames that fail are counted, told in health, and do not stop the others", async () => {
  const script: CameraStep[] = [{ byte: 1 }, "malformed", { byte: 2 }, { byte: 255 }];
  const { clock, backend, runtime, counts, publisher } = setUp([script], "on_demand");
  const running = runtime.run(new AbortController().signal);
  await turn(clock);
  backend.release();
  await turn(clock);
  backend.release(new BackendError("backend.failed", "the kernel tripped"));
  await turn(clock);
  await clock.advance(1000);
  const degraded = publisher.messages.findLast((message) => message.kind === "health");
  assert.equal(degraded?.status, "degraded");
  assert.deepEqual(degraded?.problems.map(({ what, text }) => [what, text]), [["frames.cam", "the kernel tripped"]]);
  backend.release();
  await running;
  assert.deepEqual(counts(), only({ captured: 4, classified: 2, droppedMalformed: 1, droppedFailed: 1 }));
  assert.equal(publisher.messages.findLast((message) => message.kind === "health")?.status, "ok");
});

Deno.test("a camera that is lost is opened again after a wait, and says so in between", async () => {
  const scripts: CameraStep[][] = [[{ byte: 1 }, "lost"], ["lost"], [{ byte: 2 }]];
  const { clock, backend, runtime, counts, publisher, opened } = setUp(scripts, "live");
  backend.isFree = true;
  const running = runtime.run(new AbortController().signal);
  await turn(clock);
  assert.equal(opened(), 1);
  await clock.advance(1000);
  assert.equal(opened(), 2, "between half a second and a second");
  await clock.advance(2000);
  await running;
  assert.equal(opened(), 3);
  assert.deepEqual(counts(), only({ captured: 2, classified: 2 }));
  const statuses = publisher.messages.filter((message) => message.kind === "cameraStatus").map(({ status }) => status);
  // The second one was opened and gave no frame: never online. The first word replaces what an earlier run left behind.
  assert.deepEqual(statuses, ["offline", "online", "error", "online", "offline"]);
});

Deno.test("stopping ends the wait for a camera at once, with a last window and health", async () => {
  const { clock, runtime, publisher } = setUp([["lost"]], "live");
  const stop = new AbortController();
  const running = runtime.run(stop.signal);
  await turn(clock);
  stop.abort();
  await running;
  assert.equal(clock.sleepers, 0);
  assert.deepEqual(publisher.messages.slice(-2).map(({ kind }) => kind), ["latency", "health"]);
});

Deno.test("stopping while a frame waits behind another counts both, one as classified and one as dropped", async () => {
  const { clock, backend, runtime, counts, publisher } = setUp(
    [[{ byte: 1 }, { waitMs: 1 }, { byte: 2 }, { waitMs: 1e6 }]],
    "live",
  );
  const stop = new AbortController();
  const running = runtime.run(stop.signal);
  await clock.advance(5);
  assert.deepEqual(counts(), only({ captured: 2, inFlight: 2 }));
  stop.abort();
  await turn(clock);
  backend.release();
  await running;
  assert.deepEqual(counts(), only({ captured: 2, classified: 1, droppedBusy: 1 }));
  const last = publisher.messages.findLast((message) => message.kind === "health");
  assert.equal(last?.cameras[0].frames.inFlight, 0, "the last health comes after the last frame");
});

Deno.test("latency windows start anew, and their frames add up to the whole", async () => {
  const script = Array.from({ length: 25 }, (): CameraStep[] => [{ byte: 9 }, { waitMs: 1000 }]).flat();
  const { clock, backend, runtime, publisher } = setUp([script], "live");
  backend.isFree = true;
  const running = runtime.run(new AbortController().signal);
  await clock.advance(25_500);
  await running;
  const windows = publisher.messages.filter((message) => message.kind === "latency");
  assert.equal(windows.length, 3);
  assert.equal(windows.reduce((sum, { frames }) => sum + frames.classified, 0), 25);
  for (const { frames, stages } of windows) assert.equal(stages.endToEnd.count, frames.classified);
});

Deno.test("a frame that takes too long hangs; waiting for frames, a pause, a back-off and the end do not", async () => {
  const hour = { waitMs: 3_600_000 };
  const { clock, backend, runtime } = setUp([[{ byte: 1 }, "lost"], [hour, { byte: 1 }, hour]], "live");
  const ending = new AbortController();
  const running = runtime.run(ending.signal);
  await clock.advance(14_000);
  assert.equal(backend.isHeld, true);
  assert.equal(runtime.whatHangs(15_000), null);
  await clock.advance(2000);
  assert.equal(runtime.whatHangs(15_000), "camera cam at one frame for 16 s");
  backend.release();
  await turn(clock);
  // The camera is lost, waited for, opened again, and then silent for half an hour.
  for (let minute = 0; minute < 30; minute++) {
    await clock.advance(60_000);
    assert.equal(runtime.whatHangs(15_000), null, `minute ${minute}`);
  }
  runtime.pause("cam");
  await clock.advance(60_000);
  assert.equal(runtime.whatHangs(15_000), null);
  ending.abort();
  await running;
  await clock.advance(60_000);
  assert.equal(runtime.whatHangs(15_000), null);
});

Deno.test("a camera that neither opens nor closes hangs", async () => {
  const clock = createFakeClock();
  const network = darkOrBright();
  const backend = new HeldBackend(network);
  let opened: (camera: CameraSource) => void = () => {};
  let closed: () => void = () => {};
  const camera = scriptedCamera([{ byte: 1 }], clock, "on_demand");
  const slowToClose = {
    ...camera,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => closed = resolve),
  };
  const runtime = new Runtime({
    cameras: [{
      id: "cam",
      open: () => new Promise((resolve) => opened = resolve),
      backend,
      preprocessor: createPreprocessor(network.input, { crop: null, resize: "auto", invert: false }),
      maxAgeMs: 1000,
      report: { mode: "all", sampleEveryS: 10, topK: 2, heartbeatS: 60, decision: DECISION_PLAIN },
    }],
    publisher: keepingPublisher(),
    info: { kind: "info" } as Extract<Message, { kind: "info" }>,
    clock,
    random: createRandom(1),
    latencyEveryS: 10,
    healthEveryS: 60,
    rssBytes: () => 1,
  });
  backend.isFree = true;
  const running = runtime.run(new AbortController().signal);
  await clock.advance(20_000);
  assert.match(runtime.whatHangs(15_000) ?? "", /^camera cam/);
  opened(slowToClose);
  await clock.advance(14_000);
  assert.equal(runtime.whatHangs(15_000), null);
  await clock.advance(2000);
  assert.match(runtime.whatHangs(15_000) ?? "", /^camera cam/);
  closed();
  await running;
});

Deno.test("cameras open after what is to be done before them, and a stop does not wait for it", async () => {
  const wait = (signal: AbortSignal, clock: FakeClock) => clock.sleep(5000, signal);
  const first = setUp([[{ byte: 0 }]], "on_demand", 1000, wait);
  first.backend.isFree = true;
  const running = first.runtime.run(new AbortController().signal);
  await first.clock.advance(4999);
  assert.equal(first.opened(), 0);
  await first.clock.advance(1);
  await running;
  assert.deepEqual([first.opened(), first.counts().classified], [1, 1]);

  const stopped = setUp([[{ byte: 0 }]], "on_demand", 1000, wait);
  const stop = new AbortController();
  const ending = stopped.runtime.run(stop.signal);
  await turn(stopped.clock);
  stop.abort();
  await ending;
  assert.equal(stopped.counts().captured, 0);
});
