/**
 * Messages as they go over the wire. The change of case happens here and nowhere else.
 *
 * Nothing is validated here: the frame path cannot afford it. That every payload obeys its schema is a property test.
 */

import type {
  ClassifiedMessage,
  EnergyModel,
  EventMessage,
  FrameCounts,
  HealthMessage,
  InfoMessage,
  LatencyMessage,
  Message,
  MessageKind,
  PowerMessage,
  PowerSource,
  ResultMessage,
  StageLatency,
  StateMessage,
} from "../core/messages.ts";
import type { Payload } from "./payload_schema.ts";
import { STREAMS } from "./topics.ts";

/** What the publisher adds to a message. */
export interface Envelope {
  /** Wall clock, ms since 1970 UTC. */
  readonly tsWallMs: number;
  readonly seq: number;
  readonly boot: string;
  readonly synced: boolean;
  /** What the broker was last spoken to in; null before the first connection. */
  readonly mqttProtocol: "5" | "3.1.1" | null;
}

/** The kind of message, an answer to a command, or what is kept for others outside the gateway's own tree. */
export type StreamKey = MessageKind | "response" | "announcement";

/** A message ready for the wire. */
export interface EncodedMessage {
  readonly topicKey: StreamKey;
  /** For topics with a camera in them; "" for the others. */
  readonly camera: string;
  readonly seq: number;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** JSON, or plain text for `cameraStatus`. */
  readonly payload: string;
  readonly contentType: "application/json" | "text/plain";
  /** `quartz.result.v1`, …; null for plain text. */
  readonly schema: string | null;
  /** After how many seconds the broker may forget it (MQTT 5 only); null for never. */
  readonly expiryS: number | null;
}

/** A message and its envelope as payload and delivery terms. Does not look at values: NaN becomes `null`. */
export function encodeMessage(message: Message, envelope: Envelope): EncodedMessage {
  switch (message.kind) {
    case "result":
      return json(message.kind, message.camera, encodeResult(message, envelope));
    case "state":
      return json(message.kind, message.camera, encodeState(message, envelope));
    case "latency":
      return json(
        message.kind,
        message.camera,
        encodeLatency(message, envelope),
        Math.ceil((2 * message.windowMs) / 1000),
      );
    case "power":
      return json(message.kind, "", encodePower(message, envelope), Math.ceil((2 * message.windowMs) / 1000));
    case "health":
      return json(message.kind, "", encodeHealth(message, envelope));
    case "event":
      return json(message.kind, "", encodeEvent(message, envelope));
    case "info":
      return json(message.kind, "", encodeInfo(message, envelope));
    case "cameraStatus":
      return {
        topicKey: message.kind,
        camera: message.camera,
        seq: envelope.seq,
        qos: STREAMS.cameraStatus.qos,
        retain: STREAMS.cameraStatus.retain,
        payload: message.status,
        contentType: "text/plain",
        schema: null,
        expiryS: null,
      };
  }
}

// ---

function json(
  kind: MessageKind,
  camera: string,
  payload: { readonly schema: string; readonly seq: number },
  expiryS: number | null = null,
): EncodedMessage {
  return {
    topicKey: kind,
    camera,
    seq: payload.seq,
    qos: STREAMS[kind].qos,
    retain: STREAMS[kind].retain,
    payload: JSON.stringify(payload),
    contentType: "application/json",
    schema: payload.schema,
    expiryS,
  };
}

function encodeResult(message: ResultMessage, envelope: Envelope): Payload<"result"> {
  const { snn, energy } = message;
  return {
    ...encodeEnvelope("quartz.result.v1", envelope),
    ...encodeClassified(message),
    tie: message.tie,
    ...(message.truth === undefined ? {} : { truth: message.truth }),
    latency_ms: round(message.latencyMs, 3),
    snn: {
      timesteps: snn.timesteps,
      decision_step: snn.decisionStep,
      spikes: snn.spikes,
      early_spikes: snn.earlySpikes,
      synops_events: snn.synopsEvents,
    },
    ...(energy === undefined
      ? {}
      : { energy: { per_inference_uj: energy.perInferenceUj, method: energy.method, scope: energy.scope } }),
  };
}

function encodeState(message: StateMessage, envelope: Envelope): Payload<"state"> {
  return {
    ...encodeEnvelope("quartz.state.v1", envelope),
    ...encodeClassified(message),
    since: timestamp(message.sinceWallMs),
  };
}

function encodeLatency(message: LatencyMessage, envelope: Envelope): Payload<"latency"> {
  const { stages, snn, shadow } = message;
  return {
    ...encodeEnvelope("quartz.latency.v1", envelope),
    window_s: message.windowMs / 1000,
    unit: "ms",
    camera: message.camera,
    frames: encodeFrames(message.frames),
    stages: {
      ...(stages.wait === undefined ? {} : { wait: encodeStage(stages.wait) }),
      ...(stages.decode === undefined ? {} : { decode: encodeStage(stages.decode) }),
      preprocess: encodeStage(stages.preprocess),
      encode: encodeStage(stages.encode),
      infer: encodeStage(stages.infer),
      decide: encodeStage(stages.decide),
      end_to_end: encodeStage(stages.endToEnd),
      ...(stages.publish === undefined ? {} : { publish: encodeStage(stages.publish) }),
    },
    ...(snn === undefined ? {} : {
      snn: {
        timesteps: snn.timesteps,
        decision_step_p50: snn.decisionStepP50,
        decision_step_p99: snn.decisionStepP99,
        spikes_per_inference: snn.spikesPerInference,
        early_spike_share: snn.earlySpikeShare,
        synops_per_inference: snn.synopsPerInference,
      },
    }),
    ...(shadow === undefined ? {} : { shadow }),
  };
}

