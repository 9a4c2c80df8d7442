/** Has a broker forget a topic that it keeps, over a short connection of its own that leaves running gateways alone. */

import mqtt from "mqtt";
import { PublishError } from "../core/errors.ts";
import type { TlsOptions } from "./mqtt_session.ts";

/** How to reach the broker. */
export interface ForgetTerms {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  readonly connectTimeoutMs: number;
}

/**
 * Publishes an empty retained message and waits for the broker's word. MQTT 3.1.1, which every broker speaks.
 *
 * @throws {PublishError} `publish.forget` when the broker cannot be reached or refuses
 */
export async function forgetTopic({ tls, ...terms }: ForgetTerms, topic: string): Promise<void> {
  let client: mqtt.MqttClient | null = null;
  try {
    const { url, username, password, connectTimeoutMs } = terms;
    client = await mqtt.connectAsync(url, {
      username,
      password,
      ...tls,
      rejectUnauthorized: true,
      protocolVersion: 4,
      reconnectPeriod: 0,
      connectTimeout: connectTimeoutMs,
    }, false);
    await client.publishAsync(topic, "", { qos: 1, retain: true });
  } catch (cause) {
    const { message, code } = cause as Error & { readonly code?: unknown };
    const found = message === "" ? String(code) : message; // AggregateError has its text in the code only
    throw new PublishError("publish.forget", `Cannot have the broker forget ${topic}: ${found}`, { cause });
  } finally {
    await client?.endAsync(true);
  }
}
