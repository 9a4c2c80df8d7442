/** What every `Publisher` must do, whatever broker is behind it. */

import assert from "node:assert/strict";
import type { Message } from "../../src/core/messages.ts";
import type { Publisher, PublisherCounts } from "../../src/ports/publisher.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import {
  sampleCameraStatus,
  sampleEvent,
  sampleHealth,
  sampleInfo,
  sampleLatency,
  samplePower,
  sampleResult,
  sampleState,
} from "../support/sample_messages.ts";

/** A broker that runs, and a publisher of gateway `gw` under `quartz` that goes to it. */
export interface PublisherHarness extends AsyncDisposable {
  readonly url: string;
  open(): Publisher;
}

/** Registers the suite under `name`. */
export function publisherSuite(
  name: string,
  openHarness: () => Promise<PublisherHarness>,
  options: { readonly ignore?: boolean } = {},
): void {
  const test = (title: string, run: (harness: PublisherHarness) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${title}`,
      ignore: options.ignore ?? false,
      async fn() {
        await using harness = await openHarness();
        await run(harness);
      },
    });

  test("every kind arrives on its topic with its quality of service", async (harness) => {
    await using listener = await listen(harness.url);
    await using publisher = harness.open();
    const topics: Record<Message["kind"], string> = {
      info: "quartz/gw/info",
      health: "quartz/gw/health",
      latency: "quartz/gw/cam/door/latency",
      power: "quartz/gw/power",
      cameraStatus: "quartz/gw/cam/door/status",
      state: "quartz/gw/cam/door/state",
      result: "quartz/gw/cam/door/result",
      event: "quartz/gw/event",
    };
    for (const message of oneOfEach()) publisher.publish(message);
    await listener.until((heard) => Object.values(topics).every((topic) => heard.some((one) => one.topic === topic)));
    const isOnce = (topic: string) => topic === topics.latency || topic === topics.power;
    for (const { topic, qos } of listener.heard) assert.equal(qos, isOnce(topic) ? 0 : 1, topic);
  });

  test("status comes first, then info, then the other kept topics, then the queue", async (harness) => {
    await using listener = await listen(harness.url);
    await using publisher = harness.open();
    // All of QoS 1: MQTT promises no order between messages of different qualities of service.
    for (const message of [sampleResult(), sampleState(), sampleInfo()]) publisher.publish(message);
    await listener.until((heard) => heard.length === 4);
    assert.deepEqual(listener.heard.map(({ topic }) => topic.slice("quartz/gw/".length)), [
      "status",
      "info",
      "cam/door/state",
      "cam/door/result",
    ]);
  });

  test("kept topics, and only they, are there for a late listener", async (harness) => {
    await using publisher = harness.open();
    for (const message of oneOfEach()) publisher.publish(message);
    await eventually(() => publisher.counts.published === 8, "all published");
    await using listener = await listen(harness.url);
    await listener.until((heard) => heard.length >= 5);
    assert.deepEqual(
      listener.heard.map(({ topic, retain }) => `${topic.slice("quartz/gw/".length)} ${retain}`).sort(),
      ["cam/door/state true", "cam/door/status true", "health true", "info true", "status true"],
    );
  });

  test("results arrive in order, and every message has exactly one count", async (harness) => {
    await using listener = await listen(harness.url, { filter: "quartz/gw/cam/door/result" });
    await using publisher = harness.open();
    const count = 500;
    for (let id = 0; id < count; id++) {
      publisher.publish(sampleResult(id));
      publisher.publish(sampleState());
      assertAccounted(publisher.counts, 2 * (id + 1));
    }
    await listener.until((heard) => heard.length >= count);
    assert.deepEqual(
      listener.heard.map(({ text }) => JSON.parse(text).frame.id),
      Array.from({ length: count }, (_, i) => i),
    );
    await eventually(() => publisher.counts.queued === 0, "nothing queued");
    assertAccounted(publisher.counts, 2 * count);
    assert.equal(publisher.counts.dropped, 0);
  });

  test("state is online with no problem, and offline after stop", async (harness) => {
    const publisher = harness.open();
    await eventually(() => publisher.state === "online", "online");
    assert.equal(publisher.problem, null);
    await publisher.stop();
    assert.equal(publisher.state, "offline");
  });

  test("stop delivers what waits, says stopped, and may be called twice", async (harness) => {
    await using listener = await listen(harness.url);
    const publisher = harness.open();
    await eventually(() => publisher.state === "online", "online");
    for (let id = 0; id < 200; id++) publisher.publish(sampleResult(id));
    const first = publisher.stop();
    assert.equal(publisher.stop(), first);
    await first;
    await publisher[Symbol.asyncDispose]();
    await listener.until((heard) => heard.at(-1)?.text === "stopped");
    assert.equal(listener.heard.length, 202); // online, results, stopped
    assertAccounted(publisher.counts, 200);
    assert.equal(publisher.counts.published, 200);
  });

  test("a message after stop is dropped and counted", async (harness) => {
    const publisher = harness.open();
    await publisher.stop();
    publisher.publish(sampleResult());
    assert.equal(publisher.counts.dropped, 1);
    assert.equal(publisher.counts.droppedByKind.result, 1);
  });

  test("a message that cannot be encoded is dropped and counted, and hinders nothing", async (harness) => {
    await using listener = await listen(harness.url, { filter: "quartz/gw/cam/#" });
    await using publisher = harness.open();
    publisher.publish({ ...sampleResult(), camera: "no/such#id" });
    publisher.publish({ ...sampleState(), sinceWallMs: Number.NaN });
    publisher.publish(sampleResult(7));
    await listener.until((heard) => heard.length === 1);
    assert.equal(JSON.parse(listener.heard[0].text).frame.id, 7);
    assert.equal(publisher.counts.dropped, 2);
  });
}

/** messages given to `publish` + recovered = published + replaced + queued + dropped */
export function assertAccounted(counts: PublisherCounts, given: number): void {
  const { recovered, published, replaced, queued, dropped, droppedByKind } = counts;
  assert.equal(published + replaced + queued + dropped, given + recovered, JSON.stringify(counts));
  assert.equal(Object.values(droppedByKind).reduce((sum, count) => sum + count), dropped, JSON.stringify(counts));
}

function oneOfEach(): Message[] {
  return [
    sampleResult(),
    sampleState(),
    sampleLatency(),
    samplePower(),
    sampleHealth(),
    sampleInfo(),
    sampleCameraStatus(),
    sampleEvent(),
  ];
}
