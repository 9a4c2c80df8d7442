/** The rules that keep answers apart, each against another side that breaks it: sessions, numbers, checksums, spans. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRandom } from "../../../src/core/random.ts";
import { AgentFrames, type FrameJob } from "../../../src/link/agent_frames.ts";
import { createImageShelf, serveAgent } from "../../../src/link/agent_link.ts";
import { Channel } from "../../../src/link/channel.ts";
import { crc32c } from "../../../src/core/crc32c.ts";
import { CreditGate, FRAME_SPAN } from "../../../src/link/credit_gate.ts";
import { openHostSession } from "../../../src/link/host_link.ts";
import type { HostSession } from "../../../src/link/host_session.ts";
import type { Bodies, Message } from "../../../src/link/messages/all.ts";
import { NO_IMAGE } from "../../../src/link/messages/caps.ts";
import { MAGIC } from "../../../src/link/messages/hello.ts";
import type { FrameResult } from "../../../src/link/messages/result.ts";
import { encodePacket, FLAG_REPLY, framePacket, type Packet } from "../../../src/link/packet.ts";
import { clockOffset } from "../../../src/link/time_sync.ts";
import { answerTo, BOARD_FACTS, createFakeBoard } from "../../support/fake_board.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";
import { createMemoryPair } from "../../support/memory_transport.ts";

const IMAGE = new Uint8Array(10);
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");
const LEVELS = Uint8Array.of(0, 3, 0, 16);

Deno.test("host: a result of another session, frame, number or input is not taken, and a second one neither", async () => {
  const good = (packet: Packet, body: Bodies["frame"]): FrameResult => ({
    ...answerTo(body.levels),
    number: body.number,
    frameId: body.frameId,
    inputCrc: crc32c(packet.body),
    credit: { frames: 4, bytes: 1000 },
  });
  // By frame id: what the board does to it.
  const script: Record<number, (channel: Channel, packet: Packet, result: FrameResult) => void> = {
    0: (channel, packet, result) => {
      const header = { seq: packet.seq, flags: FLAG_REPLY };
      channel.send("result", { ...result, winner: 9 }, { ...header, session: (packet.session ^ 1) >>> 0 });
      channel.send("result", { ...result, winner: 8 }, { ...header, seq: packet.seq + 7, session: packet.session });
      channel.send("result", { ...result, winner: 7 }, { ...header, flags: 0, session: packet.session });
      // Two in one piece, so that the second comes before the first has been looked at.
      const both = [1, 2].flatMap((winner) => [
        ...channel.encode("result", { ...result, winner }, { ...header, session: packet.session }).line,
      ]);
      channel.sendBytes(Uint8Array.from(both));
    },
    1: reply((result) => ({ ...result, number: result.number + 1 })),
    2: reply((result) => ({ ...result, frameId: 99 })),
    3: reply((result) => ({ ...result, inputCrc: (result.inputCrc ^ 1) >>> 0 })),
    4: reply((result) => result),
  };
  await using bench = await openScripted((channel, message, packet) => {
    if (message.kind === "frame") script[message.body.frameId](channel, packet, good(packet, message.body));
  });
  const { host, clock } = bench;
  assert.equal((await run(host, clock, 0)).winner, 1);
  for (const id of [1, 2, 3]) await assert.rejects(run(host, clock, id), { code: "link.mismatch" }, `frame ${id}`);
  assert.deepEqual((await run(host, clock, 4)).firstSteps, answerTo(LEVELS).firstSteps);
  assert.deepEqual([host.stats.staleSession, host.stats.unexpectedReplies, host.stats.framesAnswered], [1, 3, 2]);
  assert.equal(host.framesInFlight, 0);
});

Deno.test("host: a busy board is asked again, with the same packet, and an answer during the pause counts", async () => {
  const seqs: number[] = [];
  await using bench = await openScripted((channel, message, packet) => {
    if (message.kind !== "frame") return;
    seqs.push(packet.seq);
    const header = { seq: packet.seq, session: packet.session, flags: FLAG_REPLY };
    const busy: Bodies["error"] = {
      code: "frame_busy",
      severity: "error",
      scope: "frame",
      marks: { retryable: true },
      frame: message.body.number,
      text: "later",
    };
    if (message.body.frameId === 1 || seqs.length === 1) channel.send("error", busy, header);
    if (message.body.frameId === 1) return;
    const ids = { number: message.body.number, frameId: 0, inputCrc: crc32c(packet.body) };
    const result = { ...answerTo(LEVELS), ...ids, credit: { frames: 4, bytes: 1000 } };
    if (seqs.length > 1) channel.send("result", result, header);
  });
  assert.equal((await run(bench.host, bench.clock, 0)).frameId, 0);
  assert.deepEqual(seqs, [seqs[0], seqs[0]]);
  await assert.rejects(run(bench.host, bench.clock, 1), { code: "link.frame_busy" });
});

Deno.test("host: a board that answers with the wrong kind of message, or another version, is refused", async () => {
  await using bench = await openScripted((channel, message, packet) => {
    const header = { seq: packet.seq, session: packet.session, flags: FLAG_REPLY };
    if (message.kind === "config") channel.send("reset", { scope: "state" }, header);
  });
  const options = { earlyStop: false, keepSpikes: false };
  await assert.rejects(bench.host.configure({ options, telemetryIntervalMs: 0 }), { code: "link.protocol" });
  await assert.rejects(openScripted(() => {}, { version: 2 }), { code: "link.version" });
});

Deno.test("agent: a packet of another session is answered by ERROR session and does nothing else", async () => {
  const clock = createFakeClock();
  const board = createFakeBoard({ clock });
  const [near, far] = createMemoryPair("cobs");
  await using agent = serveAgent(far, { clock, handlers: board, shelf: createImageShelf(board) });
  const heard: [Message, Packet][] = [];
  const channel = new Channel({
    transport: near,
    clock,
    onMessage: (message, packet) => void heard.push([message, packet]),
  });
  const hello = { magic: MAGIC, versionMin: 1, versionMax: 1, packetBytesMax: 1000, name: "raw" };
  const send: Channel["send"] = (kind, body, header) => channel.send(kind, body, header);
  send("ping", {}, { seq: 1, session: 5, flags: 0 });
  send("hello", { ...hello, versionMin: 2, versionMax: 3 }, { seq: 2, session: 5, flags: 0 });
  send("hello", hello, { seq: 3, session: 5, flags: 0 });
  send("image_begin", { sha256: SHA256, totalBytes: 10 }, { seq: 4, session: 6, flags: 0 });
  send("bye", { reason: "done", text: "" }, { seq: 5, session: 6, flags: 0 });
  send("ping", {}, { seq: 6, session: 5, flags: 0 });
  send("frame", { number: 0, frameId: 0, capturedAtUs: 0, tMax: 16, levels: LEVELS }, { seq: 7, session: 5, flags: 0 });
  send("telemetry", { sampledAtUs: 0, sequence: 0, rails: [] }, { seq: 8, session: 5, flags: 0 });
  await clock.advance(1);
  const seen = heard.map((
    [{ kind, body }, { seq, session }],
  ) => [seq, session, kind === "error" ? (body as Bodies["error"]).code : kind]);
  assert.deepEqual(seen, [
    [1, 5, "session"],
    [2, 5, "version"],
    [3, 5, "caps"],
    [4, 6, "session"],
    [6, 5, "pong"],
    [7, 5, "no_image"],
    [8, 5, "unsupported"],
  ]);
  assert.deepEqual([agent.stats.staleSession, agent.state], [3, "open"]);
  await channel.close();
});

Deno.test("agent: bodies that are none and types that are unknown are counted and answered, replies are not", async () => {
  const clock = createFakeClock();
  const board = createFakeBoard({ clock });
  const [near, far] = createMemoryPair("length");
  await using agent = serveAgent(far, { clock, handlers: board, shelf: createImageShelf(board) });
  const codes: string[] = [];
  const channel = new Channel({
    transport: near,
    clock,
    onMessage: ({ kind, body }) => void codes.push(kind === "error" ? (body as Bodies["error"]).code : kind),
  });
  const send = (type: number, flags: number, body: number[]) =>
    channel.sendBytes(framePacket(encodePacket({ type, flags, seq: 1, session: 1 }, Uint8Array.from(body)), "length"));
  send(0x05, 0, [1]);
  send(0x77, 0, []);
  send(0x05, FLAG_REPLY, [1]);
  await clock.advance(1);
  assert.deepEqual(codes, ["malformed", "unsupported"]);
  assert.deepEqual([agent.stats.badBody, agent.stats.unknownType], [2, 1]);
  await channel.close();
});

Deno.test("agent frames: a number that was answered long ago is not run again, nor after the numbers wrapped", async () => {
  for (const start of [0, 2 ** 32 - 40]) {
    const clock = createFakeClock();
    const ran: number[] = [];
    const resent: Uint8Array[] = [];
    const frames = new AgentFrames({
      clock,
      queueMax: 8,
      frameTimeoutMs: 1000,
      after: Promise.resolve(),
      run: (frame) => (ran.push(frame.number), Promise.resolve(answerTo(frame.levels))),
      answer: (job) => Uint8Array.of(job.frame.number & 0xff),
      resend: (line) => void resent.push(line),
    });
    const job = (index: number): FrameJob => {
      const number = (start + index) >>> 0;
      return { frame: { number, frameId: index, capturedAtUs: 0, tMax: 16, levels: LEVELS }, inputCrc: 0, seq: index };
    };
    for (let index = 0; index < 100; index++) {
      // One is overtaken by others and comes late, but within the span.
      if (index === 30) continue;
      assert.equal(frames.take(job(index)), "taken");
      await frames.idle;
      if (index === 60) assert.equal(frames.take(job(30)), "taken");
    }
    await frames.idle;
    assert.equal(frames.take(job(99 - FRAME_SPAN)), "duplicate", "too old to be remembered");
    assert.equal(resent.length, 0);
    assert.equal(frames.take(job(99 - FRAME_SPAN + 1)), "duplicate", "the oldest that is remembered");
    assert.deepEqual(resent.map(([byte]) => byte), [(start + 99 - FRAME_SPAN + 1) & 0xff]);
    assert.equal(frames.take(job(99)), "duplicate");
    await frames.idle;
    assert.deepEqual([ran.length, new Set(ran).size, frames.queued], [100, 100, 0]);
  }
});

Deno.test("credit gate: never 64 ahead of the oldest frame, whatever the credit", async () => {
  const clock = createFakeClock();
  const gate = new CreditGate(clock, { frames: 1000, bytes: 1e6 });
  const numbers: number[] = [];
  const entering = Array.from({ length: FRAME_SPAN }, () => gate.enter(1, 1000).then((number) => numbers.push(number)));
  await Promise.all(entering);
  assert.equal(gate.framesInFlight, FRAME_SPAN);
  for (const number of numbers.slice(1)) gate.leave(number);
  const late = gate.enter(1, 1000);
  await clock.advance(10);
  assert.equal(gate.framesWaiting, 1);
  gate.leave(0);
  assert.equal(await late, FRAME_SPAN);
});

Deno.test("time sync: the offset and round trip of NTP", () => {
  // The board is 51 s ahead; 300 µs there, 20 µs on the board, 100 µs back.
  const stamps = {
    hostSentUs: 1_000_000,
    boardReceivedUs: 52_000_300,
    boardSentUs: 52_000_320,
    hostReceivedUs: 1_000_420,
  };
  assert.deepEqual(clockOffset(stamps), { offsetUs: 51_000_100, rttUs: 400 });
});

// ---------------------------------------------------------------------------------------------------------------------

type Script = (channel: Channel, message: Message, packet: Packet) => void;

/** A host whose board does what any board does up to the image, and then what the script says. */
async function openScripted(
  script: Script,
  { version = 1 } = {},
): Promise<AsyncDisposable & { host: HostSession; clock: FakeClock }> {
  const clock = createFakeClock();
  const [near, far] = createMemoryPair("cobs");
  const channel = new Channel({
    transport: far,
    clock,
    onMessage: (message, packet) => {
      const header = { seq: packet.seq, session: packet.session, flags: FLAG_REPLY };
      const caps = { ...BOARD_FACTS, version, packetBytesMax: 1e5, imageSha256: NO_IMAGE };
      if (message.kind === "hello") channel.send("caps", caps, header);
      else if (message.kind === "time_req") {
        const time = { ...message.body, boardReceivedUs: 0, boardSentUs: 0, stepCounter: 0 };
        channel.send("time_rsp", time, header);
      } else if (message.kind.startsWith("image_")) {
        channel.send("image_status", { state: "ready", highWaterBytes: 0, report: "" }, header);
      } else script(channel, message, packet);
    },
  });
  const host = await openHostSession(near, { clock, random: createRandom(1), name: "test" }).catch(async (error) => {
    await channel.close();
    throw error;
  });
  await host.uploadImage(IMAGE, SHA256);
  return {
    host,
    clock,
    async [Symbol.asyncDispose]() {
      await host.close();
      await channel.close();
    },
  };
}

async function run(host: HostSession, clock: FakeClock, frameId: number): Promise<FrameResult> {
  const running = host.runFrame({ frameId, capturedAtUs: 0, tMax: 16, levels: LEVELS });
  let isOver = false;
  running.finally(() => isOver = true).catch(() => {});
  for (let ms = 0; !isOver && ms < 10_000; ms++) await clock.advance(1);
  return running;
}

/** Answers a frame with something made of its result. */
function reply(
  change: (result: FrameResult) => FrameResult,
): (channel: Channel, packet: Packet, result: FrameResult) => void {
  return (channel, packet, result) =>
    channel.send("result", change(result), { seq: packet.seq, session: packet.session, flags: FLAG_REPLY });
}
