/** The publisher that a configuration asks for, and how any client of ours reaches its broker. */

import type { Config, MqttConfig } from "../../config/types.ts";
import type { CommandSink } from "../../ports/commands.ts";
import type { MqttPublisherOptions } from "../../publish/mqtt_options.ts";
import { type MqttPublisher, openMqttPublisher } from "../../publish/mqtt_publisher.ts";
import type { Subscription } from "../../publish/mqtt_session.ts";
import type { PartOptions } from "./options.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/** How to reach the broker, as a client needs it. */
export function brokerTerms({ url, username, password, tls, protocol }: MqttConfig) {
  return {
    url,
    username: username ?? undefined,
    password: password?.reveal(),
    tls: tls === null ? undefined : { ca: tls.ca ?? undefined, cert: tls.cert ?? undefined, key: tls.key?.reveal() },
    protocol,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  };
}

/** Starts publishing; the broker may be away. `sink` takes commands once the configuration wants them. */
export function openPublisher(
  config: Config,
  mqtt: MqttConfig,
  sink: CommandSink,
  subscriptions: readonly Subscription[],
  options: PartOptions & Pick<MqttPublisherOptions, "onDelivered">,
): MqttPublisher {
  const { spool } = config;
  return openMqttPublisher({
    ...brokerTerms(mqtt),
    gatewayId: config.gateway.id,
    baseTopic: mqtt.baseTopic,
    clientId: mqtt.clientId,
    outboxMax: mqtt.outboxMax,
    spool: spool === null ? undefined : {
      folder: spool.path,
      bytesMax: spool.bytesMax,
      ageMaxMs: spool.ageMaxS * 1000,
      syncEveryMs: spool.syncEveryMs,
      backlogPerS: spool.backlogPerS,
    },
    commands: sink,
    listensToCommands: config.commands !== null,
    subscriptions,
    onDelivered: options.onDelivered,
    clock: options.clock,
    random: options.random,
    log: options.log,
  });
}
