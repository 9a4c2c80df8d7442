/** The rules of Sparkplug 3.0 by their ids, on a real broker, heard by a host that decodes with Eclipse Tahu's code. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandRequest } from "../../src/ports/commands.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { DATATYPES } from "../../src/publish/sparkplug/codec.ts";
import { type SparkplugOptions, SparkplugPublisher } from "../../src/publish/sparkplug/sparkplug_publisher.ts";
import { type Mosquitto, mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually } from "../support/mqtt_listener.ts";
import {
  sampleCameraStatus,
  sampleHealth,
  sampleInfo,
  sampleLatency,
  samplePower,
  sampleResult,
  sampleState,
} from "../support/sample_messages.ts";
import { type HostMessage, metricOf, openSparkplugHost, type SparkplugHost } from "../support/sparkplug_host.ts";

const POWER = {
  everyMs: 100,
  edpConvention: "",
  idleBaseline: "",
  meters: samplePower().sources.map(({ id, kind, scope, method }) => ({ id, kind, scope, method, detail: "" })),
};
const INFO = { ...sampleInfo(), power: POWER };

interface Edge extends AsyncDisposable {
  readonly publisher: SparkplugPublisher;
  readonly commands: CommandRequest[];
  readonly problems: (string | null)[];
}

function openEdge(url: string, options: Partial<SparkplugOptions> = {}): Edge {
  const commands: CommandRequest[] = [];
  const problems: (string | null)[] = [];
  const publisher = new SparkplugPublisher({
    url,
    group: "plant 1",
    node: "gw",
    protocol: "auto",
    connectTimeoutMs: 2000,
    clientId: `edge-${crypto.randomUUID().slice(0, 8)}`,
    primaryHost: null,
    stateFile: null,
    historyMax: 100,
    allow: ["pause", "resume", "set_threshold"],
    commands: (request) => commands.push(request),
    onProblem: (text) => problems.push(text),
    reconnectMsMin: 20,
    reconnectMsMax: 100,
    clock: systemClock,
    random: createRandom(1),
    log: () => {},
    ...options,
  });
  return { publisher, commands, problems, [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose]() };
}

/** A node with one camera, born and told of everything once. */
async function born(host: SparkplugHost, edge: Edge): Promise<void> {
  for (const message of [INFO, sampleCameraStatus()]) edge.publisher.onMessage(message);
  await host.until((heard) => heard.some(({ type }) => type === "DBIRTH"), "births");
}

function test(title: string, run: (broker: Mosquitto, host: SparkplugHost) => Promise<void>): void {
  Deno.test({
    name: `sparkplug: ${title} (needs Debian package mosquitto)`,
    ignore: !mosquittoAvailable,
    async fn() {
      await using broker = await openMosquitto();
      await using host = await openSparkplugHost(broker.url);
      await run(broker, host);
    },
  });
}

