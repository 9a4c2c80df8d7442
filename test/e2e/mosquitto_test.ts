/** What a user's own tools see: mosquitto_sub prints the payloads, an MQTT 5 subscriber finds the properties. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { PAYLOADS } from "../../src/publish/payload_schema.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleHealth, sampleInfo, sampleLatency, sampleResult, sampleState } from "../support/sample_messages.ts";

const ignore = !mosquittoAvailable;

Deno.test({
  name: "mosquitto_sub prints payloads that obey the published schemas (needs Debian packages mosquitto, -clients)",
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    const { publisher } = openTestPublisher(broker.url);
    await using _ = publisher;
    await eventually(() => publisher.state === "online", "online");
    const args = ["-p", String(broker.port), "-t", "quartz/#", "-v", "-C", "6", "-W", "10", "-q", "1"];
    const reader = spawn("mosquitto_sub", args, { stdio: ["ignore", "pipe", "ignore"] });
    let printed = "";
    reader.stdout.setEncoding("utf8").on("data", (text: string) => printed += text);
    const ended = new Promise((resolve) => reader.once("close", resolve));
    await eventually(() => printed.includes("quartz/gw/status online"), "subscribed");
    for (const message of [sampleInfo(), sampleHealth(), sampleLatency(), sampleState(), sampleResult()]) {
      publisher.publish(message);
    }
    await ended;
    const payloads = new Map(
      printed.trimEnd().split("\n").map((line) => {
        const space = line.indexOf(" ");
        return [line.slice("quartz/gw/".length, space), line.slice(space + 1)];
      }),
    );
    const topics = {
      info: "info",
      health: "health",
      latency: "cam/door/latency",
      state: "cam/door/state",
      result: "cam/door/result",
    } as const;
    for (const [kind, topic] of Object.entries(topics)) {
      PAYLOADS[kind as keyof typeof PAYLOADS].parse(JSON.parse(payloads.get(topic) ?? "null"));
    }
  },
});

Deno.test({
  name: "MQTT 5 messages say what they are and when they expire (needs Debian package mosquitto)",
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using listener = await listen(broker.url, { protocolVersion: 5, filter: "quartz/gw/#" });
    const { publisher } = openTestPublisher(broker.url);
    await using _ = publisher;
    publisher.publish(sampleLatency(10_000));
    publisher.publish(sampleResult());
    await listener.until((heard) => heard.length === 3);
    const latency = listener.heard.find(({ topic }) => topic.endsWith("/latency"))?.properties;
    const result = listener.heard.find(({ topic }) => topic.endsWith("/result"))?.properties;
    assert.equal(publisher.protocol, "5");
    assert.equal(result?.contentType, "application/json");
    assert.equal(result?.userProperties?.schema, "quartz.result.v1");
    assert.equal(result?.messageExpiryInterval, undefined);
    assert.ok((latency?.messageExpiryInterval ?? 0) > 15);
  },
});
