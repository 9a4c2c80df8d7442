/** A host and a board over memory, on a clock that stands still: what each message is for, and what goes wrong. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRandom } from "../../../src/core/random.ts";
import { type AgentSession, createImageShelf, serveAgent } from "../../../src/link/agent_link.ts";
import { openHostSession } from "../../../src/link/host_link.ts";
import type { HostOptions, HostSession } from "../../../src/link/host_session.ts";
import type { BoardTelemetry } from "../../../src/link/messages/telemetry.ts";
import type { ImageShelf } from "../../../src/link/image_shelf.ts";
import type { Framing } from "../../../src/ports/transport.ts";
import { answerTo, createFakeBoard, type FakeBoard, type FakeBoardOptions } from "../../support/fake_board.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";
import { createMemoryPair, type MemoryTransport } from "../../support/memory_transport.ts";

const IMAGE = Uint8Array.from({ length: 20_000 }, (_, i) => (i * i) & 0xff);
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");
const LEVELS = Uint8Array.from({ length: 784 }, (_, i) => (i % 5 === 0 ? i % 17 : 0));

interface Bench extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly board: FakeBoard;
  readonly shelf: ImageShelf;
  readonly host: HostSession;
  readonly agent: AgentSession;
  /** Both ends of the line. */
  readonly line: MemoryTransport;
  readonly far: MemoryTransport;
}

interface BenchOptions extends Partial<Omit<FakeBoardOptions, "clock">> {
  readonly framing?: Framing;
  readonly host?: Partial<HostOptions>;
  readonly frameTimeoutMs?: number;
}

async function openBench(
  { framing = "cobs", host: more, frameTimeoutMs, ...board_ }: BenchOptions = {},
): Promise<Bench> {
  const clock = createFakeClock();
  const board = createFakeBoard({ clock, ...board_ });
  const shelf = createImageShelf(board);
  const [near, far] = createMemoryPair(framing);
  const agent = serveAgent(far, { clock, handlers: board, shelf, frameTimeoutMs });
  const host = await openHostSession(near, { clock, random: createRandom(1), name: "test 1", ...more });
  return {
    clock,
    board,
    shelf,
    host,
    agent,
    line: near,
    far,
    async [Symbol.asyncDispose]() {
      await host.close();
      await agent.close();
    },
  };
}

const frame = (frameId: number, levels: ArrayLike<number> = LEVELS) => ({ frameId, capturedAtUs: 5, tMax: 16, levels });

/** Settled within so many ms of the fake clock. */
async function within<T>(clock: FakeClock, ms: number, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  promise.then(() => isSettled = true, () => isSettled = true);
  for (let i = 0; i <= ms && !isSettled; i++) await clock.advance(1);
  assert.ok(isSettled, `not settled within ${ms} ms`);
  return promise;
}

for (const framing of ["cobs", "length"] as const) {
  Deno.test(`link session over ${framing}: hello, image, frames, goodbye`, async () => {
    await using bench = await openBench({ framing });
    const { clock, host, board, agent } = bench;
    assert.equal(host.caps.boardName, "none");
    assert.equal(host.state, "open");
    assert.deepEqual(host.time && { ...host.time, syncedAtUs: 0 }, {
      offsetUs: 0,
      rttUs: 0,
      stepCounter: 0,
      syncedAtUs: 0,
    });
    const seen: number[] = [];
    const report = await within(clock, 100, host.uploadImage(IMAGE, SHA256, (done) => seen.push(done)));
    assert.deepEqual(report, { cached: false, resumedAtBytes: 0, sentBytes: IMAGE.length, report: "cores 12 of 128" });
    assert.deepEqual([seen[0], seen.at(-1)], [0, IMAGE.length]);
    assert.deepEqual(board.images.get(SHA256), IMAGE);
    assert.equal(host.state, "running");
    const results = await within(
      clock,
      10,
      Promise.all(Array.from({ length: 30 }, (_, id) => host.runFrame(frame(id)))),
    );
    assert.deepEqual(results.map(({ frameId }) => frameId), Array.from({ length: 30 }, (_, id) => id));
    for (const result of results) assert.deepEqual(result.firstSteps, answerTo(LEVELS).firstSteps);
    assert.deepEqual(board.ran, results.map(({ frameId }) => frameId));
    await host.close();
    assert.equal((await host.ended).code, "link.closed");
    assert.equal(await agent.ended, null);
    assert.equal(agent.stats.framesAnswered, 30);
    assert.equal(clock.sleepers, 0);
  });
}

Deno.test("link session: an image that the board has is not sent", async () => {
  await using bench = await openBench();
  const { clock, host, board } = bench;
  board.images.set(SHA256, IMAGE);
  const report = await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  assert.deepEqual([report.cached, report.sentBytes], [true, 0]);
  assert.deepEqual(board.loads, [SHA256]);
});