/** Rules of every message of a session that came to its end, by the ids of the specification and its test kit. */
const RULES: Readonly<Record<string, (heard: readonly HostMessage[]) => boolean>> = {
  "topics-nbirth-mqtt, payloads-nbirth-qos, -retain": (heard) => plain(heard, "NBIRTH"),
  "topics-dbirth-mqtt, payloads-dbirth-qos, -retain": (heard) => plain(heard, "DBIRTH"),
  "topics-ndata-mqtt, payloads-ndata-qos, -retain": (heard) => plain(heard, "NDATA"),
  "topics-ddata-mqtt, payloads-ddata-qos, -retain": (heard) => plain(heard, "DDATA"),
  "topics-ddeath-mqtt, payloads-ddeath-seq": (heard) => plain(heard, "DDEATH"),
  "principles-birth-certificates-order": ([first]) => first.type === "NBIRTH",
  "payloads-nbirth-seq, payloads-sequence-num-zero-nbirth": (heard) => all(heard, "NBIRTH", ({ seq }) => seq === 0),
  "payloads-sequence-num-always-included": (heard) =>
    heard.every(({ type, seq }) => (type === "NDEATH") === (seq === null)),
  "payloads-sequence-num-incrementing, topics-dbirth-seq": (heard) =>
    heard.filter(({ type }) => type !== "NDEATH").every(({ type, seq }, i, list) =>
      type === "NBIRTH" || seq === (list[i - 1].seq! + 1) % 256
    ),
  "payloads-nbirth-timestamp, payloads-dbirth-timestamp, payloads-ndata-timestamp": (heard) =>
    heard.every(({ timestamp }) => timestamp !== null && Math.abs(timestamp - Date.now()) < 60_000),
  "payloads-name-birth-data-requirement": (heard) =>
    heard.every(({ metrics }) => metrics.every(({ timestamp }) => timestamp !== null)),
  "payloads-nbirth-bdseq": (heard) =>
    all(heard, "NBIRTH", (birth) => metricOf(birth, "bdSeq").datatype === DATATYPES.Int64),
  "operational-behavior-data-commands-rebirth-name, -datatype, -value": (heard) =>
    all(heard, "NBIRTH", (birth) => {
      const { datatype, value } = metricOf(birth, "Node Control/Rebirth");
      return datatype === DATATYPES.Boolean && value === false;
    }),
  "operational-behavior-data-commands-rebirth-name-aliases": (heard) =>
    all(heard, "NBIRTH", (birth) => metricOf(birth, "Node Control/Rebirth").alias === null),
  "payloads-alias-birth-requirement": (heard) =>
    births(heard).every(({ metrics }) =>
      metrics.every(({ name, alias }) =>
        name !== null && (alias !== null || ["bdSeq", "Node Control/Rebirth"].includes(name))
      )
    ),
  "payloads-alias-uniqueness": (heard) => {
    const names = new Map<number, string>();
    return births(heard).every(({ device, metrics }) =>
      metrics.every(({ alias, name }) => {
        const full = `${device}/${name}`;
        if (alias === null) return true;
        const before = names.get(alias);
        names.set(alias, full);
        return before === undefined || before === full;
      })
    );
  },
  "payloads-alias-data-cmd-requirement": (heard) =>
    data(heard).every(({ metrics }) => metrics.every(({ name, alias }) => name === null && alias !== null)),
  "payloads-metric-datatype-req, payloads-metric-datatype-value": (heard) =>
    births(heard).every(({ metrics }) =>
      metrics.every(({ datatype }) => Object.values(DATATYPES).includes(datatype ?? -1))
    ),
  "payloads-metric-datatype-not-req": (heard) =>
    data(heard).every(({ metrics }) => metrics.every(({ datatype }) => datatype === null)),
  "payloads-dbirth-order": (heard) =>
    heard.every(({ type, device }, i) =>
      type !== "DDATA" ||
      heard.slice(0, i).findLast((one) => one.device === device)?.type !== "DDEATH" &&
        heard.slice(0, i).some((one) => one.type === "DBIRTH" && one.device === device)
    ),
  "births list every metric that data will hold": (heard) => {
    const known = new Set<number>();
    return heard.every(({ type, metrics }) => {
      if (!type.endsWith("DATA")) { for (const { alias } of metrics) if (alias !== null) known.add(alias); }
      return metrics.every(({ alias }) => alias === null || known.has(alias));
    });
  },
  "topics-ndeath-payload, payloads-ndeath-seq": (heard) =>
    all(heard, "NDEATH", ({ metrics, seq }) => metrics.length === 1 && metrics[0].name === "bdSeq" && seq === null),
  "payloads-ndeath-will-message-qos, -retain": (heard) =>
    all(heard, "NDEATH", ({ qos, retain }) => qos === 1 && !retain),
  "payloads-ndeath-bdseq": (heard) =>
    heard.every((one, i) =>
      one.type !== "NDEATH" ||
      metricOf(one, "bdSeq").value ===
        metricOf(heard.slice(0, i).findLast(({ type }) => type === "NBIRTH")!, "bdSeq").value
    ),
  "operational-behavior-edge-node-intentional-disconnect-ndeath": (heard) => heard.at(-1)?.type === "NDEATH",
};

const plain = (heard: readonly HostMessage[], type: string) =>
  all(heard, type, ({ qos, retain }) => qos === 0 && !retain);
const births = (heard: readonly HostMessage[]) => heard.filter(({ type }) => type.endsWith("BIRTH"));
const data = (heard: readonly HostMessage[]) => heard.filter(({ type }) => type.endsWith("DATA"));
/** True when there are such messages and all of them are as they should be. */
function all(heard: readonly HostMessage[], type: string, rule: (message: HostMessage) => boolean): boolean {
  const those = heard.filter((one) => one.type === type);
  return those.length > 0 && those.every(rule);
}

