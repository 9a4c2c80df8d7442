/** What Home Assistant shows of a camera. */

import { commandTopics, topicOf } from "../topics.ts";
import { available, command, DIAGNOSTIC, entity, type Entry, MEASUREMENT, ofItem } from "./component.ts";
import type { AnnouncedCamera, AnnouncedGateway } from "./device.ts";

/** A camera's figures are gone when as many windows went by without a message. */
const WINDOWS_MISSED_MAX = 3;

/** The class first, then how good and how fast it is, then what can be set. */
export function cameraEntities(gateway: AnnouncedGateway, { id, classes }: AnnouncedCamera): Entry[] {
  const { gatewayId, allow, latencyEveryS } = gateway;
  const { commandPrefix } = commandTopics(gateway);
  const statusTopic = topicOf("cameraStatus", gateway, id);
  const one = (suffix: string, component: Parameters<typeof entity>[2]) =>
    entity(gatewayId, ["cam", id, suffix], component);
  const whileOnline = {
    availability: [available(topicOf("status", gateway)), available(statusTopic)],
    availability_mode: "all",
  };
  const state = { state_topic: topicOf("state", gateway, id), ...whileOnline };
  const window = {
    state_topic: topicOf("latency", gateway, id),
    expire_after: Math.ceil(WINDOWS_MISSED_MAX * latencyEveryS),
    ...MEASUREMENT,
    ...whileOnline,
  };
  const latency = (percentile: string) => ({
    p: "sensor",
    ...window,
    ...DIAGNOSTIC,
    device_class: "duration",
    unit_of_measurement: "ms",
    suggested_display_precision: 1,
    // All zeros when the window held no frame.
    value_template:
      `{{ value_json.stages.end_to_end.${percentile} if value_json.stages.end_to_end.n > 0 else 'None' }}`,
  } as const);
  const health = { state_topic: topicOf("health", gateway) };

  const entries = [
    one("class", {
      p: "sensor",
      name: `class (${id})`,
      icon: "mdi:eye",
      device_class: "enum",
      options: [...new Set([...classes, "unknown"])],
      value_template: "{{ value_json.class }}",
      json_attributes_topic: state.state_topic,
      json_attributes_template: "{{ {'top': value_json.top, 'since': value_json.since} | tojson }}",
      ...state,
    }),
    one("confidence", {
      p: "sensor",
      name: `confidence (${id})`,
      icon: "mdi:percent",
      unit_of_measurement: "%",
      suggested_display_precision: 0,
      value_template: "{{ (value_json.confidence * 100) | round(2) }}",
      ...MEASUREMENT,
      ...state,
    }),
    one("rate", {
      p: "sensor",
      name: `frames per second (${id})`,
      icon: "mdi:filmstrip",
      unit_of_measurement: "frames/s",
      suggested_display_precision: 1,
      value_template: "{{ (value_json.frames.classified / value_json.window_s) | round(2) }}",
      ...window,
    }),
    one("p50", { name: `latency p50 (${id})`, ...latency("p50") }),
    one("p99", { name: `latency p99 (${id})`, ...latency("p99") }),
    one("dropped", {
      p: "sensor",
      name: `dropped frames (${id})`,
      icon: "mdi:filmstrip-off",
      unit_of_measurement: "frames",
      state_class: "total_increasing",
      value_template: ofItem(
        "cameras",
        "camera",
        id,
        "one.frames.dropped_busy + one.frames.dropped_stale + one.frames.dropped_malformed + one.frames.dropped_failed",
      ),
      ...DIAGNOSTIC,
      ...health,
    }),
    one("status", {
      p: "sensor",
      name: `status (${id})`,
      icon: "mdi:cctv",
      device_class: "enum",
      options: ["online", "offline", "paused", "error"],
      state_topic: statusTopic,
      ...DIAGNOSTIC,
    }),
  ];
  if (allow.includes("set_threshold")) {
    entries.push(one("threshold", {
      p: "number",
      name: `threshold (${id})`,
      icon: "mdi:tune-vertical",
      min: 0,
      max: 1,
      step: 0.01,
      mode: "slider",
      entity_category: "config",
      command_topic: `${commandPrefix}set_threshold`,
      command_template: command(`{"camera":"${id}","threshold":{{ value }}}`),
      value_template: ofItem("cameras", "camera", id, "one.threshold"),
      ...health,
    }));
  }
  if (allow.includes("pause") && allow.includes("resume")) {
    entries.push(one("paused", {
      p: "switch",
      name: `paused (${id})`,
      icon: "mdi:pause-circle",
      command_topic: `${commandPrefix}pause`,
      command_template: command(`{"camera":"${id}","paused":{{ 'true' if value == 'ON' else 'false' }}}`),
      state_topic: statusTopic,
      value_template: "{{ 'ON' if value == 'paused' else 'OFF' }}",
    }));
  }
  return entries;
}
