/** With a spool an outage costs nothing: whatever happens to the broker and to the gateway, what was synced arrives, in order. */

import assert from "node:assert/strict";
import { createRandom } from "../../src/core/random.ts";
import { PAYLOADS } from "../../src/publish/payload_schema.ts";
import { SPOOL_BYTES_MIN } from "../../src/spool/spool.ts";
import { assertAccounted } from "../conformance/publisher_suite.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { openMqttProxy, type WireResult } from "../support/mqtt_proxy.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleEvent, sampleResult } from "../support/sample_messages.ts";
import { bytesIn, makeSpool, readSpool } from "../support/spools.ts";

const ignore = !mosquittoAvailable;
const NEEDS = "(needs Debian package mosquitto)";
const RESULTS = "quartz/gw/cam/door/result";

const parse = ({ text }: { readonly text: string }) => JSON.parse(text) as WireResult;

Deno.test({
  name: `what a gateway could not deliver before it stopped, the next one delivers as historical, in order ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ running: false });
    using spool = makeSpool();
    const first = openTestPublisher(broker.url, { spool: spool.terms(), boot: "first" });
    for (let id = 0; id < 300; id++) first.publisher.publish(sampleResult(id));
    first.publisher.publish(sampleEvent());
    await first.publisher.stop();
    assert.deepEqual([first.publisher.counts.queued, first.publisher.counts.dropped], [301, 0]);
    assertAccounted(first.publisher.counts, 301);
    assert.match(first.logged.at(-1)?.text ?? "", /301 messages stay on disk/);

    await broker.start();
    await using listener = await listen(broker.url, { filter: "quartz/gw/#" });
    const { publisher } = openTestPublisher(broker.url, {
      spool: spool.terms({ syncEveryMs: 1000 }),
      boot: "second",
    });
    await using _ = publisher;
    for (let id = 300; id < 400; id++) publisher.publish(sampleResult(id));
    await eventually(() => publisher.counts.published === 401, "all delivered");
    await listener.until((heard) => heard.length >= 402); // and the status
    assertAccounted(publisher.counts, 100);
    assert.equal(publisher.counts.recovered, 301);
    const results = listener.heard.filter(({ topic }) => topic === RESULTS).map(parse);
    const ids = (boot: string) => results.filter((one) => one.boot === boot).map(({ frame }) => frame.id);
    assert.deepEqual(ids("first"), Array.from({ length: 300 }, (_, i) => i));
    assert.deepEqual(ids("second"), Array.from({ length: 100 }, (_, i) => 300 + i));
    assert.ok(results.every(({ boot, historical }) => (historical === true) === (boot === "first")));
    for (const { text } of listener.heard.filter(({ topic }) => topic === RESULTS)) {
      PAYLOADS.result.parse(JSON.parse(text));
    }
    const event = listener.heard.find(({ topic }) => topic === "quartz/gw/event")!;
    assert.equal(PAYLOADS.event.parse(JSON.parse(event.text)).historical, true);
  },
});

Deno.test({
  name: `live results go before the backlog, which keeps to its rate ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ running: false });
    using spool = makeSpool();
    const first = openTestPublisher(broker.url, { spool: spool.terms() });
    for (let id = 0; id < 500; id++) first.publisher.publish(sampleResult(id));
    await first.publisher.stop();
    await broker.start();
    await using listener = await listen(broker.url, { filter: RESULTS });
    const terms = spool.terms({ backlogPerS: 200, syncEveryMs: 1000 });
    const { publisher } = openTestPublisher(broker.url, { spool: terms, boot: "now" });
    await using _ = publisher;
    await eventually(() => publisher.counts.published >= 20, "the backlog begins");
    const start = performance.now();
    for (let id = 1000; id < 1050; id++) publisher.publish(sampleResult(id));
    await listener.until((heard) => heard.map(parse).some(({ frame }) => frame.id === 1049));
    assert.ok(performance.now() - start < 1000, "the live ones did not wait");
    assert.ok(publisher.counts.queued > 300, "and the backlog did");
    await eventually(() => publisher.counts.queued === 0, "all delivered");
    const tookS = (performance.now() - start) / 1000;
    assert.ok(tookS > 1.8 && tookS < 6, `480 at 200 a second took ${tookS} s`);
    const old = listener.heard.map(parse).filter(({ historical }) => historical).map(({ frame }) => frame.id);
    assert.deepEqual(old, Array.from({ length: 500 }, (_, i) => i));
  },
});

