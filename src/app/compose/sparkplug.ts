/** The Sparkplug edge node that a configuration asks for, as a companion of its runtime. */

import type { Config, SparkplugConfig } from "../../config/types.ts";
import { SparkplugPublisher } from "../../publish/sparkplug/sparkplug_publisher.ts";
import type { Companion, CompanionWires } from "./companions.ts";
import type { PartOptions } from "./options.ts";
import { brokerTerms } from "./publisher.ts";

/** Starts publishing; the broker may be away. Writes to devices go to `sink` where the configuration wants commands. */
export function openSparkplug(
  { gateway, commands, mqtt }: Config,
  { node, ...sparkplug }: SparkplugConfig,
  { sink, setProblem }: Pick<CompanionWires, "sink" | "setProblem">,
  { clock, random, log }: PartOptions,
): Companion {
  const publisher = new SparkplugPublisher({
    ...brokerTerms(mqtt!),
    ...sparkplug,
    node: node ?? gateway.id,
    clientId: `${mqtt!.clientId}-sparkplug`,
    allow: commands?.allow ?? [],
    commands: sink,
    onProblem: (text) => setProblem("sparkplug", text),
    clock,
    random,
    log,
  });
  return {
    name: "sparkplug",
    listener: publisher,
    publisher,
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  };
}
