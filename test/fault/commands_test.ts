/** Commands through a real broker: retained, repeated, huge, forged and too many; and where answers may go. */

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { createCommandHandler } from "../../src/commands/command_handler.ts";
import { systemClock } from "../../src/core/clock.ts";
import { COMMAND_VERBS } from "../../src/core/commands.ts";
import type { Controls } from "../../src/ports/controls.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleResult } from "../support/sample_messages.ts";

const ignore = !mosquittoAvailable;
const NEEDS = "(needs Debian package mosquitto)";

/** A gateway that takes commands and notes what it did. */
function openGateway(url: string, protocol: "5" | "3.1.1") {
  const did: string[] = [];
  const controls: Controls = {
    cameras: ["door"],
    pause: (camera) => void did.push(`pause ${camera}`),
    resume: (camera) => void did.push(`resume ${camera}`),
    setThreshold: () => 0,
    snapshot: () => Promise.reject(new Error("no camera")),
    switchNetwork: () => Promise.reject(new Error("no network")),
    restart: () => void did.push("restart"),
    reload: null,
  };
  const handler = createCommandHandler({
    allow: COMMAND_VERBS,
    maxAgeMs: 60_000,
    ratePerMin: 100,
    controls,
    clock: systemClock,
    log: () => {},
  });
  return { ...openTestPublisher(url, { protocol, commands: handler.sink }), handler, did };
}

const command = (id: string, args: unknown = {}) => JSON.stringify({ id, ts: new Date().toISOString(), args });

for (const protocol of ["5", "3.1.1"] as const) {
  Deno.test({
    name: `MQTT ${protocol}: commands are answered, and retained, repeated, huge and too many ones do no harm ${NEEDS}`,
    ignore,
    async fn() {
      await using broker = await openMosquitto();
      const sender = await mqtt.connectAsync(broker.url, { protocolVersion: protocol === "5" ? 5 : 4 });
      const send = (verb: string, payload: string | Buffer, options: mqtt.IClientPublishOptions = { qos: 1 }) =>
        sender.publishAsync(`quartz/gw/cmd/${verb}`, payload, options);
      await send("pause", command("kept"), { qos: 1, retain: true }); // before anybody listens
      await using listener = await listen(broker.url, { filter: "quartz/gw/rsp/#" });
      const { publisher, handler, did } = openGateway(broker.url, protocol);
      await using _ = publisher;
      const answers = () => listener.heard.map(({ topic, text }) => ({ topic, ...JSON.parse(text) }));
      await listener.until((heard) => heard.length === 1);
      assert.deepEqual([answers()[0].error.code, did], ["retained", []]);

      await send("pause", command("one"));
      await send("pause", command("one"));
      await listener.until((heard) => heard.length === 3);
      assert.deepEqual(did, ["pause door"]);
      assert.deepEqual(answers().slice(1).map(({ topic, id, status }) => [topic, id, status]), [
        ["quartz/gw/rsp/pause", "one", "ok"],
        ["quartz/gw/rsp/pause", "one", "ok"],
      ]);
      await send("pause", Buffer.alloc(1_000_000, 0x20)).catch(() => {}); // an MQTT 5 broker keeps it from us
      await send("__proto__", command("two"));
      await send("pause", command("three", JSON.parse('{"__proto__":{"camera":"door"}}')));
      await send("Weird $verb", command("four"));
      const refused = protocol === "5" ? 3 : 4;
      await listener.until((heard) => heard.length === 3 + refused);
      const codes = answers().slice(3).map(({ topic, error }) =>
        `${topic.slice("quartz/gw/rsp/".length)} ${error.code}`
      );
      assert.deepEqual(codes, [
        ...(protocol === "5" ? [] : ["pause too_large"]),
        "__proto__ unknown_verb",
        "pause invalid",
        "unknown unknown_verb",
      ]);
      await Promise.all(Array.from({ length: 1000 }, (_, i) => send("ping", command(`flood-${i}`))));
      await eventually(() => handler.counts.ignored >= 880, "the flood is ignored");
      assert.ok(handler.counts.done <= 101, `${handler.counts.done} done`);
      assert.deepEqual(did, ["pause door"]);
      assert.equal(publisher.state, "online");
      await sender.endAsync();
    },
  });
}

Deno.test({
  name:
    `MQTT 5: an answer goes to the response topic with its correlation data, but not onto gateways' own topics ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using listener = await listen(broker.url, { protocolVersion: 5 });
    const { publisher } = openGateway(broker.url, "5");
    await using _ = publisher;
    await listener.until((heard) => heard.length === 1); // online: what is sent from here on is heard
    const sender = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
    const ask = (id: string, responseTopic: string) =>
      sender.publishAsync("quartz/gw/cmd/ping", command(id), {
        qos: 1,
        properties: { responseTopic, correlationData: Buffer.from(`for ${id}`) },
      });
    const rows = [
      ["a", "console/7/answers", "console/7/answers"],
      ["b", "quartz/other/cmd/restart", "quartz/gw/rsp/ping"],
      ["c", "quartz/gw/status", "quartz/gw/rsp/ping"],
      ["d", "quartz/gw/rsp/mine", "quartz/gw/rsp/mine"],
    ];
    for (const [id, wanted] of rows) await ask(id, wanted);
    const answers = () => listener.heard.filter(({ text }) => text.includes("quartz.response.v1"));
    await listener.until(() => answers().length === rows.length);
    assert.deepEqual(
      answers().map(({ topic, text, properties }) => [JSON.parse(text).id, topic, String(properties?.correlationData)]),
      rows.map(([id, , topic]) => [id, topic, `for ${id}`]),
    );
    await sender.endAsync();
  },
});

Deno.test("a broker that does not let a gateway hear commands is named, and results go on", async () => {
  // mosquitto grants every subscription and passes nothing on; this one says no.
  const broker = await Aedes.createBroker({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const { publisher, logged } = openGateway(`mqtt://127.0.0.1:${port}`, "3.1.1");
  publisher.publish(sampleResult());
  await eventually(() => publisher.problem?.what === "commands", "named");
  assert.match(publisher.problem?.text ?? "", /subscribe to quartz\/gw\/cmd\/\+/);
  assert.equal(logged.filter(({ facts }) => facts.code === "publish.subscribe").length, 1);
  await eventually(() => publisher.counts.published === 1, "results go on");
  await publisher.stop();
  await new Promise<void>((resolve) => broker.close(resolve));
  await new Promise((resolve) => server.close(resolve));
});
