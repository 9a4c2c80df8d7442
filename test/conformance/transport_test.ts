/** The transport suite on every driver, and what only one of them does. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { createFaultyTransport } from "../../devices/transport/faulty.ts";
import { recordTransport } from "../../devices/transport/recorder.ts";
import { replayTransport } from "../../devices/transport/replay.ts";
import { openSerial } from "../../devices/transport/serial.ts";
import { connectTcp, listenTcp } from "../../devices/transport/tcp.ts";
import { createMemoryPair } from "../support/memory_transport.ts";
import { openPtyPair, socatAvailable } from "../support/pty.ts";
import { readBytes, type TransportLine, transportSuite } from "./transport_suite.ts";

transportSuite({ name: "memory", open: memoryLine, endIsSeen: true });
transportSuite({ name: "tcp", open: () => tcpLine(), endIsSeen: true });
transportSuite({ name: "tcp, listening side", open: () => tcpLine({ swap: true }), endIsSeen: true });
transportSuite({
  name: "serial over a pty (needs Debian package socat)",
  open: serialLine,
  endIsSeen: false,
  ignore: !socatAvailable,
});
transportSuite({ name: "recorder around tcp", open: recordedLine, endIsSeen: true, volumeBytes: 200_000 });
transportSuite({ name: "bad line without faults around memory", open: faultlessLine, endIsSeen: true });

Deno.test("tcp: connecting to nobody, and listening where someone is, fails and says where", async () => {
  await using listener = await listenTcp({ host: "127.0.0.1", port: 0, onTransport: () => {} });
  const port = Number(listener.address.split(":").at(-1));
  await assert.rejects(listenTcp({ host: "127.0.0.1", port, onTransport: () => {} }), {
    code: "link.open",
    message: new RegExp(`127.0.0.1:${port}`),
  });
  await listener.close();
  await assert.rejects(connectTcp({ host: "127.0.0.1", port, clock: systemClock }), { code: "link.open" });
});

const serialTest = (what: string, fn: () => Promise<void>) =>
  Deno.test({ name: `serial: ${what} (needs Debian package socat)`, ignore: !socatAvailable, fn });

serialTest("an open line is nobody else's until it is closed", async () => {
  await using pair = await openPtyPair();
  const first = await openSerial({ path: pair.a, baudRate: 115_200 });
  await assert.rejects(openSerial({ path: pair.a, baudRate: 115_200 }), { code: "link.open", message: /in use/ });
  await first.close();
  await (await openSerial({ path: pair.a, baudRate: 115_200 })).close();
});

serialTest("odd baud rates are set", async () => {
  await using pair = await openPtyPair();
  for (const baudRate of [50, 300, 115_200, 1_234_567, 3_000_000, 12_000_000]) {
    await (await openSerial({ path: pair.a, baudRate })).close();
  }
  await assert.rejects(openSerial({ path: pair.a, baudRate: 12 }), { code: "link.open" });
});

serialTest("a line that worked and was unplugged can be opened no more, and a new one can", async () => {
  await using line = await serialLine();
  await line.far.write(Uint8Array.of(1, 2, 3));
  assert.deepEqual(await readBytes(line.near, 3), Uint8Array.of(1, 2, 3));
  await line.sever();
  await assert.rejects(line.near.read(), { code: "link.lost" });
  await line.near.close();
  await assert.rejects(openSerial({ path: line.near.name.replace("serial ", ""), baudRate: 9600 }), {
    code: "link.open",
  });
  await using again = await serialLine();
  await again.far.write(Uint8Array.of(4));
  assert.deepEqual(await readBytes(again.near, 1), Uint8Array.of(4));
});

Deno.test("serial: no such device, and a file that is none, are refused", async () => {
  await assert.rejects(openSerial({ path: "/nonexistent/tty", baudRate: 9600 }), {
    code: "link.open",
    message: /No such file/,
  });
  const folder = await mkdtemp(join(tmpdir(), "quartz-serial-"));
  await Deno.writeTextFile(join(folder, "file"), "x");
  await assert.rejects(openSerial({ path: join(folder, "file"), baudRate: 9600 }), {
    code: "link.open",
    message: /no serial device/,
  });
  await rm(folder, { recursive: true });
});

Deno.test("replay gives what was received, once as much has been sent, and notices other bytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-replay-"));
  const path = join(folder, "link.jsonl");
  const [inner, far] = createMemoryPair("cobs");
  const recorder = await recordTransport(inner, { path, clock: systemClock });
  await recorder.write(Uint8Array.of(1, 2));
  assert.deepEqual(await readBytes(far, 2), Uint8Array.of(1, 2));
  await far.write(Uint8Array.of(3, 4));
  assert.deepEqual(await readBytes(recorder, 2), Uint8Array.of(3, 4));
  await far.close();
  assert.equal(await recorder.read(), null);
  await recorder.close();
  assert.equal((await readFile(path, "utf8")).trim().split("\n").length, 4);

  const replay = await replayTransport({ path, clock: systemClock, pacing: "recorded" });
  assert.equal(replay.framing, "cobs");
  let isEarly = true;
  const read = replay.read().then((bytes) => (assert.ok(!isEarly, "came before it was asked for"), bytes));
  await replay.write(Uint8Array.of(1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  isEarly = false;
  await replay.write(Uint8Array.of(2));
  assert.deepEqual(await read, Uint8Array.of(3, 4));
  assert.equal(await replay.read(), null);
  await replay.close();

  const other = await replayTransport({ path, clock: systemClock, pacing: "fast" });
  await assert.rejects(other.write(Uint8Array.of(1, 9)), { code: "link.replay", message: /at 1 of 2/ });
  await assert.rejects(other.read(), { code: "link.replay" });
  await other.close();
  await rm(folder, { recursive: true });
});

Deno.test("a recording ends at its limit and the link goes on; an old file is not overwritten", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-record-"));
  const path = join(folder, "link.jsonl");
  const [inner, far] = createMemoryPair("length");
  const recorder = await recordTransport(inner, { path, clock: systemClock, bytesMax: 1000 });
  for (let i = 0; i < 50; i++) {
    await recorder.write(new Uint8Array(20));
    await readBytes(far, 20);
  }
  await recorder.close();
  const lines = (await readFile(path, "utf8")).trim().split("\n");
  assert.match(lines.at(-1) as string, /"end":"full"/);
  assert.ok(lines.length < 20);
  const [again] = createMemoryPair("length");
  await assert.rejects(recordTransport(again, { path, clock: systemClock }), { code: "link.open" });
  await rm(folder, { recursive: true });
});

// ---------------------------------------------------------------------------------------------------------------------

function memoryLine(): TransportLine {
  const [near, far] = createMemoryPair("length");
  return line(near, far, () => near.cut());
}

function faultlessLine(): TransportLine {
  const [inner, far] = createMemoryPair("cobs");
  const near = createFaultyTransport(inner, { faults: {}, random: createRandom(1), clock: systemClock });
  return line(near, far, () => inner.cut());
}

async function tcpLine({ swap = false } = {}): Promise<TransportLine> {
  let accept: (transport: Transport) => void = () => {};
  const accepted = new Promise<Transport>((resolve) => accept = resolve);
  const listener = await listenTcp({ host: "127.0.0.1", port: 0, onTransport: (transport) => accept(transport) });
  const proxy = await openProxy(Number(listener.address.split(":").at(-1)));
  const far = await connectTcp({ host: "127.0.0.1", port: proxy.port, clock: systemClock });
  const near = await accepted;
  await listener.close();
  const made = swap ? line(near, far, proxy.reset) : line(far, near, proxy.reset);
  return {
    ...made,
    async [Symbol.asyncDispose]() {
      await made[Symbol.asyncDispose]();
      await proxy.close();
    },
  };
}

/** A relay of one connection that can reset both its sides, as a firewall or a dying machine does. */
async function openProxy(target: number): Promise<{ port: number; reset: () => void; close: () => Promise<void> }> {
  const { connect } = await import("node:net");
  const sockets: Socket[] = [];
  const server = createServer((inside) => {
    const outside = connect(target, "127.0.0.1");
    sockets.push(inside, outside);
    for (const socket of [inside, outside]) socket.on("error", () => {}).setNoDelay(true);
    inside.pipe(outside);
    outside.pipe(inside);
    inside.on("close", () => outside.destroy());
    outside.on("close", () => inside.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    reset: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function serialLine(): Promise<TransportLine> {
  const pair = await openPtyPair();
  const near = await openSerial({ path: pair.a, baudRate: 3_000_000 });
  const far = await openSerial({ path: pair.b, baudRate: 3_000_000 });
  const made = line(near, far, pair.unplug);
  return {
    ...made,
    async [Symbol.asyncDispose]() {
      await made[Symbol.asyncDispose]();
      await pair[Symbol.asyncDispose]();
    },
  };
}

async function recordedLine(): Promise<TransportLine> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-record-"));
  const inner = await tcpLine();
  const near = await recordTransport(inner.near, { path: join(folder, "link.jsonl"), clock: systemClock });
  return {
    ...inner,
    near,
    async [Symbol.asyncDispose]() {
      await near.close();
      await inner[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function line(near: Transport, far: Transport, sever: () => void | Promise<void>): TransportLine {
  return {
    near,
    far,
    sever: async () => void await sever(),
    async [Symbol.asyncDispose]() {
      await near.close();
      await far.close();
    },
  };
}
