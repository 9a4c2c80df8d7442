/** A configuration to a gateway that is ready to run. Each part has a file in `compose/`. */

import process from "node:process";
import type { Config } from "../config/types.ts";
import { ConfigError } from "../core/errors.ts";
import type { CommandSink } from "../ports/commands.ts";
import type { Publisher } from "../ports/publisher.ts";
import { teePublisher } from "../publish/tee_publisher.ts";
import { Runtime } from "../runtime/runtime.ts";
import { LatestMessages } from "../telemetry/latest_messages.ts";
import { renderMetrics } from "../telemetry/prometheus.ts";
import { createBackends } from "./compose/backends.ts";
import { cameraPart, equip, type Equipment, openNetworks } from "./compose/cameras.ts";
import { openCommands } from "./compose/controls.ts";
import { Gateway } from "./compose/gateway.ts";
import { infoMessage } from "./compose/info.ts";
import { createMetricsView, exportToOpenTelemetry } from "./compose/metrics.ts";
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
  const companions: AsyncDisposable[] = [];
  // What a configuration does not ask for is not loaded.
  const monitoring = config.monitor === null ? null : await import("./compose/monitor.ts");
  const remembering = config.history === null ? null : await import("./compose/history.ts");
  const announcing = config.homeAssistant === null ? null : await import("./compose/home_assistant.ts");
  const edgeNodes = config.sparkplug === null ? null : await import("./compose/sparkplug.ts");
  const monitor = monitoring?.openMonitor(config, options) ?? null;
  if (monitor !== null) companions.push(monitor);
  let publisher: Publisher | null = null;
  try {
    const networks = await openNetworks(config.cameras);
    for (const camera of config.cameras) {
      equipment.set(camera.id, await equip(camera, networks.get(camera.network)!, factory));
    }
    const equipped = [...equipment.values()];
    // Commands need the gateway, which needs the publisher, which takes commands in.
    let commands: CommandSink | null = null;
    const sink: CommandSink = (request, respond) => commands?.(request, respond);
    const { clock, random, log, observers = [], listeners = [], configSha256 } = options;
    const latest = new LatestMessages();
    let runtime: Runtime | null = null;
    const announcer = announcing?.createAnnouncer(config, config.homeAssistant!, options, {
      cameras: () => runtime?.cameras ?? [],
      keep: (topic, payload) => mqtt.keep(topic, payload),
    }) ?? null;
    if (announcer !== null) companions.push(announcer);
    const mqtt = openPublisher(config, config.mqtt, sink, announcer?.subscriptions ?? [], {
      ...options,
      onDelivered: (camera, tookUs) => runtime?.recordPublish(camera, tookUs),
    });
    const onProblem = (text: string | null) => runtime?.setProblem("history", text);
    const history = remembering?.openHistory(config, config.history!, options, onProblem) ?? null;
    if (history !== null) companions.push(history);
    const sparkplug = edgeNodes?.openSparkplug(config, config.mqtt, config.sparkplug!, {
      sink,
      onProblem: (text) => runtime?.setProblem("sparkplug", text),
    }, options) ?? null;
    if (sparkplug !== null) companions.push(sparkplug);
    const heard = [latest, monitor, history, announcer, sparkplug, ...listeners].filter((listener) =>
      listener !== null
    );
    publisher = teePublisher(mqtt, heard, log);
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
      observers: [
        ...observers,
        ...(power === null ? [] : [power.observer]),
        ...(monitor === null ? [] : [monitor.observer]),
        ...(history === null ? [] : [remembering!.historyObserver(history)]),
      ],
    });
    const metricsView = createMetricsView({
      gatewayId: config.gateway.id,
      info,
      latest,
      runtime,
      mqtt,
      sparkplug,
      clock,
    });
    const metricsText = () => renderMetrics(metricsView());
    const exporter = await exportToOpenTelemetry(metricsView);
    if (exporter !== null) companions.push(exporter);
    if (monitor !== null) monitoring!.watchGateway(monitor, { runtime, publisher, metricsText });
    const whatHangs = (limitMs: number) =>
      runtime.whatHangs(limitMs) ?? (mqtt.diskBusyMs > limitMs ? "the spool's disk" : null);
    const parts = { runtime, publisher, mqtt, metricsText, whatHangs, factory, equipment, companions, power };
    const gateway = new Gateway({ config, options, ...parts });
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
