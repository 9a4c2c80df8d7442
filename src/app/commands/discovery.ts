/** `discovery print` and `discovery clear`: what Home Assistant is told of a gateway, and an end of that. */

import { loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/types.ts";
import { ConfigError } from "../../core/errors.ts";
import { forgetTopic } from "../../publish/forget_topic.ts";
import { discoveryTopic } from "../../publish/home_assistant/device.ts";
import type { CommandOf } from "../command_table.ts";
import { openNetworks } from "../compose/cameras.ts";
import { describeGateway } from "../compose/home_assistant.ts";
import { brokerTerms } from "../compose/publisher.ts";
import type { CommandContext } from "./context.ts";

/** The prefix of a Home Assistant that was not told otherwise. */
const PREFIX_DEFAULT = "homeassistant";

/** Prints the message without sending it; meters, which only a running gateway knows, are not in it. */
export async function printDiscovery(
  command: CommandOf<"discovery print">,
  { console }: CommandContext,
): Promise<number> {
  const { config } = await loadConfig(command.config, { set: command.set });
  requireBroker(config);
  const networks = await openNetworks(config.cameras);
  const cameras = config.cameras.map(({ id, network }) => ({ id, classes: networks.get(network)!.labels }));
  const payload = describeGateway(config, { backend: config.backend.kind }, cameras);
  const topic = topicOf(config, config.gateway.id);
  if (command.json) console.print(JSON.stringify({ topic, payload }));
  else console.print(`${topic}\n${JSON.stringify(payload, null, 2)}`);
  return 0;
}

/** Has the broker forget the message, so that the device disappears from Home Assistant. */
export async function clearDiscovery(
  command: CommandOf<"discovery clear">,
  { console }: CommandContext,
): Promise<number> {
  const { config } = await loadConfig(command.config, { set: command.set });
  const mqtt = requireBroker(config);
  const gateway = command.gateway ?? config.gateway.id;
  const topic = topicOf(config, gateway);
  await forgetTopic(brokerTerms(mqtt), topic);
  if (command.json) console.print(JSON.stringify({ topic, cleared: true }));
  else {
    console.print(`The broker forgot ${topic}`);
    if (config.homeAssistant !== null && gateway === config.gateway.id) {
      console.note(
        "This gateway announces itself again when it connects: take home_assistant out of its configuration.",
      );
    }
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

function requireBroker({ mqtt }: Config) {
  if (mqtt !== null) return mqtt;
  throw new ConfigError("config.mqtt", "Home Assistant is told over a broker, so mqtt must name one: found nothing");
}

function topicOf({ homeAssistant }: Config, gatewayId: string): string {
  return discoveryTopic(homeAssistant?.prefix ?? PREFIX_DEFAULT, gatewayId);
}
