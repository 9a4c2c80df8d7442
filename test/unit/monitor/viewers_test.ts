/** Goal: a slow viewer loses events of its own and nothing grows. Method: a real server, one viewer that reads and one that does not. */

import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { viewerEvent, Viewers } from "../../../src/monitor/viewers.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

const BIG = "x".repeat(64 * 1024);

/** A server whose every request becomes a viewer. */
async function withViewers(
  work: (parts: {
    viewers: Viewers;
    clock: ReturnType<typeof createFakeClock>;
    open: (reads: boolean) => Promise<{ socket: Socket; response: ServerResponse; text: () => string }>;
  }) => Promise<void>,
): Promise<void> {
  const clock = createFakeClock();
  const viewers = new Viewers(10, clock);
  let onResponse: (response: ServerResponse) => void = () => {};
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    viewers.add(response, "door", () => {});
    onResponse(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  try {
    await work({
      viewers,
      clock,
      open: (reads) =>
        new Promise((resolve) => {
          const socket = connect(port, "127.0.0.1");
          sockets.push(socket);
          let text = "";
          socket.on("data", (chunk) => text += chunk.toString());
          if (!reads) socket.pause();
          onResponse = (response) => resolve({ socket, response, text: () => text });
          socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        }),
    });
  } finally {
    sockets.forEach((socket) => socket.destroy());
    viewers.end();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 400, "in 4 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("a viewer that does not read has one event of each kind waiting, and learns what it missed", async () => {
  await withViewers(async ({ viewers, open }) => {
    const quick = await open(true);
    const slow = await open(false);
    // More than any socket buffer holds.
    for (let i = 0; i < 400; i++) {
      viewers.tell(viewerEvent("frame", { i, BIG }));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    viewers.tell(viewerEvent("counts", { last: true }));
    await until(() => quick.text().includes('"last":true'));
    assert.equal(quick.text().match(/event: frame/g)?.length, 400, "the quick one got all");
    assert.ok(slow.response.writableLength < 3 * BIG.length, `${slow.response.writableLength} bytes wait`);
    slow.socket.resume();
    await until(() => slow.text().includes("event: missed"));
    assert.ok(slow.text().includes('{"i":399,'), "the newest one came");
    assert.ok(slow.text().includes('"last":true'), "and those of other kinds");
    const got = slow.text().match(/event: frame/g)!.length;
    const missed = Number(/"quartz.page.missed.v1","total":(\d+)/.exec(slow.text())![1]);
    assert.equal(got + missed, 400, "every event came or was counted as missed");
  });
});

Deno.test("a viewer that has read nothing for half a minute is let go", async () => {
  await withViewers(async ({ viewers, clock, open }) => {
    await open(false);
    // More than any socket buffer holds.
    for (let i = 0; i < 400; i++) {
      viewers.tell(viewerEvent("frame", { BIG }));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.equal(viewers.count, 1);
    await clock.advance(31_000);
    viewers.tell(viewerEvent("frame", { BIG }));
    await until(() => viewers.count === 0);
    assert.equal(viewers.watching("door"), 0);
  });
});
