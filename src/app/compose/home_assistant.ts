/** What Home Assistant is told of a composed gateway. */

import type { Config, HomeAssistantConfig } from "../../config/types.ts";
import { isLoopback, parseListen } from "../../config/monitor_schema.ts";
import type { InfoMessage } from "../../core/messages.ts";
import { Announcer } from "../../publish/home_assistant/announcer.ts";
import { type AnnouncedCamera, describeDevice, type DeviceDiscovery } from "../../publish/home_assistant/device.ts";
import { VERSION } from "../version.ts";
import type { Companion, CompanionWires } from "./companions.ts";
import type { PartOptions } from "./options.ts";

/** The gateway as `info` and its cameras show it. */
export function describeGateway(
  config: Config,
  info: Pick<InfoMessage, "backend" | "power">,
  cameras: readonly AnnouncedCamera[],
): DeviceDiscovery {
  const { gateway, homeAssistant, mqtt, commands, telemetry, power } = config;
  return describeDevice({
    baseTopic: mqtt!.baseTopic,
    gatewayId: gateway.id,
    name: homeAssistant?.name ?? gateway.id,
    version: VERSION,
    backend: info.backend,
    cameras,
    meters: info.power?.meters ?? [],
    allow: commands?.allow ?? [],
    latencyEveryS: telemetry.latencyEveryS,
    powerEveryS: power.windowS,
    pageUrl: pageUrl(config),
  });
}

/** Announces the gateway whenever it says anew what it runs. */
export function openAnnouncer(
  config: Config,
  { prefix }: HomeAssistantConfig,
  { cameras, keep }: Pick<CompanionWires, "cameras" | "keep">,
  { clock, random, log }: PartOptions,
): Companion {
  const announcer = new Announcer({
    prefix,
    gatewayId: config.gateway.id,
    clock,
    random,
    log,
    describe: (info) =>
      describeGateway(config, info, cameras().map(({ id, network }) => ({ id, classes: network.labels }))),
    keep,
  });
  return {
    name: "home_assistant",
    listener: announcer,
    subscriptions: announcer.subscriptions,
    [Symbol.asyncDispose]: () => announcer[Symbol.asyncDispose](),
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Where others reach the gateway's page; null when they do not. */
function pageUrl({ monitor }: Config): string | null {
  if (monitor === null || !monitor.page || monitor.hosts.length === 0) return null;
  const { host, port } = parseListen(monitor.listen);
  return isLoopback(host) ? null : `http://${monitor.hosts[0]}:${port}/`;
}