test("a whole session keeps the rules of the specification", async (broker, host) => {
  {
    await using edge = openEdge(broker.url);
    await born(host, edge);
    for (let i = 0; i < 300; i++) edge.publisher.onMessage({ ...sampleState(), confidence: i / 300 });
    for (const message of [sampleLatency(), sampleHealth(), samplePower(), sampleResult()]) {
      edge.publisher.onMessage(message);
    }
    edge.publisher.onMessage(sampleCameraStatus("error"));
    edge.publisher.onMessage(sampleState("dog")); // a camera that is not there tells nothing
    edge.publisher.onMessage(sampleCameraStatus("online"));
    await host.until((heard) => heard.filter(({ type }) => type === "DBIRTH").length === 2, "born again");
  }
  await host.until((heard) => heard.at(-1)?.type === "NDEATH", "the death");
  for (const [ids, rule] of Object.entries(RULES)) assert.ok(rule(host.heard), ids);
  assert.ok(host.heard.length > 300);
  assert.deepEqual(
    new Set(host.heard.map(({ topic }) => topic)),
    new Set([
      ...["NBIRTH", "NDATA", "NDEATH"].map((type) => `spBv1.0/plant 1/${type}/gw`),
      ...["DBIRTH", "DDATA", "DDEATH"].map((type) => `spBv1.0/plant 1/${type}/gw/door`),
    ]),
  );
});

Deno.test("sparkplug: the rules find what breaks them", () => {
  const message = { type: "NBIRTH", topic: "", device: null, qos: 1, retain: true, timestamp: null, seq: 3 } as const;
  const metric = {
    alias: 1,
    timestamp: null,
    datatype: null,
    isHistorical: false,
    isNull: false,
    value: true,
  } as const;
  const birth = { ...message, metrics: ["bdSeq", "Node Control/Rebirth"].map((name) => ({ ...metric, name })) };
  const wrong = [birth, { ...birth, type: "DDATA", device: "door" }, { ...birth, type: "NDEATH" }, {
    ...birth,
    metrics: [],
  }];
  const kept = Object.entries(RULES).filter(([, rule]) => rule(wrong)).map(([ids]) => ids);
  // What this wrong session happens to keep; a good one is above.
  assert.deepEqual(kept, [
    "principles-birth-certificates-order",
    "payloads-alias-birth-requirement",
    "payloads-metric-datatype-not-req",
    "births list every metric that data will hold",
    "payloads-ndeath-bdseq",
  ]);
});

test("values arrive as what they are: numbers, null for what is unknown, negative indices", async (broker, host) => {
  await using edge = openEdge(broker.url);
  edge.publisher.onMessage(INFO);
  for (const message of [sampleHealth(), samplePower()]) edge.publisher.onMessage(message);
  edge.publisher.onMessage({ ...sampleState(), index: -1, classId: "unknown" });
  edge.publisher.onMessage(sampleCameraStatus());
  await host.until((heard) => heard.some(({ type }) => type === "DBIRTH"), "births");
  const values = (type: string) =>
    Object.fromEntries(
      host.heard.findLast((one) => one.type === type)!.metrics.map((
        { name, value, isNull },
      ) => [name, isNull ? null : value]),
    );
  const device = values("DBIRTH");
  assert.equal(device["class"], "unknown");
  assert.equal(Number(device["class_index"]) | 0, -1);
  assert.equal(device["confidence"], 0.93);
  assert.equal(device["class_since"], sampleState().sinceWallMs);
  assert.equal(device["latency/end_to_end/p99_ms"], null);
  assert.equal(device["frames/dropped_busy"], 201);
  assert.equal(device["Device Control/Threshold"], 0.6);
  assert.equal(device["Device Control/Pause"], false);
  await host.write("spBv1.0/plant 1/NCMD/gw", [{ name: "Node Control/Rebirth", datatype: 11, booleanValue: true }]);
  await host.until((heard) => heard.filter(({ type }) => type === "NBIRTH").length === 2, "born again");
  const node = values("NBIRTH");
  assert.equal(node["power/vdd_in/measured_w"], 6.42);
  assert.equal(node["power/vdd_cpu/measured_w"], null);
  assert.equal(node["power/snn_model/estimated_w"], 0.0003);
  assert.equal(node["health/status"], "degraded");
});

