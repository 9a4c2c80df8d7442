/** A publisher with the settings that tests share. */

import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import type { MqttPublisherOptions } from "../../src/publish/mqtt_options.ts";
import { type MqttPublisher, openMqttPublisher } from "../../src/publish/mqtt_publisher.ts";

/** One line that a publisher logged. */
export interface Logged {
  readonly level: string;
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Gateway `gw` under `quartz`, quick to reconnect; `logged` collects its log. */
export function openTestPublisher(
  url: string,
  options: Partial<MqttPublisherOptions> = {},
): { readonly publisher: MqttPublisher; readonly logged: Logged[] } {
  const logged: Logged[] = [];
  const publisher = openMqttPublisher({
    url,
    gatewayId: "gw",
    baseTopic: "quartz",
    clientId: `quartz-gw-${crypto.randomUUID().slice(0, 8)}`,
    protocol: "auto",
    connectTimeoutMs: 2000,
    outboxMax: 10_000,
    reconnectMsMin: 20,
    reconnectMsMax: 100,
    clock: systemClock,
    random: createRandom(1),
    log: (level, text, facts) => logged.push({ level, text, facts }),
    ...options,
  });
  return { publisher, logged };
}