Deno.test("link session: an upload goes on where the last connection broke off", async () => {
  await using bench = await openBench();
  const { clock, host, board, shelf, line } = bench;
  const cutAt = 9000;
  const upload = host.uploadImage(IMAGE, SHA256, (done) => done >= cutAt && line.cut());
  await assert.rejects(within(clock, 10, upload), { code: "link.lost" });
  const [near, far] = createMemoryPair("cobs");
  await using _agent = serveAgent(far, { clock, handlers: board, shelf });
  await using again = await openHostSession(near, { clock, random: createRandom(2), name: "again" });
  const report = await within(clock, 10, again.uploadImage(IMAGE, SHA256));
  assert.ok(report.resumedAtBytes >= cutAt, `resumed at ${report.resumedAtBytes}`);
  assert.equal(report.sentBytes, IMAGE.length - report.resumedAtBytes);
  assert.deepEqual(board.images.get(SHA256), IMAGE);
});

Deno.test("link session: loading may take long, and a board may refuse", async () => {
  await using bench = await openBench({ loadMs: 4600 });
  const { clock, host } = bench;
  await within(clock, 4800, host.uploadImage(IMAGE, SHA256));
  const bad = IMAGE.with(0, 0xee);
  const sha = createHash("sha256").update(bad).digest("hex");
  await assert.rejects(within(clock, 4800, host.uploadImage(bad, sha)), { code: "link.image_refused", message: /129/ });
  assert.equal(host.state, "open");
  await assert.rejects(host.uploadImage(bad, SHA256), { code: "link.image_hash" });
  await within(clock, 4800, host.uploadImage(IMAGE, SHA256));
  assert.equal(host.state, "running");
});

Deno.test("link session: a frame before an image is refused by the host", async () => {
  await using bench = await openBench();
  await assert.rejects(bench.host.runFrame(frame(0)), { code: "link.state" });
});

Deno.test("link session: no more frames in flight than the credit says, and none while it is 0", async () => {
  await using bench = await openBench({ frameMs: 10 });
  const { clock, host, board, agent } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const results = Array.from({ length: 12 }, (_, id) => host.runFrame(frame(id)));
  let most = 0;
  for (let ms = 0; ms < 40; ms++) {
    await clock.advance(1);
    most = Math.max(most, host.framesInFlight);
  }
  assert.equal(most, 4);
  agent.setCredit({ frames: 0, bytes: 0 });
  await clock.advance(100);
  assert.equal(host.framesInFlight, 0);
  const ran = board.ran.length;
  await clock.advance(1000);
  assert.equal(board.ran.length, ran);
  agent.setCredit({ frames: 2, bytes: 1 });
  await within(clock, 200, Promise.all(results));
  assert.equal(board.ran.length, 12);
  assert.equal(host.stats.timeouts, 0);
});

Deno.test("link session: a frame without credit, with a bad level, or too many waiting, fails and says why", async () => {
  await using bench = await openBench({ facts: { credit: { frames: 0, bytes: 0 } } });
  const { clock, host, board, agent } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const waiting = Array.from({ length: 64 }, (_, id) => host.runFrame(frame(id)));
  const settled = Promise.allSettled(waiting);
  await assert.rejects(host.runFrame(frame(64)), { code: "link.busy" });
  for (const { status } of await within(clock, 10_001, settled)) assert.equal(status, "rejected");
  agent.setCredit({ frames: 1, bytes: 100 });
  await clock.advance(1);
  await assert.rejects(host.runFrame(frame(1, [3, -1])), { code: "link.range", message: /levels\[1\]/ });
  await assert.rejects(host.runFrame({ ...frame(1), frameId: 2 ** 32 }), { code: "link.range" });
  await assert.rejects(host.runFrame({ ...frame(1), tMax: 600 }), { code: "link.frame_refused", message: /1 to 512/ });
  await assert.rejects(host.runFrame(frame(1, new Uint8Array(4097))), { code: "link.frame_refused", message: /4096/ });
  assert.equal((await host.runFrame(frame(9))).frameId, 9);
});

Deno.test("link session: a failing frame fails alone", async () => {
  await using bench = await openBench({ failing: (id) => id === 1 });
  const { clock, host, board } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const results = await within(clock, 10, Promise.allSettled([0, 1, 2].map((id) => host.runFrame(frame(id)))));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(host.stats.framesFailed, 1);
});

Deno.test("link session: a stuck chip is an error, not a silence, and the next frame runs", async () => {
  await using bench = await openBench({ frameMs: (id) => (id === 0 ? 1e6 : 1), frameTimeoutMs: 100, stopMs: 20 });
  const { clock, host, board } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const [stuck, next] = await within(clock, 200, Promise.allSettled([0, 1].map((id) => host.runFrame(frame(id)))));
  assert.equal(stuck.status === "rejected" && stuck.reason.code, "link.chip_stuck");
  assert.equal(next.status, "fulfilled");
  assert.equal(board.overlaps, 0);
});