function encodePower(message: PowerMessage, envelope: Envelope): Payload<"power"> {
  const { sources, total, perInference } = message;
  return {
    ...encodeEnvelope("quartz.power.v1", envelope),
    window_s: message.windowMs / 1000,
    sources: sources.map(encodeSource),
    total: total && { source: total.source, power_w: significant(total.powerW), method: total.method },
    per_inference: perInference.map((one) => ({
      source: one.source,
      scope: one.scope,
      method: one.method,
      inferences: one.inferences,
      energy_j: significant(one.energyJ),
      idle_power_w: one.idlePowerW && significant(one.idlePowerW),
      dynamic_energy_j: one.dynamicEnergyJ && significant(one.dynamicEnergyJ),
      edp_js: significant(one.edpJs),
    })),
  };
}

function encodeSource(source: PowerSource) {
  const { id, kind, scope, method, state, problem, powerW, energyJ, energyTotalJ, voltageV, currentA } = source;
  return {
    id,
    kind,
    scope,
    method,
    state,
    ...(problem === undefined ? {} : { problem }),
    power_w: powerW && significant(powerW),
    energy_j: energyJ && significant(energyJ),
    // A counter that has run for years still tells microjoules apart.
    energy_total_j: energyTotalJ && round(energyTotalJ, 6),
    ...(voltageV === undefined ? {} : { voltage_v: significant(voltageV) }),
    ...(currentA === undefined ? {} : { current_a: significant(currentA) }),
    samples: source.samples,
    gaps: source.gaps,
  };
}

function encodeHealth(message: HealthMessage, envelope: Envelope): Payload<"health"> {
  const { broker } = message;
  return {
    ...encodeEnvelope("quartz.health.v1", envelope),
    status: message.status,
    problems: message.problems.map(({ what, sinceWallMs, text }) => ({ what, since: timestamp(sinceWallMs), text })),
    uptime_s: round(message.uptimeMs / 1000, 3),
    rss_bytes: message.rssBytes,
    broker: { state: broker.state, queued: broker.queued, dropped: broker.dropped, published: broker.published },
    cameras: message.cameras.map(({ camera, status, threshold, frames }) => ({
      camera,
      status,
      threshold,
      frames: encodeFrames(frames),
    })),
  };
}

function encodeInfo(message: InfoMessage, envelope: Envelope): Payload<"info"> {
  const { model, energyModel, power } = message;
  return {
    ...encodeEnvelope("quartz.info.v1", envelope),
    version: message.version,
    model: {
      id: model.id,
      sha256: model.sha256,
      t_max: model.tMax,
      convention: model.convention,
      labels: [...model.labels],
      input: { shape: [...model.input.shape], color: model.input.color },
    },
    backend: message.backend,
    config_sha256: message.configSha256,
    runtime: { name: message.runtime.name, version: message.runtime.version },
    mqtt: envelope.mqttProtocol === null ? null : { protocol: envelope.mqttProtocol },
    cameras: message.cameras.map(({ camera, source }) => ({ camera, source })),
    energy_model: energyModel === null ? null : encodeModel(energyModel),
    ...(power === undefined ? {} : {
      power: {
        every_ms: power.everyMs,
        edp_convention: power.edpConvention,
        idle_baseline: power.idleBaseline,
        meters: power.meters.map(({ id, kind, scope, method, detail, model }) => ({
          id,
          kind,
          scope,
          method,
          detail,
          ...(model === undefined ? {} : { model: encodeModel(model) }),
        })),
      },
    }),
  };
}

function encodeModel({ source, coefficients }: EnergyModel) {
  return { source, coefficients: { ...coefficients } };
}

function encodeEvent(message: EventMessage, envelope: Envelope): Payload<"event"> {
  const { event, camera, text, facts } = message;
  return {
    ...encodeEnvelope("quartz.event.v1", envelope),
    event,
    ...(camera === undefined ? {} : { camera }),
    text,
    ...(facts === undefined ? {} : { facts: { ...facts } }),
  };
}

function encodeEnvelope<Name extends string>(schema: Name, envelope: Envelope) {
  const { tsWallMs, seq, boot, synced } = envelope;
  return { schema, ts: timestamp(tsWallMs), seq, boot, synced };
}

function encodeClassified(message: ClassifiedMessage) {
  const { frame } = message;
  return {
    camera: message.camera,
    class: message.classId,
    index: message.index,
    confidence: round(message.confidence, 4),
    top: message.top.map(({ classId, p }) => ({ class: classId, p: round(p, 4) })),
    model: { id: message.model.id, sha256: message.model.sha256 },
    backend: message.backend,
    frame: { id: frame.id, captured: timestamp(frame.capturedAtWallMs), age_ms: round(frame.ageMs, 3) },
  };
}

function encodeFrames(frames: FrameCounts) {
  return {
    captured: frames.captured,
    classified: frames.classified,
    in_flight: frames.inFlight,
    dropped_busy: frames.droppedBusy,
    dropped_stale: frames.droppedStale,
    dropped_malformed: frames.droppedMalformed,
    dropped_failed: frames.droppedFailed,
  };
}

function encodeStage(stage: StageLatency) {
  return {
    n: stage.count,
    p50: round(stage.p50Ms, 3),
    p90: round(stage.p90Ms, 3),
    p99: round(stage.p99Ms, 3),
    p999: round(stage.p999Ms, 3),
    max: round(stage.maxMs, 3),
  };
}

/** UTC, RFC 3339, milliseconds. */
function timestamp(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** To `digits` decimals: a microsecond or a hundredth of a percent is all that these numbers know. */
function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}

/** To 6 significant digits: energies span microjoules to megajoules. */
function significant(value: number): number {
  return Number(value.toPrecision(6));
}
