/** Pictures over a real broker into one or several cameras: each once, in time, within limits. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import mqtt from "mqtt";
import { openClip } from "../../devices/camera/clip.ts";
import { type FrameBroker, type MqttFramesOptions, openMqttFrames } from "../../devices/camera/mqtt_frames.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { CameraError } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { MalformedFrame } from "../../src/ports/camera_source.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { temporaryFolder } from "../support/clips.ts";
import { pnmOf } from "../support/images.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";

const TOPIC = "cams/line3";
const picture = (grey: number) => pnmOf({ width: 2, height: 1, channels: 1, pixels: Uint8Array.of(grey, grey) });

/** A camera in use; what it gives is kept. */
async function watch(url: string, options: Partial<MqttFramesOptions> & { broker?: FrameBroker } = {}) {
  const seen: (Frame | MalformedFrame)[] = [];
  const stop = new AbortController();
  const camera = await openMqttFrames({
    id: "pool",
    broker: { url, clientId: `frames-${crypto.randomUUID().slice(0, 8)}`, protocol: "auto", connectTimeoutMs: 3000 },
    topic: TOPIC,
    share: null,
    keep: "newest",
    raw: null,
    bytesMax: 10_000,
    clock: systemClock,
    ...options,
  });
  const running = (async () => {
    for await (const frame of camera.frames(stop.signal)) {
      seen.push("malformed" in frame ? frame : { ...frame, pixels: frame.pixels.slice() });
    }
  })();
  running.catch(() => {}); // told by whoever waits for it
  return {
    seen,
    running,
    stop: () => stop.abort(),
    greys: () => seen.map((frame) => "malformed" in frame ? frame.reason : frame.pixels[0]),
    async [Symbol.asyncDispose]() {
      await camera[Symbol.asyncDispose]();
      await running.catch(() => {});
    },
  };
}

/** A connected publisher of pictures. */
async function publisher(url: string, protocolVersion: 4 | 5 = 4) {
  const client = await mqtt.connectAsync(url, { protocolVersion, reconnectPeriod: 0 });
  return {
    send: (payload: Uint8Array | string, retain = false) =>
      client.publishAsync(TOPIC, payload as never, { qos: 1, retain }),
    [Symbol.asyncDispose]: () => client.endAsync(true),
  };
}

/** Sends a picture again and again until the camera has one: it is subscribed then. */
async function ready(
  camera: { readonly seen: readonly unknown[] },
  { send }: Awaited<ReturnType<typeof publisher>>,
  bytes = picture(255),
): Promise<void> {
  for (let i = 0; i < 500 && camera.seen.length === 0; i++) {
    await send(bytes);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(camera.seen.length > 0, "no picture arrives");
}

Deno.test("pictures arrive from a broker that speaks 3.1.1 only; what is none, or too long, is malformed", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using camera = await watch(broker.url);
  await using source = await publisher(broker.url);
  await ready(camera, source);
  for (const payload of [picture(1), "nonsense", new Uint8Array(20_000), new Uint8Array(0), picture(2)]) {
    await source.send(payload);
  }
  await eventually(() => camera.greys().at(-1) === 2, "the last picture");
  const after = camera.greys().slice(camera.greys().indexOf(1));
  assert.equal(after.length, 5);
  assert.match(String(after[1]), /PNG, JPEG/);
  assert.match(String(after[2]), /at most 10000 bytes: found 20000/);
  assert.match(String(after[3]), /empty/);
  const ids = camera.seen.map(({ id }) => id);
  assert.deepEqual(ids, ids.map((_, index) => index));
});

Deno.test("raw pictures have the declared size, and no other", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using camera = await watch(broker.url, { raw: { width: 2, height: 1, channels: 3 } });
  await using source = await publisher(broker.url);
  await ready(camera, source, Uint8Array.of(1, 2, 3, 4, 5, 6));
  const frame = camera.seen[0] as Frame;
  assert.deepEqual([frame.width, frame.height, frame.channels, [...frame.pixels]], [2, 1, 3, [1, 2, 3, 4, 5, 6]]);
  await source.send(new Uint8Array(5));
  await eventually(() => camera.greys().some((grey) => /2x1x3 = 6 bytes: found 5/.test(String(grey))), "malformed");
});

Deno.test("a broker that goes away loses the camera, one that is not there does not open it", async () => {
  const broker = await openEmbeddedBroker({ port: 0 });
  const camera = await watch(broker.url);
  {
    await using source = await publisher(broker.url);
    await ready(camera, source);
  }
  await broker[Symbol.asyncDispose]();
  await assert.rejects(camera.running, (error: CameraError) => error.code === "camera.lost");
  await camera[Symbol.asyncDispose]();
  await using none = await watch(broker.url);
  await assert.rejects(none.running, (error: CameraError) => {
    assert.equal(error.code, "camera.open");
    assert.match(error.message, /ECONNREFUSED|refused/);
    return true;
  });
});

Deno.test("a stop ends the subscription at once, connected or not", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  for (const waitMs of [0, 5, 100]) {
    const camera = await watch(broker.url);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const start = performance.now();
    camera.stop();
    await camera.running;
    assert.ok(performance.now() - start < 1000);
    await camera[Symbol.asyncDispose]();
  }
});

/** How many names of `a` have no partner in `b`. */
function difference(a: readonly string[], b: readonly string[]): number {
  const left = [...b];
  return a.filter((name) => {
    const index = left.indexOf(name);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  }).length;
}

function mosquittoTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name} (needs Debian packages mosquitto, -clients)`, ignore: !mosquittoAvailable, fn });
}

for (const protocol of ["5", "3.1.1"] as const) {
  mosquittoTest(`two runtimes that share a subscription over MQTT ${protocol} see each picture once`, async () => {
    await using broker = await openMosquitto();
    const terms = (clientId: string) => ({ url: broker.url, clientId, protocol, connectTimeoutMs: 3000 });
    await using left = await watch(broker.url, { share: "pool", keep: "all", broker: terms("left") });
    await using right = await watch(broker.url, { share: "pool", keep: "all", broker: terms("right") });
    await using alone = await watch(broker.url, { broker: terms("alone") });
    await using source = await publisher(broker.url, 5);
    for (const camera of [left, right, alone]) await ready(camera, source);
    for (let grey = 0; grey < 200; grey++) await source.send(picture(grey));
    const both = () => [...left.greys(), ...right.greys()].filter((grey) => grey !== 255);
    await eventually(() => both().length >= 200, "two hundred pictures");
    assert.deepEqual(both().toSorted((a, b) => Number(a) - Number(b)), Array.from({ length: 200 }, (_, i) => i));
    for (const camera of [left, right]) {
      const mine = camera.greys().filter((grey) => grey !== 255) as number[];
      assert.ok(mine.length >= 50, `one runtime got ${mine.length} of 200`);
      assert.deepEqual(mine, mine.toSorted((a, b) => a - b), "in order");
    }
    await eventually(() => alone.greys().filter((grey) => grey !== 255).length === 200, "the third one gets all");
  });
}

mosquittoTest("two gateways split one stream of pictures: one result for each, and both work", async () => {
  await using broker = await openMosquitto();
  await using folder = await temporaryFolder();
  await using listener = await listen(broker.url, { filter: "quartz/+/cam/line/result" });
  const configure = async (id: string) => {
    const path = `${folder.path}/${id}.yaml`;
    const source = { kind: "mqtt", topic: TOPIC, share: "pool", keep: "all" };
    await writeFile(
      path,
      JSON.stringify({
        version: 1,
        gateway: { id },
        network: `${ROOT}models/mnist-lenet/network.safetensors`,
        cameras: [{ id: "line", source, max_age_ms: 60_000 }],
        mqtt: { url: broker.url },
        log: { format: "json" },
      }),
    );
    return path;
  };
  await using left = startProgram(["run", "--config", await configure("left")]);
  await using right = startProgram(["run", "--config", await configure("right")]);
  await using source = await publisher(broker.url, 5);
  const { frames, count, labels, labelNames } = await openClip(`${ROOT}models/mnist-lenet/clip.safetensors.gz`);
  const digit = (index: number) =>
    pnmOf({ width: 28, height: 28, channels: 1, pixels: frames.subarray(index * 784, (index + 1) * 784) });
  const resultsOf = (id: string) => listener.heard.filter(({ topic }) => topic.startsWith(`quartz/${id}/`));
  let sent = 0;
  const isReady = () => resultsOf("left").length > 0 && resultsOf("right").length > 0;
  for (; !isReady() && sent < 500; sent++) {
    await source.send(digit(sent % count));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(isReady(), [...left.lines, ...right.lines].join("\n"));
  await new Promise((resolve) => setTimeout(resolve, 300)); // what was sent before both were there
  const before = listener.heard.length;
  for (let index = 0; index < 200; index++) await source.send(digit(index));
  await listener.until((heard) => heard.length >= before + 200, 20_000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const results = listener.heard.slice(before);
  assert.equal(results.length, 200, "each picture once");
  const shares = ["left", "right"].map((id) => results.filter(({ topic }) => topic.startsWith(`quartz/${id}/`)).length);
  assert.ok(Math.min(...shares) >= 20, `shares ${shares}`);
  const seen = results.map(({ text }) => JSON.parse(text).class);
  const shown = Array.from({ length: 200 }, (_, index) => labelNames[labels![index]]);
  const agreeing = seen.length - difference(seen, shown);
  assert.ok(agreeing >= 196, `${agreeing} of 200 digits`);
});

mosquittoTest("a picture that the broker kept from before is not taken for one of now", async () => {
  await using broker = await openMosquitto();
  await using source = await publisher(broker.url, 5);
  await source.send(picture(9), true);
  const old = { url: broker.url, clientId: "old", protocol: "3.1.1", connectTimeoutMs: 3000 } as const;
  await using three = await watch(broker.url, { broker: old });
  await using five = await watch(broker.url);
  await ready(three, source);
  await ready(five, source);
  assert.match(String(three.greys()[0]), /one that the broker kept/);
  assert.ok(five.greys().every((grey) => grey === 255), "MQTT 5 is asked not to send it");
});

mosquittoTest("a wrong password is refused without being shown", async () => {
  await using broker = await openMosquitto({ user: "gw", password: "right" });
  const wrong = { url: broker.url, clientId: "c", username: "gw", password: "wr0ng", protocol: "auto" } as const;
  await using camera = await watch(broker.url, { broker: { ...wrong, connectTimeoutMs: 3000 } });
  await assert.rejects(camera.running, (error: CameraError) => {
    assert.equal(error.code, "camera.open");
    assert.ok(!JSON.stringify({ ...error, m: error.message, s: error.stack }).includes("wr0ng"));
    return true;
  });
});