test("a rebirth keeps bdSeq and begins at seq 0; a burst of requests is one", async (broker, host) => {
  await using edge = openEdge(broker.url);
  await born(host, edge);
  edge.publisher.onMessage(sampleState());
  const rebirth = [{ name: "Node Control/Rebirth", datatype: 11, booleanValue: true }];
  for (let i = 0; i < 5; i++) await host.write("spBv1.0/plant 1/NCMD/gw", rebirth);
  await host.until((heard) => births(heard).length >= 4, "born again");
  edge.publisher.onMessage(sampleState("dog"));
  await host.until((heard) => heard.at(-1)?.type === "DDATA", "data");
  const [first, second] = host.heard.filter(({ type }) => type === "NBIRTH");
  assert.equal(births(host.heard).length, 4);
  assert.deepEqual([second.seq, metricOf(second, "bdSeq").value], [0, metricOf(first, "bdSeq").value]);
  await host.write("spBv1.0/plant 1/NCMD/gw", [{ name: "Node Control/Rebirth", datatype: 11, booleanValue: false }]);
  await host.write("spBv1.0/plant 1/NCMD/gw", rebirth, true);
});

test("writes to a device are commands of the gateway, by name or alias", async (broker, host) => {
  await using edge = openEdge(broker.url);
  await born(host, edge);
  const { alias } = metricOf(births(host.heard)[1], "Device Control/Threshold");
  const topic = "spBv1.0/plant 1/DCMD/gw/door";
  await host.write(topic, [{ name: "Device Control/Pause", datatype: 11, booleanValue: true }]);
  await host.write(topic, [{ alias, datatype: 10, doubleValue: 0.25 }]);
  await host.write(topic, [{ name: "class", datatype: 12, stringValue: "dog" }, {
    name: "Device Control/Pause",
    stringValue: "no",
  }]);
  await host.write("spBv1.0/plant 1/DCMD/gw/garden", [{
    name: "Device Control/Pause",
    datatype: 11,
    booleanValue: true,
  }]);
  await eventually(() => edge.commands.length === 2, "two commands");
  const sent = edge.commands.map(({ verb, payload }) => [verb, JSON.parse(new TextDecoder().decode(payload)).args]);
  assert.deepEqual(sent, [
    ["pause", { camera: "door", paused: true }],
    ["set_threshold", { camera: "door", threshold: 0.25 }],
  ]);
});

