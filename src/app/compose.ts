/** A configuration to a gateway that is ready to run. Each part has a file in `compose/`. */

import process from "node:process";
import type { Config } from "../config/types.ts";
import { ConfigError } from "../core/errors.ts";
import type { CommandSink } from "../ports/commands.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { MqttPublisher } from "../publish/mqtt_publisher.ts";
import { teePublisher } from "../publish/tee_publisher.ts";
import { Runtime } from "../runtime/runtime.ts";
import { LatestMessages } from "../telemetry/latest_messages.ts";
import { renderMetrics } from "../telemetry/prometheus.ts";
import { createBackends } from "./compose/backends.ts";
import { cameraPart, equip, type Equipment, openNetworks } from "./compose/cameras.ts";
import { type Companion, openCompanions } from "./compose/companions.ts";
import { openCommands } from "./compose/controls.ts";
import { Gateway } from "./compose/gateway.ts";
import { infoMessage } from "./compose/info.ts";
import { createMetricsView } from "./compose/metrics.ts";
import type { ComposeOptions } from "./compose/options.ts";
import { openPower } from "./compose/power.ts";
import { openPublisher } from "./compose/publisher.ts";

/**
 * Opens everything that `config` names. Networks must load; brokers and cameras may be away, they are waited for.
 *
 * @throws {ConfigError} when no broker is configured
 * @throws {ModelError} when a network cannot be loaded
 */
export async function compose(config: Config, options: ComposeOptions): Promise<Gateway> {
  if (config.mqtt === null) {
    throw new ConfigError("config.mqtt", "Cannot run as mqtt must name a broker: found nothing", {
      hint:
        "Add `mqtt: { url: mqtt://HOST:1883 }` to the configuration, or try `demo`, which starts a broker of its own",
    });
  }
  const power = await openPower(config, options);
  const factory = await createBackends(config, options, power?.onTelemetry);
  const equipment = new Map<string, Equipment>();
  let companions: readonly Companion[] = [];
  let publisher: Publisher | null = null;
  try {
    const networks = await openNetworks(config.cameras);
    for (const camera of config.cameras) {
      equipment.set(camera.id, await equip(camera, networks.get(camera.network)!, factory));
    }
    const equipped = [...equipment.values()];
    const { clock, random, log, observers = [], listeners = [], configSha256 } = options;
    // Parts that know each other: those that come first reach the later ones once these are there.
    let commands: CommandSink | null = null;
    let runtime: Runtime | null = null;
    let mqtt: MqttPublisher | null = null;
    const sink: CommandSink = (request, respond) => commands?.(request, respond);
    companions = await openCompanions(config, options, {
      sink,
      cameras: () => runtime?.cameras ?? [],
      setProblem: (what, text) => runtime?.setProblem(what, text),
      keep: (topic, payload) => mqtt?.keep(topic, payload),
    });
    mqtt = openPublisher(config, config.mqtt, sink, companions.flatMap(({ subscriptions = [] }) => subscriptions), {
      ...options,
      onDelivered: (camera, tookUs) => runtime?.recordPublish(camera, tookUs),
    });
    const latest = new LatestMessages();
    publisher = teePublisher(mqtt, [latest, ...present(companions, "listener"), ...listeners], log);
    const info = infoMessage(config, equipped[0].backend, configSha256, power?.info);
    runtime = new Runtime({
      cameras: equipped.map((one) => cameraPart(one, config, options)),
      publisher,
      info,
      clock,
      random,
      ...config.telemetry,
      rssBytes: () => process.memoryUsage.rss(),
      beforeCameras: power?.beforeCameras,
      observers: [...observers, ...(power === null ? [] : [power.observer]), ...present(companions, "observer")],
    });
    const parts = { runtime, publisher, mqtt, companions };
    const metricsView = createMetricsView({ gatewayId: config.gateway.id, info, latest, clock, ...parts });
    const metricsText = () => renderMetrics(metricsView());
    for (const companion of companions) companion.start?.({ runtime, publisher, metricsView, metricsText });
    const gateway = new Gateway({
      ...parts,
      config,
      options,
      metricsText,
      factory,
      equipment,
      power,
      whatHangs: (limitMs) =>
        parts.runtime.whatHangs(limitMs) ?? (parts.mqtt.diskBusyMs > limitMs ? "the spool's disk" : null),
    });
    power?.start(runtime, publisher, () => gateway.publishInfo());
    commands = openCommands(gateway, options);
    return gateway;
  } catch (error) {
    await power?.[Symbol.asyncDispose]();
    await publisher?.stop();
    for (const companion of companions) await companion[Symbol.asyncDispose]();
    for (const one of equipment.values()) await one[Symbol.asyncDispose]();
    await factory[Symbol.asyncDispose]();
    throw error;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** One way of hearing of all companions that have it. */
function present<Key extends "listener" | "observer">(
  companions: readonly Companion[],
  key: Key,
): NonNullable<Companion[Key]>[] {
  return companions.map((companion) => companion[key]).filter((way) => way !== undefined) as NonNullable<
    Companion[Key]
  >[];
}
