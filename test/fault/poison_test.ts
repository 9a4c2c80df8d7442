/** A message that a broker cannot stand is put aside, named and counted; one that only met a bad moment is not. */

import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { assertAccounted } from "../conformance/publisher_suite.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleHealth, sampleInfo, sampleResult, sampleState } from "../support/sample_messages.ts";
import { openScriptedBroker } from "../support/scripted_broker.ts";
import { makeSpool } from "../support/spools.ts";

const LONG = "x".repeat(5000);
const frameOf = (text: string): number => JSON.parse(text).frame.id;
const isResult = ({ topic }: { readonly topic: string }) => topic.endsWith("/result");

/** A clock a thousand times as fast; disposing gives its sleepers their real time back, so that a stop may take its own. */
function makeFastClock(): Clock & Disposable {
  let speed = 1000;
  return {
    ...systemClock,
    nowUs: () => systemClock.nowUs() * 1000,
    sleep: (durationMs, signal) => systemClock.sleep(durationMs / speed, signal),
    [Symbol.dispose]: () => void (speed = 1),
  };
}

for (const withSpool of [false, true]) {
  Deno.test({
    name: `MQTT 3.1.1: a result on which mosquitto hangs up is given up, ${
      withSpool ? "from the spool" : "from memory"
    }, and the others arrive in order (needs Debian package mosquitto)`,
    ignore: !mosquittoAvailable,
    async fn() {
      await using broker = await openMosquitto({ lines: ["max_packet_size 2000"] });
      await using listener = await listen(broker.url, { filter: "quartz/gw/cam/door/result" });
      using spool = makeSpool();
      const { publisher, logged } = openTestPublisher(broker.url, {
        protocol: "3.1.1",
        spool: withSpool ? spool.terms() : undefined,
      });
      await using _ = publisher;
      publisher.publish(sampleState());
      for (let id = 0; id < 100; id++) publisher.publish({ ...sampleResult(id), truth: id === 40 ? LONG : "dog" });
      await eventually(() => publisher.counts.queued === 0, "all settled");
      assertAccounted(publisher.counts, 101);
      assert.deepEqual([publisher.counts.published, publisher.counts.droppedByKind.result], [100, 1]);
      const errors = logged.filter(({ facts }) => facts.code === "publish.rejected");
      assert.equal(errors.length, 1);
      assert.match(errors[0].text, /door\/result .* closed on the same message 5 times/);
      await listener.until((heard) => heard.some(({ text }) => frameOf(text) === 99));
      const ids = [...new Set(listener.heard.map(({ text }) => frameOf(text)))];
      assert.deepEqual(ids.toSorted((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i).filter((i) => i !== 40));

      // The next one, even longer, costs no connection any more.
      const losses = logged.filter(({ facts }) => facts.code === "publish.lost").length;
      publisher.publish({ ...sampleResult(100), truth: `${LONG}${LONG}` });
      publisher.publish(sampleResult(101));
      await eventually(() => publisher.counts.published === 101, "the one behind it");
      assert.equal(publisher.counts.droppedByKind.result, 2);
      assert.equal(logged.filter(({ facts }) => facts.code === "publish.lost").length, losses);
    },
  });
}

Deno.test({
  name:
    "MQTT 3.1.1: a kept message on which mosquitto hangs up keeps nothing else back (needs Debian package mosquitto)",
  ignore: !mosquittoAvailable,
  async fn() {
    await using broker = await openMosquitto({ lines: ["max_packet_size 2000"] });
    const { publisher } = openTestPublisher(broker.url, { protocol: "3.1.1" });
    await using _ = publisher;
    publisher.publish(sampleHealth());
    const info = sampleInfo();
    publisher.publish({
      ...info,
      model: { ...info.model, labels: Array.from({ length: 999 }, (_, i) => `label-${i}`) },
    });
    publisher.publish(sampleState());
    for (let id = 0; id < 50; id++) publisher.publish(sampleResult(id));
    await eventually(() => publisher.counts.queued === 0, "all settled");
    assertAccounted(publisher.counts, 53);
    assert.deepEqual([publisher.counts.published, publisher.counts.droppedByKind.info], [52, 1]);
  },
});

Deno.test("a broker that hangs up on everything costs nothing: no message is blamed for it", async () => {
  let isIll = true;
  await using broker = await openScriptedBroker((topic) => isIll && !topic.endsWith("/status") ? "close" : 0);
  const { publisher } = openTestPublisher(broker.url, { protocol: "3.1.1", reconnectMsMin: 2, reconnectMsMax: 4 });
  await using _ = publisher;
  for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
  await eventually(() => broker.sessions >= 20, "twenty attempts");
  assert.deepEqual([publisher.counts.dropped, publisher.counts.queued], [0, 100]);
  isIll = false;
  await eventually(() => publisher.counts.published === 100, "all delivered");
  assert.deepEqual(
    broker.taken.filter(isResult).map(({ text }) => frameOf(text)),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

Deno.test("a broker that dies on its way through the queue, again and again, costs nothing", async () => {
  let left = 3; // results taken in each session
  await using broker = await openScriptedBroker((topic) => topic.endsWith("/result") && left-- <= 0 ? "close" : 0);
  const { publisher } = openTestPublisher(broker.url, { protocol: "3.1.1", reconnectMsMin: 2, reconnectMsMax: 4 });
  await using _ = publisher;
  publisher.publish(sampleState());
  for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
  for (let session = 0; publisher.counts.queued > 0; session = broker.sessions) {
    await eventually(() => broker.sessions > session || publisher.counts.queued === 0, "the next attempt");
    left = 3;
  }
  assert.deepEqual([publisher.counts.published, publisher.counts.dropped], [101, 0]);
  assert.ok(broker.sessions >= 20, `${broker.sessions} sessions`);
});

Deno.test("MQTT 5: a quota that is used up keeps messages waiting, in order, and is named", async () => {
  const takenIn = new Map<number, number>(); // by session: the first two have room for 30 each
  await using broker = await openScriptedBroker((topic, _text, session) => {
    if (!topic.endsWith("/result")) return 0;
    const taken = takenIn.get(session) ?? 0;
    if (session < 2 && taken >= 30) return 0x97;
    takenIn.set(session, taken + 1);
    return 0;
  });
  const clock = makeFastClock();
  const { publisher, logged } = openTestPublisher(broker.url, { protocol: "5", clock });
  await using _ = publisher;
  using _fast = clock;
  for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
  await eventually(() => publisher.counts.published === 100, "all delivered");
  assert.deepEqual(
    broker.taken.filter(isResult).map(({ text }) => frameOf(text)),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.equal(publisher.counts.dropped, 0);
  const refused = logged.filter(({ facts }) => facts.code === "publish.refused");
  assert.match(refused[0].text, /Quota exceeded/);
  assert.match(String(refused[0].facts.hint), /quota/);
  const waitsMs = refused.map(({ facts }) => Number(facts.retryMs));
  assert.ok(waitsMs.length === 2 && waitsMs.every((waitMs) => waitMs >= 2500), `waits ${waitsMs}`);
});

Deno.test("a broker that lives and forgets to answer gets its messages again, and nothing stands still", async () => {
  let taken = 0;
  await using broker = await openScriptedBroker((topic, _text, session) => {
    if (!topic.endsWith("/result")) return 0;
    return ++taken % 10 === 0 && session < 6 ? "silence" : 0;
  });
  const clock = makeFastClock();
  const { publisher, logged } = openTestPublisher(broker.url, { clock });
  await using _ = publisher;
  using _fast = clock;
  for (let id = 0; id < 500; id++) publisher.publish(sampleResult(id));
  await eventually(() => publisher.counts.published === 500, "all delivered");
  assert.equal(publisher.counts.dropped, 0);
  assert.equal(new Set(broker.taken.filter(isResult).map(({ text }) => frameOf(text))).size, 500);
  assert.match(
    logged.find(({ facts }) => facts.code === "publish.lost")?.text ?? "",
    /no answer to a message for 90 s/,
  );
});

Deno.test("a message that a broker never answers is given up in the end", async () => {
  await using broker = await openScriptedBroker((topic, text) =>
    topic.endsWith("/result") && frameOf(text) === 40 ? "silence" : 0
  );
  const clock = makeFastClock();
  const { publisher } = openTestPublisher(broker.url, { clock });
  await using _ = publisher;
  using _fast = clock;
  publisher.publish(sampleState());
  for (let id = 0; id < 100; id++) publisher.publish(sampleResult(id));
  await eventually(() => publisher.counts.queued === 0, "settled");
  assert.deepEqual([publisher.counts.published, publisher.counts.droppedByKind.result], [100, 1]);
});
