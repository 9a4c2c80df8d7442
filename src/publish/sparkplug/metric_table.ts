/** What an edge node (the gateway) and its devices (the cameras) measure: names, types, and how messages fill them. */

import type { CommandVerb } from "../../core/commands.ts";
import type {
  CameraHealth,
  HealthMessage,
  InfoMessage,
  LatencyMessage,
  PowerMessage,
  StateMessage,
} from "../../core/messages.ts";
import type { Datatype, MetricValue } from "./codec.ts";

/** Types by name; the order is that of the birth. */
export type Definitions = Readonly<Record<string, Datatype>>;
/** Values by name; names that were never defined are passed over. */
export type Values = Readonly<Record<string, MetricValue>>;

/** Commands to a device, by the metric that is written. */
export const PAUSE = "Device Control/Pause";
export const THRESHOLD = "Device Control/Threshold";
/** Command to the node. */
export const REBIRTH = "Node Control/Rebirth";

/** Metrics of the gateway; every meter has its own, with its method in their names. */
export function nodeDefinitions({ power }: InfoMessage): Definitions {
  const meters = (power?.meters ?? []).flatMap(({ id, method }) =>
    Object.values(meterNames(id, method)).map((name) => [name, "Double"] as const)
  );
  return {
    "Properties/Version": "String",
    "Properties/Backend": "String",
    "Properties/Model": "String",
    "Properties/Model SHA256": "String",
    "Properties/Config SHA256": "String",
    "health/status": "String",
    "health/problems": "UInt32",
    "health/uptime_s": "Double",
    "health/rss_bytes": "UInt64",
    ...Object.fromEntries(meters),
  };
}

/** Metrics of a camera; those that can be written are there when their command is allowed. */
export function deviceDefinitions(allow: readonly CommandVerb[]): Definitions {
  return {
    "status": "String",
    "class": "String",
    "class_index": "Int32",
    "class_since": "DateTime",
    "confidence": "Double",
    "latency/end_to_end/p50_ms": "Double",
    "latency/end_to_end/p99_ms": "Double",
    "frames/per_second": "Double",
    "frames/captured": "UInt64",
    "frames/classified": "UInt64",
    "frames/dropped_busy": "UInt64",
    "frames/dropped_stale": "UInt64",
    "frames/dropped_malformed": "UInt64",
    "frames/dropped_failed": "UInt64",
    ...(allow.includes("pause") && allow.includes("resume") ? { [PAUSE]: "Boolean" } : {}),
    ...(allow.includes("set_threshold") ? { [THRESHOLD]: "Double" } : {}),
  };
}

/** Of the gateway. */
export function infoValues({ version, backend, model, configSha256 }: InfoMessage): Values {
  return {
    "Properties/Version": version,
    "Properties/Backend": backend,
    "Properties/Model": model.id,
    "Properties/Model SHA256": model.sha256,
    "Properties/Config SHA256": configSha256,
  };
}

/** Of the gateway. */
export function healthValues({ status, problems, uptimeMs, rssBytes }: HealthMessage): Values {
  return {
    "health/status": status,
    "health/problems": problems.length,
    "health/uptime_s": uptimeMs / 1000,
    "health/rss_bytes": rssBytes,
  };
}

/** Of the gateway. A meter that is stale has null, and so has energy per inference in a window without one. */
export function powerValues({ sources, perInference }: PowerMessage): Values {
  return Object.fromEntries(sources.flatMap(({ id, method, powerW, energyTotalJ }) => {
    const names = meterNames(id, method);
    const inference = perInference.find(({ source }) => source === id)?.energyJ ?? null;
    return [[names.power, powerW], [names.energy, energyTotalJ], [names.inference, inference]];
  }));
}

/** Of a camera. */
export function cameraHealthValues({ frames, threshold }: CameraHealth): Values {
  return {
    "frames/captured": frames.captured,
    "frames/classified": frames.classified,
    "frames/dropped_busy": frames.droppedBusy,
    "frames/dropped_stale": frames.droppedStale,
    "frames/dropped_malformed": frames.droppedMalformed,
    "frames/dropped_failed": frames.droppedFailed,
    [THRESHOLD]: threshold,
  };
}

/** Of a camera. */
export function stateValues({ classId, index, confidence, sinceWallMs }: StateMessage): Values {
  return { "class": classId, "class_index": index, "class_since": sinceWallMs, "confidence": confidence };
}

/** Of a camera. A window without a frame has no latency. */
export function latencyValues({ stages: { endToEnd }, frames, windowMs }: LatencyMessage): Values {
  const hasFrames = endToEnd.count > 0;
  return {
    "latency/end_to_end/p50_ms": hasFrames ? endToEnd.p50Ms : null,
    "latency/end_to_end/p99_ms": hasFrames ? endToEnd.p99Ms : null,
    "frames/per_second": windowMs > 0 ? frames.classified / (windowMs / 1000) : null,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

function meterNames(id: string, method: string) {
  return {
    power: `power/${id}/${method}_w`,
    energy: `power/${id}/${method}_energy_total_j`,
    inference: `power/${id}/${method}_energy_per_inference_j`,
  };
}
