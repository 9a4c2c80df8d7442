/** A gateway as `top` knows it, from its monitor's events or from its MQTT messages: both carry the same payloads. */

import type { CountsEvent, FrameCountsJson, HelloEvent } from "../../monitor/events.ts";
import type { Payload } from "../../publish/payload_schema.ts";

/** Events that are remembered. */
const EVENTS_MAX = 50;

/** One camera; what has not been heard yet is null. */
export interface CameraModel {
  readonly camera: string;
  status: string | null;
  backend: string | null;
  network: string | null;
  class: string | null;
  confidence: number | null;
  since: string | null;
  rate_fps: number | null;
  frames: FrameCountsJson | null;
  latency: Payload<"latency"> | null;
}

/** Everything heard so far: the object that `--json` prints. */
export interface TopModel {
  readonly schema: "quartz.top.v1";
  /** Where it is heard from; never with a secret. */
  readonly source: string;
  gateway: string | null;
  /** Null: connected. */
  connection_problem: string | null;
  /** `online`, `offline` or `stopped`; only over MQTT. */
  status: string | null;
  version: string | null;
  /** When the counts, the broker's state and the problems were as they are here. */
  counts_ts: string | null;
  uptime_s: number | null;
  rss_bytes: number | null;
  broker: Payload<"health">["broker"] | null;
  problems: Payload<"health">["problems"];
  readonly cameras: CameraModel[];
  power: Payload<"power"> | null;
  readonly events: { readonly ts: string; readonly text: string }[];
}

/**
 * Cameras whose status came by itself, on change: over MQTT a broker hands on the health of a minute ago after the status of
 * now.
 */
const HAS_OWN_STATUS = new WeakSet<CameraModel>();

/** A model that knows nothing yet. */
export function createTopModel(source: string): TopModel {
  return {
    schema: "quartz.top.v1",
    source,
    gateway: null,
    connection_problem: "connecting",
    status: null,
    version: null,
    counts_ts: null,
    uptime_s: null,
    rss_bytes: null,
    broker: null,
    problems: [],
    cameras: [],
    power: null,
    events: [],
  };
}

/** True when there is enough to show a gateway by: its counts have come. */
export function isComplete(model: TopModel): boolean {
  return model.broker !== null && model.cameras.some(({ frames }) => frames !== null);
}

/** Takes one event or message in; one that cannot be read is passed over. @param camera of plain texts */
export function hear(model: TopModel, kind: string, text: string, camera = ""): void {
  if (kind === "status") model.status = text;
  else if (kind === "cameraStatus") {
    const known = cameraOf(model, camera);
    known.status = text;
    HAS_OWN_STATUS.add(known);
  } else {
    const data = parse(text);
    if (data !== null) hearJson(model, kind, data);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function hearJson(model: TopModel, kind: string, data: object): void {
  switch (kind) {
    case "hello":
      return hearHello(model, data as HelloEvent);
    case "counts":
      return hearCounts(model, data as CountsEvent);
    case "health":
      return hearHealth(model, data as Payload<"health">);
    case "info":
      return hearInfo(model, data as Payload<"info">);
    case "state": {
      const { camera, class: name, confidence, since, backend } = data as Payload<"state">;
      Object.assign(cameraOf(model, camera), { class: name, confidence, since, backend });
      return;
    }
    case "latency":
      return hearLatency(model, data as Payload<"latency">);
    case "power":
      model.power = data as Payload<"power">;
      return;
    case "event": {
      const { ts, text } = data as Payload<"event">;
      model.events.push({ ts, text });
      if (model.events.length > EVENTS_MAX) model.events.shift();
    }
  }
}

function hearHello(model: TopModel, { gateway, version, cameras }: HelloEvent): void {
  model.gateway = gateway;
  model.version = version;
  keepOnly(model, cameras.map(({ camera }) => camera));
  for (const { camera, network } of cameras) cameraOf(model, camera).network = network;
}

function hearCounts(model: TopModel, { ts, uptime_s, rss_bytes, broker, problems, cameras }: CountsEvent): void {
  Object.assign(model, { counts_ts: ts, uptime_s, rss_bytes, broker, problems });
  for (const { camera, status, backend, rate_fps, frames } of cameras) {
    const known = cameraOf(model, camera);
    Object.assign(known, { status, backend, frames, rate_fps: rate_fps ?? known.rate_fps });
  }
}

function hearHealth(model: TopModel, { ts, uptime_s, rss_bytes, broker, problems, cameras }: Payload<"health">): void {
  Object.assign(model, { counts_ts: ts, uptime_s, rss_bytes, broker, problems });
  keepOnly(model, cameras.map(({ camera }) => camera));
  for (const { camera, status, frames } of cameras) {
    const known = cameraOf(model, camera);
    known.frames = frames;
    if (!HAS_OWN_STATUS.has(known)) known.status = status;
  }
}

function hearInfo(model: TopModel, { version, model: network, backend, cameras }: Payload<"info">): void {
  model.version = version;
  for (const { camera } of cameras) {
    const known = cameraOf(model, camera);
    known.backend ??= backend;
    known.network ??= network.id;
  }
}

function hearLatency(model: TopModel, latency: Payload<"latency">): void {
  const known = cameraOf(model, latency.camera);
  known.latency = latency;
  // Over MQTT nothing else tells how fast it goes; a monitor's counts, once a second, overwrite it.
  known.rate_fps = latency.frames.classified / latency.window_s;
}

function cameraOf(model: TopModel, camera: string): CameraModel {
  let known = model.cameras.find((one) => one.camera === camera);
  if (known === undefined) {
    known = {
      camera,
      status: null,
      backend: null,
      network: null,
      class: null,
      confidence: null,
      since: null,
      rate_fps: null,
      frames: null,
      latency: null,
    };
    model.cameras.push(known);
  }
  return known;
}

/** Cameras that the gateway no longer has are gone here too. */
function keepOnly(model: TopModel, cameras: readonly string[]): void {
  const left = model.cameras.filter(({ camera }) => cameras.includes(camera));
  model.cameras.splice(0, model.cameras.length, ...left);
}

function parse(text: string): object | null {
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === "object" && data !== null ? data : null;
  } catch {
    return null;
  }
}
