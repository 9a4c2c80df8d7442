/** Meters behind a network or a line: answers that are wrong, late, long or hostile, and secrets that stay where they are. */

import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createBoardRails } from "../../../devices/power/board_rails.ts";
import { createHttpMeter, type HttpMeterOptions, pointed } from "../../../devices/power/http.ts";
import { createLineMeter } from "../../../devices/power/line.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { createRandom } from "../../../src/core/random.ts";
import type { PowerReading } from "../../../src/ports/power_meter.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { createMemoryPair } from "../../support/memory_transport.ts";

async function ask(answer: RequestListener, options: Partial<HttpMeterOptions> = {}): Promise<PowerReading | null> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await using meter = createHttpMeter({
    id: "plug",
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/status`,
    username: null,
    password: null,
    powerPointer: "/a/0/w",
    energyPointer: null,
    scale: 1,
    scope: "board",
    everyMs: 1000,
    timeoutMs: 2000,
    clock: systemClock,
    ...options,
  });
  try {
    return (await meter.read())[0];
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const body = (text: string): RequestListener => (_request, response) => void response.end(text);
const faultOf = (reading: PowerReading | null) => reading !== null && "fault" in reading ? reading.fault : "none";

Deno.test("HTTP meter: a number, or text of one, at the pointer, times the scale", async () => {
  assert.deepEqual(await ask(body('{"a":[{"w":12.5}]}')), { powerW: 12.5 });
  assert.deepEqual(await ask(body('{"a":[{"w":"12500"}]}'), { scale: 0.001 }), { powerW: 12.5 });
  const energy = { powerPointer: null, energyPointer: "/total" };
  assert.deepEqual(await ask(body('{"total":2}'), { ...energy, scale: 1000 }), { counterJ: 7_200_000 });
});

const WRONG: readonly (readonly [string, RequestListener, RegExp])[] = [
  ["no JSON", body("<html>"), /must answer with JSON/],
  ["nothing at the pointer", body('{"a":[]}'), /must have a number at \/a\/0\/w: found nothing/],
  ["no number there", body('{"a":[{"w":true}]}'), /found true/],
  ["an empty text there", body('{"a":[{"w":" "}]}'), /found " "/],
  ["a number that is none", body('{"a":[{"w":1e999}]}'), /must have a number/],
  ["a long answer", body(`{"a":"${"x".repeat(100_000)}"}`), /at most 65536 bytes: found more/],
  ["another status", (_request, response) => void response.writeHead(401).end(), /HTTP status 200: found 401/],
  [
    "a redirection, which is not followed",
    (_request, response) => void response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    /HTTP status 200: found (302|0)/,
  ],
];
for (const [title, answer, fault] of WRONG) {
  Deno.test(`HTTP meter: ${title} is a fault`, async () => assert.match(faultOf(await ask(answer)), fault));
}

Deno.test("HTTP meter: an answer that does not come is a fault after the timeout, and never holds a secret", async () => {
  let authorization: string | undefined;
  const silent: RequestListener = ({ headers }) => void (authorization = headers.authorization);
  const late = await ask(silent, { timeoutMs: 60, username: "u", password: "topsecret" });
  assert.match(faultOf(late), /must answer: found nothing after 60 ms/);
  assert.equal(authorization, `Basic ${btoa("u:topsecret")}`);
  assert.doesNotMatch(JSON.stringify(late), /topsecret|dTp0b3/);
  const refused = await ask(body("{}"), { url: "http://127.0.0.1:1/x", password: "topsecret", username: "u" });
  assert.match(faultOf(refused), /must answer: found/);
  assert.doesNotMatch(faultOf(refused), /topsecret/);
});

Deno.test("a JSON pointer reads its own keys only", () => {
  const value = { "a/b": { "~": [1] }, "": 2 };
  assert.equal(pointed(value, "/a~1b/~0/0"), 1);
  assert.equal(pointed(value, "/"), 2);
  for (const pointer of ["/__proto__", "/constructor/name", "/a~1b/~0/length/x", "/nowhere/at/all"]) {
    assert.equal(pointed(value, pointer), undefined, pointer);
  }
});

Deno.test("line meter: lines cut anywhere, noise, lines without end, and only the newest value, told once", async () => {
  const [device, host] = createMemoryPair("length");
  const clock = createFakeClock();
  await using meter = createLineMeter({
    id: "bench",
    address: "serial:/dev/ttyUSB0",
    openTransport: () => Promise.resolve(host),
    prefix: "P=",
    scale: 0.001,
    scope: "rail",
    clock,
    random: createRandom(1),
  });
  const encoder = new TextEncoder();
  const say = async (text: string) => {
    for (const piece of text.match(/[\s\S]{1,3}/g) ?? []) await device.write(encoder.encode(piece));
    await clock.advance(1);
  };
  await say("99999\n");
  assert.deepEqual(await meter.read(), [null], "nobody knows what the first line was cut from");
  await say("U=5 P= 1500 mW\r\nU=5 P=2500 mW\r\nnoise\n\n\nP=\nP=x\n");
  const [reading] = await meter.read();
  assert.ok(reading !== null && "powerW" in reading && reading.powerW === 2.5);
  assert.deepEqual(await meter.read(), [null]);
  await say(`P=1${"0".repeat(5000)}`);
  await say("\nP=-250\n");
  const [after] = await meter.read();
  assert.ok(after !== null && "powerW" in after && after.powerW === -0.25, "negative values are told as they are");
  await device.close();
});

Deno.test("board rails: measured and estimated figures of one rail are two channels, and no figure is none", async () => {
  await using meter = createBoardRails("nahuku-32");
  const rail = { name: "cores", feeds: "its neuro-cores", energyUj: 1_000_000 };
  meter.take({ rails: [{ ...rail, method: "modelled" }, { ...rail, name: "usb", method: "none" }] }, 10);
  meter.take({ rails: [{ ...rail, energyUj: 2_000_000, method: "measured" }] }, 20);
  assert.deepEqual(meter.channels.map(({ id, method }) => [id, method]), [
    ["loihi_cores", "estimated"],
    ["loihi_cores_measured", "measured"],
  ]);
  assert.deepEqual(await meter.read(), [{ counterJ: 1, atUs: 10 }, { counterJ: 2, atUs: 20 }]);
  assert.deepEqual(await meter.read(), [null, null]);
});
