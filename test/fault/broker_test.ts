/** An outage costs only what the policy says, and says so: brokers that are absent, killed, frozen, deaf or unfriendly. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { assertAccounted } from "../conformance/publisher_suite.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, type Heard, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleInfo, sampleLatency, sampleResult, sampleState } from "../support/sample_messages.ts";

const ignore = !mosquittoAvailable;
const NEEDS = "(needs Debian package mosquitto)";

Deno.test({
  name: `a broker that is down at start gets everything, in order, once it is up ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ running: false });
    const { publisher, logged } = openTestPublisher(broker.url);
    await using _ = publisher;
    for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
    publisher.publish(sampleState("dog"));
    publisher.publish(sampleState("person"));
    await eventually(() => publisher.problem !== null, "a problem");
    assert.match(publisher.problem?.text ?? "", /Cannot connect to mqtt:\/\/127\.0\.0\.1:\d+ as .* ECONNREFUSED/);
    assert.equal(logged.filter(({ level }) => level === "warn").length, 1, "the same reason is logged once");
    assertAccounted(publisher.counts, 102);
    assert.equal(publisher.counts.replaced, 1);

    // Nobody can listen before the publisher is back, so the kept state is what shows that the newest one got through.
    await broker.start();
    await eventually(() => publisher.counts.queued === 0, "all delivered");
    assert.equal(publisher.problem, null);
    assert.equal(publisher.counts.published, 101);
    await using listener = await listen(broker.url);
    await listener.until((heard) => heard.some(({ topic }) => topic.endsWith("/state")));
    assert.equal(JSON.parse(listener.heard.find(({ topic }) => topic.endsWith("/state"))?.text ?? "").class, "person");
  },
});

Deno.test({
  name: `2000 results survive a killed and restarted broker, in order of seq ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using listener = await listen(broker.url, { filter: "quartz/gw/cam/door/result" });
    const { publisher } = openTestPublisher(broker.url, { reconnectMsMin: 300, reconnectMsMax: 600 });
    await using _ = publisher;
    await eventually(() => publisher.state === "online", "online");
    const results = (heard: readonly Heard[]) => new Set(heard.map(({ text }) => JSON.parse(text).seq)).size;
    for (let id = 0; id < 1000; id++) publisher.publish(sampleResult(id));
    await eventually(() => publisher.counts.published >= 300, "some delivered");
    await broker.kill();
    const acknowledged = publisher.counts.published;
    for (let id = 1000; id < 2000; id++) publisher.publish(sampleResult(id));
    await broker.start();
    await eventually(() => publisher.counts.queued === 0, "all delivered");
    assert.equal(publisher.counts.published, 2000);

    // What mosquitto had acknowledged and not yet passed on died with it; that is its memory, not ours.
    await listener.until((heard) => JSON.parse(heard.at(-1)?.text ?? '{"seq":-1}').seq === 1999);
    const seqs: number[] = listener.heard.map(({ text }) => JSON.parse(text).seq);
    assert.ok(results(listener.heard) >= 2000 - acknowledged, "every unacknowledged result came");
    let highest = -1;
    const seen = new Set<number>();
    for (const seq of seqs) {
      assert.ok(seq > highest || seen.has(seq), `seq ${seq} came after ${highest} for the first time`);
      seen.add(seq);
      highest = Math.max(highest, seq);
    }
    assert.ok(seqs.length - seen.size <= 32, `${seqs.length - seen.size} repeated, more than can be under way`);
  },
});

Deno.test({
  name: `kept topics are sent again to a broker that came back without them ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    const { publisher } = openTestPublisher(broker.url);
    await using _ = publisher;
    publisher.publish(sampleState("dog"));
    publisher.publish(sampleInfo());
    await eventually(() => publisher.counts.published === 2, "published");
    await broker.kill();
    await eventually(() => publisher.state !== "online", "noticed");
    await broker.start();
    await using listener = await listen(broker.url);
    await listener.until((heard) => new Set(heard.map(({ topic }) => topic)).size === 3);
    assert.equal(publisher.counts.published, 2, "sent again is not counted again");
    const info = JSON.parse(listener.heard.find(({ topic }) => topic === "quartz/gw/info")?.text ?? "");
    assert.deepEqual(info.mqtt, { protocol: "5" });
  },
});

Deno.test({
  name: `a wrong password is named, with its user and without itself ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ user: "gw7", password: "right" });
    for (const protocol of ["5", "3.1.1"] as const) {
      const url = broker.url.replace("mqtt://", "mqtt://gw7:hunter2-secret@");
      const { publisher, logged } = openTestPublisher(url, { protocol });
      await using _ = publisher;
      await eventually(() => publisher.problem !== null, "refused");
      assert.match(publisher.problem?.text ?? "", /as user "gw7" .* Not authorized \(reason 0x/i);
      assert.equal(logged[0].level, "error");
      assert.equal(logged[0].facts.code, "publish.refused");
      assert.ok(Number(logged[0].facts.retryMs) >= 2500, "a refusal is retried slowly");
      assert.doesNotMatch(JSON.stringify([logged, publisher.problem]), /hunter2/);
    }
    const { publisher } = openTestPublisher(broker.url, { username: "gw7", password: "right" });
    await using _ = publisher;
    await eventually(() => publisher.state === "online", "the right one works");
  },
});

Deno.test({
  name: `a topic that the broker forbids is dropped, counted and named, and holds nothing up ${NEEDS}`,
  ignore,
  async fn() {
    const acl = Deno.makeTempFileSync();
    try {
      Deno.writeTextFileSync(acl, "topic readwrite quartz/gw/status\ntopic readwrite quartz/gw/cam/+/state\n");
      Deno.chmodSync(acl, 0o644);
      await using broker = await openMosquitto({ lines: [`acl_file ${acl}`] });
      const { publisher, logged } = openTestPublisher(broker.url, { protocol: "5" });
      await using _ = publisher;
      for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
      publisher.publish(sampleState());
      await eventually(() => publisher.counts.queued === 0, "settled");
      assert.equal(publisher.counts.droppedByKind.result, 100);
      assert.equal(publisher.counts.published, 1);
      const errors = logged.filter(({ level }) => level === "error");
      assert.equal(errors.length, 1);
      assert.match(errors[0].text, /Cannot publish to quartz\/gw\/cam\/door\/result as .* Not authorized/);
    } finally {
      Deno.removeSync(acl);
    }
  },
});

Deno.test({
  name: `stop ends within 3 s although the broker is frozen, and counts what is left ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    const { publisher, logged } = openTestPublisher(broker.url);
    await eventually(() => publisher.state === "online", "online");
    broker.freeze();
    for (let id = 0; id < 500; id++) publisher.publish(sampleResult(id));
    const start = performance.now();
    await publisher.stop();
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 3000, `took ${tookMs} ms`);
    assert.equal(publisher.counts.dropped, 500);
    assertAccounted(publisher.counts, 500);
    assert.match(logged.at(-1)?.text ?? "", /500 messages were not delivered/);
    broker.thaw();
  },
});

Deno.test("a full outbox drops the oldest latency first, then the oldest results, and counts each", async () => {
  await using broker = await deadEnd();
  const { publisher } = openTestPublisher(broker.url, {
    outboxMax: 100,
    reconnectMsMin: 60_000,
    reconnectMsMax: 60_000,
  });
  for (let id = 0; id < 40; id++) publisher.publish(sampleLatency());
  for (let id = 0; id < 1000; id++) publisher.publish(sampleResult(id));
  for (let id = 0; id < 5; id++) publisher.publish(sampleLatency());
  const { queued, dropped, droppedByKind } = publisher.counts;
  assert.deepEqual([queued, dropped, droppedByKind.latency, droppedByKind.result], [100, 945, 45, 900]);
  await publisher.stop();
  assertAccounted(publisher.counts, 1045);
  assert.equal(publisher.counts.dropped, 1045);
});

Deno.test("a broker that takes connections and never answers is given up on, again and again", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}).resume());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const { publisher } = openTestPublisher(`mqtt://127.0.0.1:${port}`, { connectTimeoutMs: 50 });
  await eventually(() => publisher.problem !== null, "given up once");
  assert.match(publisher.problem?.text ?? "", /connack timeout/);
  const openFiles = () => readdirSync("/proc/self/fd").length;
  let before = 0;
  for (let i = 0; i < 10; i++) {
    await eventually(() => sockets.size === 1, "tried again");
    await eventually(() => sockets.size === 0, "and closed");
    if (i === 0) before = openFiles();
  }
  assert.ok(openFiles() <= before + 2, `${openFiles()} open files after nine attempts more, ${before} before`);
  const start = performance.now();
  await publisher.stop();
  assert.ok(performance.now() - start < 500);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test({
  name: `a killed gateway is offline at once in MQTT 3.1.1, after 5 s in MQTT 5, and not at all after a blip ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using listener = await listen(broker.url);
    const said = (gateway: string) =>
      listener.heard.filter(({ topic }) => topic === `quartz/${gateway}/status`).map(({ text }) => text);
    const children = [
      startChild(broker.url, "client-a", "3.1.1", "old"),
      startChild(broker.url, "client-b", "5", "new"),
      startChild(broker.url, "client-c", "5", "blip"),
    ];
    await listener.until(() => ["old", "new", "blip"].every((gateway) => said(gateway).includes("online")), 30_000);
    const killedAt = performance.now();
    await Promise.all(children.map(endChild));
    await listener.until(() => said("old").includes("offline"));
    assert.ok(performance.now() - killedAt < 2000);
    const { publisher } = openTestPublisher(broker.url, { clientId: "client-c", protocol: "5", gatewayId: "blip" });
    await using _ = publisher;
    await listener.until(() => said("new").includes("offline"));
    const delayS = (performance.now() - killedAt) / 1000;
    assert.ok(delayS > 3.9 && delayS < 8, `offline after ${delayS} s`);
    assert.deepEqual(said("blip"), ["online", "online"]);
  },
});

Deno.test("the embedded broker closes on packets that are too long, and says which port is taken", async () => {
  await using broker = await openEmbeddedBroker({ port: 0, packetBytesMax: 4096 });
  const { publisher } = openTestPublisher(broker.url, { protocol: "3.1.1" });
  await using _ = publisher;
  publisher.publish({ ...sampleResult(), camera: "a", backend: "x".repeat(5000) as "simulator" });
  await eventually(() => publisher.problem?.text.includes("closed the connection") ?? false, "closed");
  await assert.rejects(openEmbeddedBroker({ port: broker.port }), { code: "publish.embedded_broker" });
});

// ---

/** A port where nothing listens. */
async function deadEnd(): Promise<{ readonly url: string } & AsyncDisposable> {
  const broker = await openEmbeddedBroker({ port: 0 });
  await broker[Symbol.asyncDispose]();
  return { url: broker.url, [Symbol.asyncDispose]: () => Promise.resolve() };
}

function startChild(url: string, clientId: string, protocol: string, gatewayId: string): ChildProcess {
  const script = fileURLToPath(new URL("../support/publisher_child.ts", import.meta.url));
  return spawn(process.execPath, ["run", "--quiet", "--no-check", "-A", script, url, clientId, protocol, gatewayId], {
    stdio: "ignore",
  });
}

async function endChild(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
