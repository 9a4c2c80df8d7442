/** What Home Assistant shows of the gateway itself. */

import { commandTopics, topicOf } from "../topics.ts";
import { command, DIAGNOSTIC, entity, type Entry, MEASUREMENT } from "./component.ts";
import type { AnnouncedGateway } from "./device.ts";

/** Health, memory, uptime, and a restart where that is allowed. */
export function gatewayEntities(gateway: AnnouncedGateway): Entry[] {
  const { gatewayId, allow } = gateway;
  const health = { state_topic: topicOf("health", gateway), ...DIAGNOSTIC };
  const entries = [
    entity(gatewayId, ["problem"], {
      p: "binary_sensor",
      name: "problem",
      device_class: "problem",
      value_template: "{{ 'ON' if value_json.status == 'degraded' else 'OFF' }}",
      json_attributes_topic: health.state_topic,
      json_attributes_template: "{{ {'problems': value_json.problems} | tojson }}",
      ...health,
    }),
    entity(gatewayId, ["memory"], {
      p: "sensor",
      name: "memory",
      device_class: "data_size",
      unit_of_measurement: "MiB",
      suggested_display_precision: 0,
      value_template: "{{ (value_json.rss_bytes / 1048576) | round(1) }}",
      ...MEASUREMENT,
      ...health,
    }),
    entity(gatewayId, ["uptime"], {
      p: "sensor",
      name: "uptime",
      device_class: "duration",
      unit_of_measurement: "s",
      suggested_display_precision: 0,
      enabled_by_default: false,
      value_template: "{{ value_json.uptime_s | round(0) }}",
      ...health,
    }),
    entity(gatewayId, ["queued"], {
      p: "sensor",
      name: "waiting messages",
      icon: "mdi:tray-full",
      unit_of_measurement: "messages",
      value_template: "{{ value_json.broker.queued }}",
      ...MEASUREMENT,
      ...health,
    }),
  ];
  if (allow.includes("restart")) {
    entries.push(entity(gatewayId, ["restart"], {
      p: "button",
      name: "restart",
      device_class: "restart",
      entity_category: "config",
      command_topic: `${commandTopics(gateway).commandPrefix}restart`,
      command_template: command("{}"),
    }));
  }
  return entries;
}
