/** The discovery message on a real broker: its place in the order, and broker and Home Assistant restarts, and removal. */

import assert from "node:assert/strict";
import mqtt from "mqtt";
import type { Clock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { Announcer } from "../../src/publish/home_assistant/announcer.ts";
import { describeDevice } from "../../src/publish/home_assistant/device.ts";
import type { MqttPublisher } from "../../src/publish/mqtt_publisher.ts";
import { teePublisher } from "../../src/publish/tee_publisher.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { type Mosquitto, mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, type Heard, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleHealth, sampleInfo, sampleState } from "../support/sample_messages.ts";

const TOPIC = "homeassistant/device/quartz_gw/config";

/** A publisher with an announcer, as a gateway has them; the announcer's waits go by `clock`. */
function openGateway(url: string, clock: Clock, cameras: string[], protocol: "5" | "3.1.1") {
  let current = cameras;
  let publisher: MqttPublisher | null = null;
  const announcer = new Announcer({
    prefix: "homeassistant",
    gatewayId: "gw",
    clock,
    random: createRandom(1),
    log: () => {},
    describe: (info) =>
      describeDevice({
        baseTopic: "quartz",
        gatewayId: "gw",
        name: "gw",
        version: info.version,
        backend: info.backend,
        cameras: current.map((id) => ({ id, classes: info.model.labels })),
        meters: [],
        allow: [],
        latencyEveryS: 10,
        powerEveryS: 10,
        pageUrl: null,
      }),
    keep: (topic, payload) => publisher!.keep(topic, payload),
  });
  publisher = openTestPublisher(url, { subscriptions: announcer.subscriptions, protocol }).publisher;
  const tee = teePublisher(publisher, [announcer], () => {});
  return {
    publisher: tee,
    setCameras(cameras: string[]) {
      current = cameras;
      tee.publish(sampleInfo());
    },
    async [Symbol.asyncDispose]() {
      await announcer[Symbol.asyncDispose]();
      await tee.stop();
    },
  };
}

const announced = (heard: readonly Heard[]) => heard.filter(({ topic }) => topic === TOPIC);
/** The camera entities of the newest message: those that are there, and those that are named as removed. */
function entities(heard: readonly Heard[]): { present: string[]; removed: string[] } {
  const { cmps } = JSON.parse(announced(heard).at(-1)?.text ?? '{"cmps":{}}') as { cmps: Record<string, object> };
  const classes = Object.entries(cmps).filter(([key]) => key.endsWith("_class"));
  const of = (isPresent: boolean) =>
    classes.filter(([, one]) => (Object.keys(one).length > 1) === isPresent).map(([key]) => key);
  return { present: of(true), removed: of(false) };
}
const isNow = (present: string[], removed: string[]) => (heard: readonly Heard[]) => {
  const now = entities(heard);
  return String(now.present) === String(present) && String(now.removed) === String(removed);
};

for (const protocol of ["5", "3.1.1"] as const) {
  const test = (title: string, run: (broker: Mosquitto) => Promise<void>) =>
    Deno.test({
      name: `discovery, MQTT ${protocol}: ${title} (needs Debian package mosquitto)`,
      ignore: !mosquittoAvailable,
      async fn() {
        await using broker = await openMosquitto();
        await run(broker);
      },
    });

  test("comes behind status and info, and survives a broker that forgot all", async (broker) => {
    await using listener = await listen(broker.url);
    await using gateway = openGateway(broker.url, createFakeClock(), ["door"], protocol);
    for (const message of [sampleState(), sampleHealth(), sampleInfo()]) gateway.publisher.publish(message);
    await listener.until((heard) => heard.length === 5);
    const topics = ["quartz/gw/status", "quartz/gw/info", TOPIC, "quartz/gw/cam/door/state", "quartz/gw/health"];
    assert.deepEqual(listener.heard.map(({ topic }) => topic), topics);
    assert.equal(announced(listener.heard)[0].qos, 1);
    await broker.kill();
    await broker.start();
    await eventually(() => gateway.publisher.state === "online", "online again");
    await using late = await listen(broker.url);
    await late.until((heard) => topics.every((topic) => heard.some((one) => one.topic === topic)));
    assert.equal(announced(late.heard)[0].text, announced(listener.heard)[0].text);
  });

  test("is sent again once Home Assistant says that it started, and not at once", async (broker) => {
    const clock = createFakeClock();
    await using gateway = openGateway(broker.url, clock, ["door"], protocol);
    await using listener = await listen(broker.url);
    gateway.publisher.publish(sampleInfo());
    await listener.until((heard) => announced(heard).length === 1);
    const assistant = await mqtt.connectAsync(broker.url);
    for (const word of ["offline", "online", "online"]) {
      await assistant.publishAsync("homeassistant/status", word, { qos: 1 });
    }
    await eventually(() => clock.sleepers === 1, "waits");
    await clock.advance(990);
    assert.equal(announced(listener.heard).length, 1);
    await clock.advance(4100);
    await listener.until((heard) => announced(heard).length === 2);
    assert.equal(announced(listener.heard)[1].text, announced(listener.heard)[0].text);
    await assistant.endAsync();
  });

  test("names entities as removed for a while, those of an earlier run too", async (broker) => {
    const clock = createFakeClock();
    await using listener = await listen(broker.url, { filter: TOPIC });
    {
      await using first = openGateway(broker.url, clock, ["door", "yard", "gate"], protocol);
      first.publisher.publish(sampleInfo());
      await listener.until(isNow(["cam_door_class", "cam_yard_class", "cam_gate_class"], []));
      first.setCameras(["door", "yard"]);
      await listener.until(isNow(["cam_door_class", "cam_yard_class"], ["cam_gate_class"]));
    }
    await using second = openGateway(broker.url, clock, ["door"], protocol);
    second.publisher.publish(sampleInfo());
    await listener.until(isNow(["cam_door_class"], ["cam_yard_class"])); // gate was named as removed already
    await eventually(() => clock.sleepers === 1, "waits");
    await clock.advance(10_000);
    await listener.until(isNow(["cam_door_class"], []));
    second.setCameras(["door", "gate"]);
    await listener.until(isNow(["cam_door_class", "cam_gate_class"], []));
  });

  test("an empty message makes the broker forget the device, for good", async (broker) => {
    const { publisher } = openTestPublisher(broker.url, { protocol });
    await using _ = publisher;
    publisher.keep(TOPIC, "{}");
    await eventually(() => publisher.state === "online", "online");
    {
      await using listener = await listen(broker.url, { filter: TOPIC });
      await listener.until((heard) => heard.length === 1);
      publisher.keep(TOPIC, "");
      await listener.until((heard) => heard.at(-1)?.text === "");
    }
    await using late = await listen(broker.url, { filter: "#" });
    await late.until((heard) => heard.length >= 1);
    assert.deepEqual(late.heard.map(({ topic }) => topic), ["quartz/gw/status"]);
    assert.deepEqual([publisher.counts.published, publisher.counts.queued, publisher.counts.dropped], [0, 0, 0]);
  });
}

Deno.test({
  name: "whatever stands on the discovery topic does no harm (needs Debian package mosquitto)",
  ignore: !mosquittoAvailable,
  async fn() {
    await using broker = await openMosquitto();
    const other = await mqtt.connectAsync(broker.url);
    await using listener = await listen(broker.url, { filter: TOPIC });
    for (
      const payload of [
        "{",
        "null",
        "[]",
        '{"cmps":null}',
        '{"cmps":{"a":null,"b":7,"c":{"p":3},"__proto__":{"p":"x","y":1}}}',
      ]
    ) {
      await other.publishAsync(TOPIC, payload, { qos: 1, retain: true });
      await using gateway = openGateway(broker.url, createFakeClock(), ["door"], "5");
      gateway.publisher.publish(sampleInfo());
      await listener.until((heard) => isAnnouncement(heard.at(-1)?.text ?? "") && isNow(["cam_door_class"], [])(heard));
      assert.equal(gateway.publisher.state, "online");
    }
    await other.endAsync();
  },
});

function isAnnouncement(text: string): boolean {
  return text.includes('"quartz-edge"');
}
