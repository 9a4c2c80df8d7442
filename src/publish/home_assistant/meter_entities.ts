/** What Home Assistant shows of power and energy: every meter by itself, its method in its name, and nothing added up. */

import type { PowerMeterInfo } from "../../core/messages.ts";
import { topicOf } from "../topics.ts";
import { DIAGNOSTIC, entity, type Entry, MEASUREMENT, ofItem } from "./component.ts";
import type { AnnouncedGateway } from "./device.ts";

/** A meter's figures are gone when as many windows went by without a message. */
const WINDOWS_MISSED_MAX = 3;

/** Power, energy since the counter began, and energy an inference, a meter. */
export function meterEntities(gateway: AnnouncedGateway, meters: readonly PowerMeterInfo[]): Entry[] {
  return meters.flatMap((meter) => entitiesOf(gateway, meter));
}

// ---------------------------------------------------------------------------------------------------------------------

function entitiesOf(gateway: AnnouncedGateway, { id, scope, method }: PowerMeterInfo): Entry[] {
  const topic = { state_topic: topicOf("power", gateway) };
  const expiry = { expire_after: Math.ceil(WINDOWS_MISSED_MAX * gateway.powerEveryS) };
  // Rails are many and lie within the board: they are there for those who look for them.
  const detail = scope === "rail" ? { ...DIAGNOSTIC, enabled_by_default: false } : {};
  const label = method === "estimated" ? `${id}, estimated` : id;
  const one = (suffix: string, component: Parameters<typeof entity>[2]) =>
    entity(gateway.gatewayId, ["meter", id, suffix], component);
  const entries = [
    one("power", {
      p: "sensor",
      name: `power (${label})`,
      device_class: "power",
      unit_of_measurement: "W",
      suggested_display_precision: 2,
      value_template: ofItem("sources", "id", id, "one.power_w if one.state == 'ok' else 'None'"),
      ...MEASUREMENT,
      ...topic,
      ...expiry,
      ...detail,
    }),
    one("energy", {
      p: "sensor",
      name: `energy (${label})`,
      device_class: "energy",
      unit_of_measurement: "Wh",
      suggested_display_precision: 1,
      state_class: "total_increasing",
      value_template: ofItem(
        "sources",
        "id",
        id,
        "(one.energy_total_j / 3600) | round(4) if one.energy_total_j is not none else 'None'",
      ),
      ...topic,
      ...detail,
    }),
  ];
  if (scope !== "rail") {
    entries.push(one("inference", {
      p: "sensor",
      name: `energy per inference (${label})`,
      icon: "mdi:lightning-bolt-outline",
      unit_of_measurement: "mJ",
      suggested_display_precision: 3,
      // A window without inferences has no entry: the energy of none is unknown, and not the last one's.
      value_template: `{% set ns = namespace(value='None') %}{% for one in value_json.per_inference if one.source == ` +
        `'${id}' %}{% set ns.value = (one.energy_j * 1000) | round(6) %}{% endfor %}{{ ns.value }}`,
      ...MEASUREMENT,
      ...topic,
      ...expiry,
    }));
  }
  return entries;
}
