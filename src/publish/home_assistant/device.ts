/**
 * A gateway as a Home Assistant device: one discovery message with all its entities.
 *
 * Device discovery of Home Assistant 2024.11 and newer:
 * https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
 */

import type { CommandVerb } from "../../core/commands.ts";
import type { PowerMeterInfo } from "../../core/messages.ts";
import { isId, topicOf } from "../topics.ts";
import { cameraEntities } from "./camera_entities.ts";
import { available, type Component } from "./component.ts";
import { gatewayEntities } from "./gateway_entities.ts";
import { meterEntities } from "./meter_entities.ts";

/** All that the entities depend on. */
export interface AnnouncedGateway {
  readonly baseTopic: string;
  readonly gatewayId: string;
  /** As people call it. */
  readonly name: string;
  readonly version: string;
  readonly backend: string;
  readonly cameras: readonly AnnouncedCamera[];
  readonly meters: readonly PowerMeterInfo[];
  /** Commands that the gateway takes: an entity that needs another is left out. */
  readonly allow: readonly CommandVerb[];
  /** Longest time between two latency messages, or two power messages, s. */
  readonly latencyEveryS: number;
  readonly powerEveryS: number;
  /** Where the gateway's own page is, if it has one that others reach. */
  readonly pageUrl: string | null;
}

/** One camera of it. */
export interface AnnouncedCamera {
  readonly id: string;
  /** Every class that its state may name. */
  readonly classes: readonly string[];
}

/** The payload of the discovery topic. */
export interface DeviceDiscovery {
  readonly dev: Readonly<Record<string, unknown>>;
  readonly o: { readonly name: string; readonly sw: string };
  readonly availability: readonly Readonly<Record<string, string>>[];
  readonly qos: 0 | 1;
  readonly cmps: Readonly<Record<string, Component>>;
}

/** The device of a gateway. */
export function describeDevice(gateway: AnnouncedGateway): DeviceDiscovery {
  const { gatewayId, name, version, backend, pageUrl } = gateway;
  const meters = gateway.meters.filter(({ id }) => isId(id)); // an id goes into templates, where nothing may be quoted
  const components = [
    ...gateway.cameras.flatMap((camera) => cameraEntities(gateway, camera)),
    ...meterEntities(gateway, meters),
    ...gatewayEntities(gateway),
  ];
  return {
    dev: {
      ids: [deviceId(gatewayId)],
      name,
      mf: "quartz-edge",
      mdl: `Spiking-network gateway (${backend})`,
      sw: version,
      ...(pageUrl === null ? {} : { cu: pageUrl }),
    },
    o: { name: "quartz-edge", sw: version },
    availability: [available(topicOf("status", gateway))],
    qos: 1,
    cmps: Object.fromEntries(components),
  };
}

/** Where a gateway's discovery message is kept. */
export function discoveryTopic(prefix: string, gatewayId: string): string {
  return `${prefix}/device/${deviceId(gatewayId)}/config`;
}

/** Where Home Assistant says that it started. */
export function birthTopic(prefix: string): string {
  return `${prefix}/status`;
}

// ---------------------------------------------------------------------------------------------------------------------

function deviceId(gatewayId: string): string {
  return `quartz_${gatewayId}`;
}
