import assert from "node:assert/strict";
import fc from "fast-check";
import type { FrameCounts, Message, StageLatency } from "../../../src/core/messages.ts";
import { encodeMessage, type Envelope } from "../../../src/publish/payload.ts";
import { payloadJsonSchemas, PAYLOADS } from "../../../src/publish/payload_schema.ts";
import { sampleInfo, sampleLatency, samplePower, sampleResult, sampleState } from "../../support/sample_messages.ts";

const ENVELOPE: Envelope = {
  tsWallMs: Date.UTC(2026, 7, 24, 9, 15, 2, 417),
  seq: 81234,
  boot: "5f0c",
  synced: true,
  mqttProtocol: "5",
};

const id = fc.stringMatching(/^[a-z0-9_-]{1,64}$/);
const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
const count = fc.nat();
const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const wallMs = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });
const backend = fc.constantFrom("simulator" as const, "loihi" as const);
const cameraStatus = fc.constantFrom("online" as const, "offline" as const, "paused" as const, "error" as const);
const frames: fc.Arbitrary<FrameCounts> = fc.record({
  captured: count,
  classified: count,
  inFlight: count,
  droppedBusy: count,
  droppedStale: count,
  droppedMalformed: count,
  droppedFailed: count,
});
const stage: fc.Arbitrary<StageLatency> = fc.record({ count, p50Ms: ms, p90Ms: ms, p99Ms: ms, p999Ms: ms, maxMs: ms });
const classified = {
  camera: id,
  classId: id,
  index: fc.integer({ min: -1, max: 1000 }),
  confidence: share,
  top: fc.array(fc.record({ classId: id, p: share }), { maxLength: 5 }),
  model: fc.record({ id: fc.string(), sha256 }),
  backend,
  frame: fc.record({ id: count, capturedAtWallMs: wallMs, ageMs: ms }),
};
const signed = fc.double({ min: -1e9, max: 1e9, noNaN: true });
const method = fc.constantFrom("measured" as const, "estimated" as const);
const source = {
  id,
  kind: fc.string(),
  scope: fc.constantFrom("board" as const, "rail" as const, "accelerator" as const, "inference" as const),
  method,
};
const energyModel = fc.record({ source: fc.string(), coefficients: fc.dictionary(id, ms) });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant("event" as const),
    event: fc.constantFrom("camera_lost" as const, "network_switched" as const),
    camera: fc.option(id, { nil: undefined }),
    text: fc.string(),
    facts: fc.option(fc.dictionary(id, fc.oneof(fc.string(), fc.boolean(), count)), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("state" as const), ...classified, sinceWallMs: wallMs }),
  fc.record({
    kind: fc.constant("result" as const),
    ...classified,
    tie: fc.boolean(),
    truth: fc.option(id, { nil: undefined }),
    latencyMs: ms,
    snn: fc.record({
      timesteps: count,
      decisionStep: fc.integer(),
      spikes: count,
      earlySpikes: count,
      synopsEvents: count,
    }),
    energy: fc.option(
      fc.record({
        perInferenceUj: ms,
        method,
        scope: fc.string(),
      }),
      { nil: undefined },
    ),
  }),
  fc.record({
    kind: fc.constant("latency" as const),
    camera: id,
    windowMs: fc.integer({ min: 1, max: 3_600_000 }),
    frames,
    stages: fc.record({
      wait: stage,
      publish: stage,
      decode: stage,
      preprocess: stage,
      encode: stage,
      infer: stage,
      decide: stage,
      endToEnd: stage,
    }, { requiredKeys: ["preprocess", "encode", "infer", "decide", "endToEnd"] }),
    snn: fc.record({
      timesteps: count,
      decisionStepP50: ms,
      decisionStepP99: ms,
      spikesPerInference: ms,
      earlySpikeShare: share,
      synopsPerInference: ms,
    }, { requiredKeys: ["timesteps", "decisionStepP50", "spikesPerInference"] }),
  }, { requiredKeys: ["kind", "camera", "windowMs", "frames", "stages"] }),
  fc.record({
    kind: fc.constant("power" as const),
    windowMs: fc.integer({ min: 1, max: 3_600_000 }),
    sources: fc.array(fc.record({
      ...source,
      state: fc.constantFrom("ok" as const, "stale" as const),
      problem: fc.string(),
      powerW: fc.option(ms),
      energyJ: fc.option(ms),
      energyTotalJ: fc.option(ms),
      voltageV: signed,
      currentA: signed,
      samples: count,
      gaps: count,
    }, {
      requiredKeys: [
        "id",
        "kind",
        "scope",
        "method",
        "state",
        "powerW",
        "energyJ",
        "energyTotalJ",
        "samples",
        "gaps",
      ],
    })),
    total: fc.option(fc.record({ source: id, powerW: ms, method })),
    perInference: fc.array(fc.record({
      source: id,
      scope: source.scope,
      method,
      inferences: fc.integer({ min: 1 }),
      energyJ: ms,
      idlePowerW: fc.option(ms),
      dynamicEnergyJ: fc.option(signed),
      edpJs: ms,
    })),
  }),
  fc.record({
    kind: fc.constant("health" as const),
    status: fc.constantFrom("ok" as const, "degraded" as const),
    problems: fc.array(fc.record({ what: fc.string(), sinceWallMs: wallMs, text: fc.string() })),
    uptimeMs: ms,
    rssBytes: count,
    broker: fc.record({
      state: fc.constantFrom("connecting" as const, "online" as const, "offline" as const),
      queued: count,
      dropped: count,
      published: count,
    }),
    cameras: fc.array(fc.record({ camera: id, status: cameraStatus, threshold: share, frames })),
  }),
  fc.record({
    kind: fc.constant("info" as const),
    version: fc.string(),
    model: fc.record({
      id: fc.string(),
      sha256,
      tMax: fc.integer({ min: 2, max: 1024 }),
      convention: fc.constantFrom("quartz-2023" as const, "quartz-loihi" as const),
      labels: fc.array(id),
      input: fc.record({
        shape: fc.tuple(count, count, count),
        color: fc.constantFrom("grey" as const, "rgb" as const),
      }),
    }),
    backend,
    configSha256: sha256,
    runtime: fc.record({ name: fc.constantFrom("deno" as const, "node" as const), version: fc.string() }),
    cameras: fc.array(fc.record({ camera: id, source: fc.string() })),
    energyModel: fc.option(energyModel),
    power: fc.option(
      fc.record({
        everyMs: fc.integer({ min: 1 }),
        edpConvention: fc.string(),
        idleBaseline: fc.string(),
        meters: fc.array(fc.record({
          ...source,
          kind: fc.string(),
          detail: fc.string(),
          model: fc.option(energyModel, { nil: undefined }),
        })),
      }),
      { nil: undefined },
    ),
  }),
);
const envelope: fc.Arbitrary<Envelope> = fc.record({
  tsWallMs: wallMs,
  seq: count,
  boot: fc.string({ minLength: 1 }),
  synced: fc.boolean(),
  mqttProtocol: fc.option(fc.constantFrom("5" as const, "3.1.1" as const)),
});

