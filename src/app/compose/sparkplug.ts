/** The Sparkplug edge node that a configuration asks for. */

import type { Config, MqttConfig, SparkplugConfig } from "../../config/types.ts";
import type { CommandSink } from "../../ports/commands.ts";
import { SparkplugPublisher } from "../../publish/sparkplug/sparkplug_publisher.ts";
import type { PartOptions } from "./options.ts";
import { brokerTerms } from "./publisher.ts";

/** Starts publishing; the broker may be away. `sink` takes writes to devices where the configuration wants commands. */
export function openSparkplug(
  { gateway, commands }: Config,
  mqtt: MqttConfig,
  { node, ...sparkplug }: SparkplugConfig,
  parts: { readonly sink: CommandSink; onProblem(text: string | null): void },
  { clock, random, log }: PartOptions,
): SparkplugPublisher {
  return new SparkplugPublisher({
    ...brokerTerms(mqtt),
    ...sparkplug,
    node: node ?? gateway.id,
    clientId: `${mqtt.clientId}-sparkplug`,
    allow: commands?.allow ?? [],
    commands: parts.sink,
    onProblem: parts.onProblem,
    clock,
    random,
    log,
  });
}