test(
  "what happened while nobody was told comes behind the births, marked as historical, oldest dropped",
  async (broker, host) => {
    // Messages of QoS 0 are for those who listen: the primary host says that it does.
    await using edge = openEdge(broker.url, { historyMax: 10, primaryHost: "scada" });
    await host.state("scada", true, 1);
    await born(host, edge);
    await broker.kill();
    await eventually(() => edge.publisher.state !== "online", "offline");
    host.heard.length = 0;
    for (let i = 1; i <= 14; i++) edge.publisher.onMessage({ ...sampleState(), confidence: i / 100 });
    assert.equal(edge.publisher.counts.queued, 10);
    assert.equal(edge.publisher.counts.droppedByKind.state, 4);
    await broker.start();
    await host.state("scada", true, 2);
    await host.until(
      (heard) => heard.some(({ metrics }) => metrics.some(({ isHistorical }) => isHistorical)),
      "history",
    );
    const from = host.heard.findIndex(({ type }) => type === "NBIRTH");
    const [, dbirth, history] = host.heard.slice(from);
    assert.equal(metricOf(dbirth, "confidence").value, 0.14, "a birth has current values");
    const { alias } = metricOf(dbirth, "confidence");
    const past = history.metrics.filter((one) => one.alias === alias);
    assert.deepEqual(past.map(({ value }) => value), [5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map((i) => i / 100));
    assert.ok(past.every(({ isHistorical, timestamp }) => isHistorical && timestamp! <= history.timestamp!));
    assert.equal(edge.publisher.counts.queued, 0);
    assert.equal(metricOf(host.heard[from], "bdSeq").value !== 0, true, "bdSeq steps at every CONNECT");
  },
);

test(
  "a gateway that is killed is told dead by the broker; bdSeq goes on over restarts and wraps",
  async (broker, host) => {
    const folder = await mkdtemp(join(tmpdir(), "quartz-bdseq-"));
    const stateFile = join(folder, "bdseq");
    try {
      await writeFile(stateFile, "254\n");
      const numbers: unknown[] = [];
      for (let i = 0; i < 3; i++) {
        host.heard.length = 0;
        await using edge = openEdge(broker.url, { stateFile });
        await born(host, edge);
        numbers.push(metricOf(host.heard[0], "bdSeq").value);
      }
      assert.deepEqual(numbers, [255, 0, 1]);
      assert.equal(await readFile(stateFile, "utf8"), "1\n");
      await writeFile(stateFile, "garbage\0");
      host.heard.length = 0;
      await using edge = openEdge(broker.url, { stateFile, clientId: "twice" });
      await born(host, edge);
      assert.equal(metricOf(host.heard[0], "bdSeq").value, 0);
      // The broker throws the first one out without a goodbye: its will is told.
      await using other = openEdge(broker.url, {
        clientId: "twice",
        node: "other",
        reconnectMsMin: 60_000,
        reconnectMsMax: 60_000,
      });
      void other;
      await host.until(
        (heard) => heard.some(({ type, topic }) => type === "NDEATH" && topic.endsWith("/gw")),
        "the will",
      );
      assert.equal(metricOf(host.heard.find(({ type }) => type === "NDEATH")!, "bdSeq").value, 0);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test(
  "with a primary host nothing is born before it is online, and its going ends the session",
  async (broker, host) => {
    await using edge = openEdge(broker.url, { primaryHost: "scada" });
    for (const message of [INFO, sampleCameraStatus(), sampleState()]) edge.publisher.onMessage(message);
    await eventually(() => edge.problems.at(-1)?.includes("waits for the primary host") === true, "waits");
    await host.state("scada", false, 900);
    await host.state("other", true, 1000);
    assert.equal(host.heard.length, 0);
    await host.state("scada", true, 1000); // operational-behavior-edge-node-birth-sequence-wait
    await host.until((heard) => births(heard).length === 2, "births");
    assert.equal(edge.problems.at(-1), null);
    await host.state("scada", false, 999); // a late will of an earlier session
    edge.publisher.onMessage(sampleState("dog"));
    await host.until((heard) => heard.at(-1)?.type === "DDATA", "goes on");
    await host.state("scada", false, 1000);
    await host.until((heard) => heard.at(-1)?.type === "NDEATH", "the death");
    await eventually(() => edge.publisher.state !== "online", "offline");
    edge.publisher.onMessage(sampleState());
    await host.state("scada", true, 2000);
    await host.until((heard) => births(heard).length === 4, "born again");
    const [first, second] = host.heard.filter(({ type }) => type === "NBIRTH").map((one) =>
      metricOf(one, "bdSeq").value
    );
    assert.ok(Number(second) > Number(first));
  },
);

test("new cameras and meters are born, those that are gone die", async (broker, host) => {
  await using edge = openEdge(broker.url);
  await born(host, edge);
  edge.publisher.onMessage({ ...INFO, cameras: [{ camera: "yard", source: "clip" }], power: { ...POWER, meters: [] } });
  edge.publisher.onMessage({ kind: "cameraStatus", camera: "yard", status: "paused" });
  await host.until((heard) => heard.at(-1)?.type === "DBIRTH" && heard.at(-1)?.device === "yard", "yard");
  const types = host.heard.map(({ type, device }) => `${type} ${device ?? ""}`.trim());
  assert.deepEqual(types, ["NBIRTH", "DBIRTH door", "DDEATH door", "NBIRTH", "DBIRTH yard"]);
  assert.ok(!host.heard[3].metrics.some(({ name }) => name?.startsWith("power/")));
  assert.equal(metricOf(host.heard[4], "Device Control/Pause").value, true);
});

test(
  "garbage on the command topics does no harm, MQTT 5 works, and without rights there is nothing to write",
  async (broker, host) => {
    await using edge = openEdge(broker.url, { protocol: "5", allow: [] });
    await born(host, edge);
    const dbirth = births(host.heard)[1];
    assert.ok(!dbirth.metrics.some(({ name }) => name?.startsWith("Device Control")));
    const random = createRandom(7);
    const { default: mqtt } = await import("mqtt");
    const client = await mqtt.connectAsync(broker.url);
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.from(Array.from({ length: random.integer(40) }, () => random.integer(256)));
      await client.publishAsync(`spBv1.0/plant 1/${i % 2 ? "NCMD/gw" : "DCMD/gw/door"}`, bytes, { qos: 1 });
    }
    await client.endAsync();
    edge.publisher.onMessage(sampleState("dog"));
    await host.until((heard) => heard.at(-1)?.type === "DDATA", "still there");
    assert.equal(edge.commands.length, 0);
  },
);
