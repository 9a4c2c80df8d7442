/** Sessions over real parts together: a clean socket needs no second try, and a recorded session runs again from its file. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import { createRandom } from "../../../src/core/random.ts";
import { createImageShelf, serveAgent } from "../../../src/link/agent_link.ts";
import { openHostSession } from "../../../src/link/host_link.ts";
import { rejectedPackets } from "../../../src/link/link_stats.ts";
import type { FrameResult } from "../../../src/link/messages/result.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { recordTransport } from "../../../devices/transport/recorder.ts";
import { replayTransport } from "../../../devices/transport/replay.ts";
import { connectTcp, listenTcp } from "../../../devices/transport/tcp.ts";
import { answerTo, createFakeBoard } from "../../support/fake_board.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { createMemoryPair } from "../../support/memory_transport.ts";

const IMAGE = new Uint8Array(5000).fill(9);
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");

Deno.test("link over tcp: 1000 frames with all the credit used, no retry, no reject", async () => {
  const clock = systemClock;
  const board = createFakeBoard({ clock });
  const agents: AsyncDisposable[] = [];
  const onTransport = (transport: Transport) =>
    void agents.push(serveAgent(transport, { clock, handlers: board, shelf: createImageShelf(board) }));
  await using listener = await listenTcp({ host: "127.0.0.1", port: 0, onTransport });
  const port = Number(listener.address.split(":").at(-1));
  const near = await connectTcp({ host: "127.0.0.1", port, clock });
  await using host = await openHostSession(near, { clock, random: createRandom(5), name: "test" });
  await host.uploadImage(IMAGE, SHA256);
  const results = await runFrames(host, clock, 1000);
  results.forEach((result, id) => assert.deepEqual(result.firstSteps, answerTo(levelsOf(id)).firstSteps));
  assert.equal(new Set(board.ran).size, 1000);
  assert.deepEqual([host.stats.retries, rejectedPackets(host.stats), host.stats.unexpectedReplies], [0, 0, 0]);
  await host.close();
  for (const agent of agents) await agent[Symbol.asyncDispose]();
});

Deno.test("link: a recorded session runs again from its file, byte for byte", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-session-"));
  const path = join(folder, "session.jsonl");
  const runHost = async (transport: Transport, clock: Clock) => {
    await using host = await openHostSession(transport, { clock, random: createRandom(6), name: "test" });
    const upload = await host.uploadImage(IMAGE, SHA256);
    return { caps: host.caps, upload, results: await runFrames(host, clock, 20), time: host.time };
  };
  const clock = createFakeClock();
  const board = createFakeBoard({ clock });
  const [near, far] = createMemoryPair("cobs");
  await using _agent = serveAgent(far, { clock, handlers: board, shelf: createImageShelf(board) });
  const first = await advanced(clock, runHost(await recordTransport(near, { path, clock }), clock));

  const again = createFakeClock();
  const replay = await replayTransport({ path, clock: again, pacing: "recorded" });
  assert.deepEqual(await advanced(again, runHost(replay, again)), first);
  await rm(folder, { recursive: true });
});

// ---------------------------------------------------------------------------------------------------------------------

/** Results in order of frame ids. */
async function runFrames(
  host: Awaited<ReturnType<typeof openHostSession>>,
  clock: Clock,
  count: number,
): Promise<FrameResult[]> {
  const results: FrameResult[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: 6 }, async () => {
    while (next < count) {
      const frameId = next++;
      const capturedAtUs = clock.nowUs();
      results[frameId] = await host.runFrame({ frameId, capturedAtUs, tMax: 16, levels: levelsOf(frameId) });
    }
  }));
  return results;
}

function levelsOf(frameId: number): Uint8Array {
  return Uint8Array.from({ length: 784 }, (_, i) => (i % 7 === frameId % 7 ? (i + frameId) % 17 : 0));
}

/** Lets the fake clock run, in the same beat both times, until the promise settles. */
async function advanced<T>(clock: ReturnType<typeof createFakeClock>, promise: Promise<T>): Promise<T> {
  let isOver = false;
  promise.finally(() => isOver = true).catch(() => {});
  for (let ms = 0; !isOver; ms++) {
    assert.ok(ms < 60_000, "a minute and not over");
    await clock.advance(1);
  }
  return promise;
}