Deno.test("encodeMessage() makes a payload that obeys its own strict schema, for every message", () => {
  fc.assert(fc.property(message, envelope, (one, around) => {
    const encoded = encodeMessage(one, around);
    const payload = JSON.parse(encoded.payload);
    PAYLOADS[one.kind as keyof typeof PAYLOADS].parse(payload);
    assert.equal(payload.schema, encoded.schema);
    assert.equal(payload.seq, around.seq);
  }));
});

Deno.test("encodeMessage() writes a state as the topic tree shows it", () => {
  const encoded = encodeMessage(sampleState(), ENVELOPE);
  assert.deepEqual(JSON.parse(encoded.payload), {
    schema: "quartz.state.v1",
    ts: "2026-08-24T09:15:02.417Z",
    seq: 81234,
    boot: "5f0c",
    synced: true,
    camera: "door",
    class: "person",
    index: 4,
    confidence: 0.93,
    since: "2026-08-24T09:14:58.101Z",
    top: [{ class: "person", p: 0.93 }, { class: "dog", p: 0.04 }],
    model: { id: "mnist-q8", sha256: "9b1e".repeat(16) },
    backend: "simulator",
    frame: { id: 40211, captured: "2026-08-24T09:15:02.371Z", age_ms: 46 },
  });
  assert.deepEqual([encoded.qos, encoded.retain, encoded.camera, encoded.expiryS], [1, true, "door", null]);
});