Deno.test({
  name: `a broker killed 50 times in a stream of 5000 results loses none and mixes none up ${NEEDS}`,
  ignore,
  async fn() {
    // mosquitto acknowledges before it passes on, and its memory dies with it: what it acknowledged is no longer ours. So
    // the witness sits before it: a proxy that notes each PUBLISH whose PUBACK came back.
    await using broker = await openMosquitto();
    await using proxy = await openMqttProxy(broker.port);
    using spool = makeSpool();
    const { publisher } = openTestPublisher(proxy.url, {
      spool: spool.terms({ backlogPerS: 2000 }),
      protocol: "3.1.1",
      reconnectMsMin: 5,
      reconnectMsMax: 10,
    });
    const random = createRandom(50);
    let sent = 0;
    for (let kill = 0; kill < 50; kill++) {
      await eventually(() => publisher.state === "online", "online again");
      const killAt = random.integer(100);
      for (let i = 0; i < 100; i++) {
        publisher.publish(sampleResult(sent++));
        if (i === killAt) await broker.kill();
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, random.between(0, 10)));
      }
      await broker.start();
    }
    await eventually(() => publisher.counts.queued === 0, "all delivered", 60_000);
    await publisher.stop();
    assertAccounted(publisher.counts, 5000);
    assert.deepEqual([publisher.counts.published, publisher.counts.dropped], [5000, 0]);
    assert.deepEqual((await readSpool(spool.folder)).payloads, []);

    const acknowledged = new Map<number, number>(); // seq, by frame
    let repeats = 0;
    let live = -1;
    let old = -1;
    for (const { seq, historical, frame } of proxy.acknowledged) {
      if (acknowledged.has(frame.id)) {
        assert.equal(acknowledged.get(frame.id), seq, "a repeat has the seq of the first");
        repeats++;
        continue;
      }
      acknowledged.set(frame.id, seq);
      if (historical) {
        assert.ok(frame.id > old, `backlog ${frame.id} after ${old}`);
        old = frame.id;
      } else {
        assert.ok(frame.id > live, `live ${frame.id} after ${live}`);
        live = frame.id;
      }
    }
    assert.equal(acknowledged.size, 5000, "every result was acknowledged");
    const historical = proxy.acknowledged.filter((one) => one.historical).length;
    console.log(`50 kills: 5000 of 5000 acknowledged, ${historical} from disk, ${repeats} repeated`);
  },
});

Deno.test({
  name: `a frozen broker and a slow one cost nothing ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using proxy = await openMqttProxy(broker.port);
    await using listener = await listen(broker.url, { filter: RESULTS });
    using spool = makeSpool();
    const { publisher } = openTestPublisher(proxy.url, { spool: spool.terms({ syncEveryMs: 50 }) });
    await using _ = publisher;
    await eventually(() => publisher.state === "online", "online");
    broker.freeze();
    for (let id = 0; id < 500; id++) publisher.publish(sampleResult(id));
    // All of them get to the disk although some are on their way to the frozen broker.
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await readSpool(spool.folder)).payloads.length, 500);
    broker.thaw();
    await eventually(() => publisher.counts.queued === 0, "thawed");
    proxy.delayMs = 30; // each way: at most 20 messages in 60 ms
    for (let id = 500; id < 1000; id++) publisher.publish(sampleResult(id));
    await eventually(() => publisher.counts.queued === 0, "slowly delivered");
    assert.deepEqual([publisher.counts.published, publisher.counts.dropped], [1000, 0]);
    await listener.until((heard) => new Set(heard.map((one) => parse(one).frame.id)).size === 1000);
    assert.equal(listener.heard.length, 1000, "nothing twice, as no session was lost");
    for (const historical of [undefined, true]) {
      const ids = listener.heard.map(parse).filter((one) => one.historical === historical).map(({ frame }) => frame.id);
      assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    }
  },
});

Deno.test({
  name:
    `a spool at its cap: never larger, the oldest go, and exactly those that were not counted as dropped arrive ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ running: false });
    await using proxy = await openMqttProxy(broker.port);
    using spool = makeSpool();
    const terms = spool.terms({ bytesMax: SPOOL_BYTES_MIN, syncEveryMs: 5 });
    const { publisher, logged } = openTestPublisher(proxy.url, { spool: terms, protocol: "3.1.1" });
    const given = 6000;
    let largest = 0;
    for (let id = 0; id < given; id++) {
      publisher.publish(sampleResult(id));
      if (id % 100 !== 0) continue;
      await new Promise((resolve) => setTimeout(resolve, 8));
      largest = Math.max(largest, bytesIn(spool.folder));
    }
    await eventually(() => publisher.counts.dropped > 0, "the oldest went");
    await broker.start();
    await eventually(() => publisher.counts.queued === 0, "delivered", 20_000);
    await publisher.stop();
    const events = logged.filter(({ facts }) => facts.code === "publish.spool_dropped").length;
    assertAccounted(publisher.counts, given + events);
    const { published, dropped } = publisher.counts;
    assert.ok(dropped > 1000 && largest <= SPOOL_BYTES_MIN, `${dropped} dropped, ${largest} bytes`);
    const arrived = new Set(proxy.acknowledged.map(({ frame }) => frame.id));
    assert.equal(arrived.size, given - dropped);
    assert.ok([...arrived].every((id) => id >= dropped), "the newest stayed");
    console.log(
      `cap of ${SPOOL_BYTES_MIN} bytes: ${given} given, ${dropped} dropped and counted, ${arrived.size} arrived, ` +
        `${published} published; never more than ${largest} bytes on disk`,
    );
  },
});

Deno.test({
  name: `a result that the broker refuses does not block the spool ${NEEDS}`,
  ignore,
  async fn() {
    const acl = Deno.makeTempFileSync();
    Deno.writeTextFileSync(acl, "topic readwrite quartz/gw/status\ntopic readwrite quartz/gw/event\n");
    Deno.chmodSync(acl, 0o644);
    await using broker = await openMosquitto({ lines: [`acl_file ${acl}`], running: false });
    using spool = makeSpool();
    const { publisher } = openTestPublisher(broker.url, { spool: spool.terms(), protocol: "5" });
    await using _ = publisher;
    for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
    publisher.publish(sampleEvent());
    await new Promise((resolve) => setTimeout(resolve, 100)); // all on disk
    await broker.start();
    await eventually(() => publisher.counts.queued === 0, "settled");
    assert.deepEqual([publisher.counts.published, publisher.counts.droppedByKind.result], [1, 100]);
    Deno.removeSync(acl);
  },
});
