/** Snapshots over HTTP from a real server that is slow, too long, wrong, closed or gone. */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { openSnapshotCamera, type SnapshotOptions } from "../../devices/camera/http_snapshot.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { CameraError } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { MalformedFrame } from "../../src/ports/camera_source.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { pnmOf } from "../support/images.ts";
import { testCamera } from "../conformance/camera_suite.ts";

/** A picture of two grey pixels; PGM stands for JPEG and PNG, which have tests of their own. */
const picture = (grey: number) => pnmOf({ width: 2, height: 1, channels: 1, pixels: Uint8Array.of(grey, grey) });

type Answer = (request: IncomingMessage, response: ServerResponse, number: number) => void;

async function serve(answer: Answer): Promise<AsyncDisposable & { readonly url: string; readonly requests: number }> {
  let requests = 0;
  const server = createServer((request, response) => answer(request, response, requests++));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/now.jpg?token=abc123secret`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const TERMS = { id: "snap", username: null, password: null, everyS: 1, timeoutS: 5, bytesMax: 10_000 } as const;

async function open(url: string, clock: Clock, options: Partial<SnapshotOptions> = {}) {
  const camera = await openSnapshotCamera({ ...TERMS, url, clock, ...options });
  const abort = new AbortController();
  const frames = camera.frames(abort.signal)[Symbol.asyncIterator]() as AsyncIterator<Frame | MalformedFrame>;
  return { frames, abort, [Symbol.asyncDispose]: () => camera[Symbol.asyncDispose]() };
}

async function failureOf(frames: AsyncIterator<unknown>): Promise<CameraError> {
  return await frames.next().then(() => assert.fail("no error"), (error) => error);
}

Deno.test("a picture comes at each beat; a beat missed by a slow camera is left out", async () => {
  await using server = await serve((_, response, number) => {
    setTimeout(() => response.end(picture(number)), number === 1 ? 30 : 0);
  });
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  const first = (await camera.frames.next()).value as Frame;
  assert.deepEqual([first.id, first.pixels[0], first.width], [0, 0, 2]);
  const second = camera.frames.next();
  await clock.advance(1000);
  await clock.advance(2500); // while the answer is on its way
  const { capturedAtUs } = (await second).value as Frame;
  const third = camera.frames.next();
  await clock.advance(499);
  assert.equal(server.requests, 2);
  await clock.advance(1);
  assert.equal(((await third).value as Frame).capturedAtUs, capturedAtUs + 500_000);
  camera.abort.abort();
  assert.equal((await camera.frames.next()).done, true);
});

Deno.test("a picture is captured when its last byte has come: decoding it counts from then on", async () => {
  await using server = await serve((_, response) => void response.end(picture(7)));
  // Every look at this clock takes a second, so that what lies between two looks shows.
  const clock = createFakeClock();
  let nowUs = 0;
  const ticking: Clock = { ...clock, nowUs: () => nowUs += 1_000_000 };
  await using camera = await open(server.url, ticking);
  const { capturedAtUs, decodeUs } = (await camera.frames.next()).value as Frame;
  assert.equal(decodeUs, 1_000_000);
  assert.equal(capturedAtUs + decodeUs!, nowUs);
  camera.abort.abort();
});

Deno.test("an unchanged picture is not sent again, and still counts as a frame of now", async () => {
  const conditions: unknown[] = [];
  await using server = await serve((request, response, number) => {
    conditions.push([request.headers["if-none-match"], request.headers["if-modified-since"]]);
    if (number === 1) return void response.writeHead(304).end();
    response.writeHead(200, { etag: `"v${number}"` }).end(picture(number + 1));
  });
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  const greys: number[] = [];
  for (let id = 0; id < 3; id++) {
    const next = camera.frames.next();
    await clock.advance(1000);
    greys.push(((await next).value as Frame).pixels[0]);
  }
  assert.deepEqual(greys, [1, 1, 3]);
  assert.deepEqual(conditions, [[undefined, undefined], ['"v0"', undefined], ['"v0"', undefined]]);
});

Deno.test("a camera that answers too late is given up after the time-out", async () => {
  await using server = await serve(() => {});
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  const failing = failureOf(camera.frames);
  await clock.advance(4999);
  await clock.advance(1);
  const error = await failing;
  assert.equal(error.code, "camera.open");
  assert.match(error.message, /found nothing after 5 s/);
  assert.equal(clock.sleepers, 0);
});

Deno.test("an answer that dries up half-way is given up as well", async () => {
  await using server = await serve((_, response, number) => {
    if (number === 0) response.end(picture(1));
    else response.writeHead(200, { "content-length": "500" }).write("P5");
  });
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  await camera.frames.next();
  const failing = failureOf(camera.frames);
  await clock.advance(1000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await clock.advance(5000);
  assert.equal((await failing).code, "camera.lost");
});

for (const announced of [true, false]) {
  Deno.test(`a picture that is too long is malformed, its length announced: ${announced}`, async () => {
    await using server = await serve((_, response, number) => {
      if (number === 1) return void response.end(picture(7));
      const chunk = new Uint8Array(64 * 1024);
      if (announced) response.writeHead(200, { "content-length": `${2 ** 31}` });
      const send = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", send).on("error", () => {});
      send();
    });
    const clock = createFakeClock();
    await using camera = await open(server.url, clock);
    const { value } = await camera.frames.next();
    assert.match((value as MalformedFrame).reason, /at most 10000 bytes: found more/);
    const next = camera.frames.next();
    await clock.advance(1000);
    assert.equal(((await next).value as Frame).pixels[0], 7);
  });
}

Deno.test("what is no picture is malformed, and the next one is tried", async () => {
  await using server = await serve((_, response, number) => {
    response.end(number === 0 ? "<html>log in</html>" : number === 1 ? "" : picture(7));
  });
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  for (const pattern of [/PNG, JPEG/, /PNG, JPEG/, null]) {
    const next = camera.frames.next();
    await clock.advance(1000);
    const { value } = await next;
    if (pattern !== null) assert.match(value.reason, pattern);
    else assert.equal(value.pixels[0], 7);
  }
});

const REFUSALS: { name: string; answer: Answer; found: RegExp; hint: RegExp }[] = [
  { name: "401", answer: (_, r) => void r.writeHead(401).end(), found: /status 401/, hint: /username and password/ },
  { name: "404", answer: (_, r) => void r.writeHead(404).end(), found: /status 404/, hint: /path/ },
  { name: "500", answer: (_, r) => void r.writeHead(500).end("x"), found: /status 500/, hint: /./ },
  { name: "304 unasked", answer: (_, r) => void r.writeHead(304).end(), found: /status 304/, hint: /./ },
  {
    name: "a redirection to elsewhere",
    answer: (_, r) => void r.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    found: /status 302/,
    hint: /./,
  },
  { name: "a closed connection", answer: (_, r) => void r.destroy(), found: /found/, hint: /camera is on/ },
];

for (const { name, answer, found, hint } of REFUSALS) {
  Deno.test(`${name} ends the frames with a reason, without credentials in it`, async () => {
    await using server = await serve(answer);
    const clock = createFakeClock();
    await using camera = await open(server.url, clock, { username: "gw", password: "s3cret/@x" });
    const error = await failureOf(camera.frames);
    assert.equal(error.code, "camera.open");
    assert.match(error.message, found);
    assert.match(error.hint!, hint);
    const all = JSON.stringify({ ...error, message: error.message, stack: error.stack, cause: String(error.cause) });
    for (const secret of ["s3cret", "abc123secret", btoa("gw:s3cret/@x")]) assert.ok(!all.includes(secret), all);
    assert.equal(clock.sleepers, 0);
  });
}

Deno.test("credentials are sent as HTTP basic authentication", async () => {
  let header: string | undefined;
  await using server = await serve((request, response) => {
    header = request.headers.authorization;
    response.end(picture(1));
  });
  await using camera = await open(server.url, createFakeClock(), { username: "gw", password: "pä:ss" });
  await camera.frames.next();
  assert.equal(header, `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode("gw:pä:ss")))}`);
});

Deno.test("a stop does not wait for an answer", async () => {
  await using server = await serve(() => {});
  const clock = createFakeClock();
  await using camera = await open(server.url, clock);
  const next = camera.frames.next();
  await new Promise((resolve) => setTimeout(resolve, 30));
  camera.abort.abort();
  assert.equal((await next).done, true);
  assert.equal(clock.sleepers, 0);
});

testCamera({
  name: "one snapshot",
  open: async (clock) => {
    const server = await serve((_, response, number) => void response.end(picture(number)));
    const camera = await openSnapshotCamera({ ...TERMS, url: server.url, limit: 1, clock });
    return {
      id: camera.id,
      pacing: camera.pacing,
      frames: (signal) => camera.frames(signal),
      async [Symbol.asyncDispose]() {
        await camera[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  },
  pacing: "live",
  rateFps: null,
  frames: 1,
  classes: 0,
});
