/** The discovery message against Home Assistant's rules, and its templates, rendered by Jinja2, against our own payloads. */

import assert from "node:assert/strict";
import { parseCommand } from "../../../src/commands/command_schema.ts";
import { COMMAND_VERBS } from "../../../src/core/commands.ts";
import type { Message } from "../../../src/core/messages.ts";
import { type AnnouncedGateway, describeDevice, discoveryTopic } from "../../../src/publish/home_assistant/device.ts";
import { encodeMessage } from "../../../src/publish/payload.ts";
import { type TopicKey, topicOf } from "../../../src/publish/topics.ts";
import { brokenRules } from "../../support/home_assistant_rules.ts";
import { jinjaAvailable, renderTemplates } from "../../support/jinja.ts";
import { sampleHealth, sampleLatency, samplePower, sampleState } from "../../support/sample_messages.ts";

const meter = { detail: "i2c", kind: "ina3221" } as const;
const GATEWAY: AnnouncedGateway = {
  baseTopic: "site/quartz",
  gatewayId: "gw7",
  name: "Gate 7",
  version: "0.1.0",
  backend: "simulator",
  cameras: [{ id: "door", classes: ["person", "dog"] }, { id: "door_class", classes: ["unknown", "7"] }],
  meters: [
    { ...meter, id: "vdd_in", scope: "board", method: "measured" },
    { ...meter, id: "vdd_cpu", scope: "rail", method: "measured" },
    { ...meter, id: "snn_model", scope: "inference", method: "estimated" },
  ],
  allow: COMMAND_VERBS,
  latencyEveryS: 10,
  powerEveryS: 10,
  pageUrl: "http://gw7.lan:8080/",
};

type Options = Readonly<Record<string, unknown>>;
const components = (gateway: AnnouncedGateway): Record<string, Options> => describeDevice(gateway).cmps;

/** What a topic of camera `door` carries, as it goes over the wire. */
function payloads(): Map<string, string> {
  const envelope = { tsWallMs: 0, seq: 1, boot: "b", synced: true, mqttProtocol: "5" } as const;
  const messages: Message[] = [sampleState(), sampleLatency(), sampleHealth(), samplePower()];
  const topics = messages.map((message) => {
    const { topicKey, camera, payload } = encodeMessage(message, envelope);
    return [topicOf(topicKey as TopicKey, GATEWAY, camera), payload] as const;
  });
  return new Map([...topics, [topicOf("cameraStatus", GATEWAY, "door"), "paused"], [
    topicOf("status", GATEWAY),
    "online",
  ]]);
}

/** The text of a template on a payload, as Home Assistant gives it to templates. */
function variables(payload: string): Record<string, unknown> {
  return payload.startsWith("{") ? { value: payload, value_json: JSON.parse(payload) } : { value: payload };
}

Deno.test("the message keeps Home Assistant's rules, with every command allowed and with none", () => {
  const topic = discoveryTopic("homeassistant", "gw7");
  assert.equal(topic, "homeassistant/device/quartz_gw7/config");
  for (const gateway of [GATEWAY, { ...GATEWAY, allow: [], meters: [], pageUrl: null }]) {
    assert.deepEqual(brokenRules(topic, describeDevice(gateway) as unknown as Options), []);
  }
});

Deno.test("the rules find what is wrong", () => {
  const good = describeDevice(GATEWAY) as unknown as { cmps: Record<string, Options> };
  const wrong: [RegExp, string, Options][] = [
    [/unique/, "cam_door_class", { unique_id: good.cmps.problem.unique_id }],
    [/enum has no unit/, "cam_door_class", { unit_of_measurement: "x" }],
    [/power in J/, "meter_vdd_in_power", { unit_of_measurement: "J" }],
    [/energy is no measurement/, "meter_vdd_in_energy", { state_class: "measurement" }],
    [/knows/, "restart", { state_topic: "x" }],
    [/wildcard/, "uptime", { state_topic: "a/#" }],
    [/mode/, "cam_door_class", { availability_mode: undefined }],
  ];
  for (const [pattern, key, change] of wrong) {
    const component = Object.fromEntries(
      Object.entries({ ...good.cmps[key], ...change }).filter(([, value]) => value !== undefined),
    );
    const broken = brokenRules("homeassistant/device/x/config", { ...good, cmps: { ...good.cmps, [key]: component } });
    assert.ok(broken.some((text) => pattern.test(text)), `${pattern}: ${broken}`);
  }
});

Deno.test("keys and unique ids stay apart for cameras and gateways of similar names", () => {
  const ids = new Set<unknown>();
  let count = 0;
  for (const gatewayId of ["a", "a_cam", "a_cam_b"]) {
    for (const id of ["b", "b_class", "cam_b", "class"]) {
      const one = components({ ...GATEWAY, gatewayId, cameras: [{ id, classes: ["x"] }], meters: [] });
      for (const [key, { unique_id }] of Object.entries(one)) {
        if (!key.startsWith("cam_")) continue;
        ids.add(unique_id);
        count++;
      }
    }
  }
  assert.equal(ids.size, count);
});

Deno.test("entities that need a command are there only when it is allowed", () => {
  const names = (allow: AnnouncedGateway["allow"]) =>
    Object.keys(components({ ...GATEWAY, allow })).filter((key) => /door_(threshold|paused)$|^restart$/.test(key));
  assert.deepEqual(names([]), []);
  assert.deepEqual(names(["pause"]), [], "a switch that cannot be turned off is none");
  assert.deepEqual(names(["pause", "resume", "set_threshold", "restart"]), [
    "cam_door_threshold",
    "cam_door_paused",
    "restart",
  ]);
});