Deno.test("link session: spikes of a layer come in parts, telemetry at its interval, reset empties the board", async () => {
  const heard: BoardTelemetry[] = [];
  await using bench = await openBench({ frameMs: 10, host: { onTelemetry: (one) => heard.push(one) } });
  const { clock, host, board } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const options = { earlyStop: true, keepSpikes: true };
  assert.deepEqual(await host.configure({ options, telemetryIntervalMs: 50 }), { options, telemetryIntervalMs: 50 });
  const spikes = await within(clock, 10, host.readSpikes(0, 2));
  assert.equal(spikes.length, 10_000);
  assert.equal(spikes[9999], (9999 * 7 + 2) % 91);
  await assert.rejects(host.readSpikes(0, 3), { code: "link.unsupported" });
  heard.length = 0;
  await clock.advance(500);
  assert.equal(heard.length, 10);
  assert.deepEqual(heard.map(({ sequence }) => sequence), heard.map((_, i) => heard[0].sequence + i));
  const running = host.runFrame(frame(0));
  await within(clock, 20, host.reset("image"));
  assert.equal((await running).frameId, 0);
  assert.deepEqual([board.resets, board.overlaps], [["image"], 0]);
  assert.equal(host.state, "open");
});

Deno.test("link session: silence ends both sides, each with a reason", async () => {
  await using bench = await openBench({ frameMs: 1e7 });
  const { clock, host, board, agent, line, far } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  await clock.advance(3000);
  assert.equal(host.state, "running");
  const result = host.runFrame(frame(0));
  const waiting = Array.from({ length: 6 }, (_, id) => host.runFrame(frame(1 + id)));
  const all = Promise.allSettled([result, ...waiting]);
  await clock.advance(1);
  // From now on nothing arrives on either side, though both believe that they send.
  line.connect(createMemoryPair("cobs")[0]);
  far.connect(createMemoryPair("cobs")[0]);
  await within(clock, 6000, host.ended);
  assert.match((await host.ended).message, /nothing heard/);
  for (const one of await all) assert.ok(one.status === "rejected" && /link\.(lost|timeout)/.test(one.reason.code));
  await assert.rejects(host.runFrame(frame(1)), { code: "link.lost" });
  await clock.advance(10_000);
  assert.equal(agent.state, "idle");
  assert.deepEqual(board.resets, ["state"]);
});

Deno.test("link session: an agent that was restarted on the same line says so at the next request", async () => {
  await using bench = await openBench();
  const { clock, host, board, agent, line, far } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const [again] = createMemoryPair("cobs");
  far.connect(createMemoryPair("cobs")[0]);
  line.connect(again);
  again.connect(line);
  await agent.close();
  await using _second = serveAgent(again, { clock, handlers: board, shelf: createImageShelf(board) });
  await assert.rejects(within(clock, 10, host.runFrame(frame(0))), { code: "link.session" });
  assert.equal((await host.ended).code, "link.session");
  assert.equal(host.state, "closed");
});

Deno.test("link session: a session that another one displaced is told so, and its frame is stopped", async () => {
  await using bench = await openBench({ frameMs: (id) => (id === 0 ? 1e6 : 0), stopMs: 20 });
  const { clock, host, board, shelf, agent, line, far } = bench;
  board.images.set(SHA256, IMAGE);
  await within(clock, 10, host.uploadImage(IMAGE, SHA256));
  const displaced = host.runFrame(frame(0));
  displaced.catch(() => {});
  await clock.advance(1);
  const [near] = createMemoryPair("cobs");
  line.connect(createMemoryPair("cobs")[0]);
  near.connect(far);
  far.connect(near);
  await using other = await openHostSession(near, { clock, random: createRandom(9), name: "other" });
  assert.equal(shelf.loadedSha256, SHA256);
  await within(clock, 10, other.uploadImage(IMAGE, SHA256));
  assert.equal((await within(clock, 40, other.runFrame(frame(5)))).frameId, 5);
  assert.deepEqual([board.ran, board.resets, board.overlaps], [[0, 5], ["state"], 0]);
  assert.equal(agent.stats.framesAnswered, 1);
});

Deno.test("link session: opening fails in time when nobody answers", async () => {
  const clock = createFakeClock();
  const [near, far] = createMemoryPair("cobs");
  const opening = openHostSession(near, { clock, random: createRandom(1), name: "x" });
  await assert.rejects(within(clock, 4000, opening), { code: "link.timeout" });
  await far.close();
  assert.equal(clock.sleepers, 0);
});