Deno.test("encodeMessage() writes power as the topic tree shows it, with nothing in the place of what is not known", () => {
  const { sources, total, per_inference } = JSON.parse(encodeMessage(samplePower(), ENVELOPE).payload);
  assert.deepEqual(sources.slice(0, 2), [{
    id: "vdd_in",
    kind: "ina3221",
    scope: "board",
    method: "measured",
    state: "ok",
    power_w: 6.42,
    energy_j: 64.2,
    energy_total_j: 918_233.1,
    voltage_v: 5.07,
    current_a: 1.266,
    samples: 100,
    gaps: 0,
  }, {
    id: "vdd_cpu",
    kind: "ina3221",
    scope: "rail",
    method: "measured",
    state: "stale",
    problem: "gone",
    power_w: null,
    energy_j: null,
    energy_total_j: 1200.5,
    samples: 0,
    gaps: 1,
  }]);
  assert.deepEqual(total, { source: "vdd_in", power_w: 6.42, method: "measured" });
  assert.deepEqual(per_inference, [{
    source: "vdd_in",
    scope: "board",
    method: "measured",
    inferences: 96,
    energy_j: 0.66875,
    idle_power_w: 3.9,
    dynamic_energy_j: 0.2625,
    edp_js: 0.029425,
  }]);
});

Deno.test("encodeMessage() leaves out truth, energy, decode and snn where they are not known", () => {
  const { truth: _truth, energy: _energy, ...result } = sampleResult();
  const encoded = JSON.parse(encodeMessage(result, ENVELOPE).payload);
  assert.equal("truth" in encoded || "energy" in encoded, false);
  const { snn: _snn, stages: { decode: _decode, ...stages }, ...latency } = sampleLatency();
  const text = encodeMessage({ ...latency, stages }, ENVELOPE).payload;
  assert.doesNotMatch(text, /snn|decode"/);
});

Deno.test("encodeMessage() lets latency and power messages expire after two windows and is plain text for a camera's status", () => {
  assert.equal(encodeMessage(sampleLatency(2500), ENVELOPE).expiryS, 5);
  assert.equal(encodeMessage(samplePower(2500), ENVELOPE).expiryS, 5);
  const status = encodeMessage({ kind: "cameraStatus", camera: "door", status: "paused" }, ENVELOPE);
  assert.deepEqual([status.payload, status.contentType, status.schema], ["paused", "text/plain", null]);
});

Deno.test("encodeMessage() names the MQTT version in info once it is known", () => {
  const mqtt = (mqttProtocol: Envelope["mqttProtocol"]) =>
    JSON.parse(encodeMessage(sampleInfo(), { ...ENVELOPE, mqttProtocol }).payload).mqtt;
  assert.deepEqual([mqtt("3.1.1"), mqtt(null)], [{ protocol: "3.1.1" }, null]);
});

Deno.test("the schemas refuse what is not in them", () => {
  const payload = JSON.parse(encodeMessage(sampleResult(), ENVELOPE).payload);
  assert.equal(PAYLOADS.result.safeParse({ ...payload, extra: 1 }).success, false);
  assert.equal(PAYLOADS.result.safeParse({ ...payload, confidence: null }).success, false);
});

Deno.test("payloadJsonSchemas() has one closed object schema for each payload", () => {
  const schemas = payloadJsonSchemas() as Record<string, { type: string; additionalProperties: boolean }>;
  assert.deepEqual(Object.keys(schemas).sort(), [
    "quartz.event.v1",
    "quartz.health.v1",
    "quartz.info.v1",
    "quartz.latency.v1",
    "quartz.power.v1",
    "quartz.result.v1",
    "quartz.state.v1",
  ]);
  for (const schema of Object.values(schemas)) {
    assert.equal(schema.type, "object");
    assert.equal(schema.additionalProperties, false);
  }
});