Deno.test({
  name: "every template renders from the payload of its topic (needs Debian package python3-jinja2)",
  ignore: !jinjaAvailable,
  fn() {
    const byTopic = payloads();
    const rows = Object.entries(components({ ...GATEWAY, cameras: GATEWAY.cameras.slice(0, 1) }))
      .filter(([, { state_topic }]) => state_topic !== undefined)
      .map(([key, component]) => {
        const payload = byTopic.get(String(component.state_topic));
        assert.ok(payload !== undefined, `${key}: nothing is published on ${component.state_topic}`);
        return { key, component, template: String(component.value_template ?? "{{ value }}"), payload };
      });
    const texts = renderTemplates(rows.map(({ template, payload }) => ({ template, variables: variables(payload) })));
    const values: Record<string, string> = Object.fromEntries(rows.map(({ key }, index) => [key, texts[index]]));
    assert.deepEqual({ ...values }, {
      cam_door_class: "person",
      cam_door_confidence: "93.0",
      cam_door_rate: "9.5",
      cam_door_p50: "1.9",
      cam_door_p99: "6",
      cam_door_dropped: "204",
      cam_door_status: "paused",
      cam_door_threshold: "0.6",
      cam_door_paused: "ON",
      meter_vdd_in_power: "6.42",
      meter_vdd_in_energy: "255.0648",
      meter_vdd_in_inference: String(perInferenceMj("vdd_in")),
      meter_vdd_cpu_power: "None",
      meter_vdd_cpu_energy: "0.3335",
      meter_snn_model_power: "0.0003",
      meter_snn_model_energy: "0.0013",
      meter_snn_model_inference: String(perInferenceMj("snn_model")),
      problem: "ON",
      memory: "85.8",
      uptime: "62.0",
      queued: "0",
    });
    for (const { key, component } of rows) {
      const { options } = component as { options?: string[] };
      if (options !== undefined) assert.ok(options.includes(values[key]), `${key}: ${values[key]}`);
      else if (component.p === "sensor" && values[key] !== "None") assert.ok(Number.isFinite(Number(values[key])), key);
    }
  },
});

Deno.test({
  name: "attributes, availability and windows without a frame (needs Debian package python3-jinja2)",
  ignore: !jinjaAvailable,
  fn() {
    const byTopic = payloads();
    const cmps = components(GATEWAY);
    const stage = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
    const idle = sampleLatency();
    const { payload } = encodeMessage({ ...idle, stages: { ...idle.stages, endToEnd: stage } }, {
      tsWallMs: 0,
      seq: 1,
      boot: "b",
      synced: true,
      mqttProtocol: "5",
    });
    const noInference = JSON.stringify({ ...JSON.parse(byTopic.get(topicOf("power", GATEWAY))!), per_inference: [] });
    const available = String(describeDevice(GATEWAY).availability[0].value_template);
    const [top, problems, p50, inference, ...words] = renderTemplates([
      [cmps.cam_door_class.json_attributes_template, byTopic.get(topicOf("state", GATEWAY, "door"))],
      [cmps.problem.json_attributes_template, byTopic.get(topicOf("health", GATEWAY))],
      [cmps.cam_door_p50.value_template, payload],
      [cmps.meter_vdd_in_inference.value_template, noInference],
      ...["online", "offline", "stopped", "paused", "error"].map((word) => [available, word]),
    ].map(([template, value]) => ({ template: String(template), variables: variables(String(value)) })));
    assert.equal(JSON.parse(top).top[0].class, "person");
    assert.equal(JSON.parse(problems).problems[0].what, "camera.door");
    assert.deepEqual([p50, inference], ["None", "None"]);
    assert.deepEqual(words, ["online", "offline", "offline", "offline", "offline"]);
  },
});

Deno.test({
  name: "what entities send are commands that the gateway takes (needs Debian package python3-jinja2)",
  ignore: !jinjaAvailable,
  fn() {
    const cmps = components(GATEWAY);
    const rows = [
      ["cam_door_threshold", 0.25, "set_threshold", { camera: "door", threshold: 0.25 }],
      ["cam_door_paused", "ON", "pause", { camera: "door", paused: true }],
      ["cam_door_paused", "OFF", "pause", { camera: "door", paused: false }],
      ["restart", "PRESS", "restart", {}],
    ] as const;
    const texts = renderTemplates(
      rows.map(([key, value]) => ({ template: String(cmps[key].command_template), variables: { value } })),
    );
    rows.forEach(([key, , verb, args], index) => {
      assert.equal(cmps[key].command_topic, `site/quartz/gw7/cmd/${verb}`);
      const command = parseCommand(verb, new TextEncoder().encode(texts[index]));
      assert.ok(!("problem" in command), JSON.stringify(command));
      assert.deepEqual(command.args, args);
      assert.ok(Math.abs(command.tsWallMs - Date.now()) < 60_000);
    });
  },
});

/** As the sample message has it, mJ. */
function perInferenceMj(source: string): number | string {
  const entry = samplePower().perInference.find((one) => one.source === source);
  return entry === undefined ? "None" : Math.round(entry.energyJ * 1e9) / 1e6;
}
