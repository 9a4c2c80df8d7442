/** A subscriber that counts results as they come back from a broker: the demo's own witness. */

import mqtt from "mqtt";
import { PublishError } from "../core/errors.ts";

/** Counts results of one gateway. */
export interface ResultListener extends AsyncDisposable {
  /** Different results received; one that arrives twice (same `boot` and `seq`) counts once. */
  readonly received: number;
  /** Resolves when `count` have been received; never by itself otherwise. */
  whenReceived(count: number): Promise<void>;
}

/**
 * Connects and subscribes.
 *
 * @throws {PublishError} `publish.listen` when the broker cannot be reached
 */
export async function listenForResults(options: {
  readonly url: string;
  readonly baseTopic: string;
  readonly gatewayId: string;
}): Promise<ResultListener> {
  const { url, baseTopic, gatewayId } = options;
  // Newest sequence number of each run: results of one run arrive in order, so a repeat is never newer.
  const newest = new Map<string, number>();
  let received = 0;
  let wake: (() => void) | null = null;
  let client: mqtt.MqttClient;
  try {
    client = await mqtt.connectAsync(url, {
      protocolVersion: 4,
      reconnectPeriod: 500,
      connectTimeout: 5000,
      writeCache: false,
    }, false);
    await client.subscribeAsync(`${baseTopic}/${gatewayId}/cam/+/result`, { qos: 1 });
  } catch (cause) {
    throw new PublishError("publish.listen", `Cannot listen for results: ${(cause as Error).message}`, { cause });
  }
  client.on("message", (_topic, payload) => {
    const { boot, seq } = JSON.parse(payload.toString()) as { boot: string; seq: number };
    if (seq <= (newest.get(boot) ?? -1)) return;
    newest.set(boot, seq);
    received++;
    wake?.();
  });
  return {
    get received() {
      return received;
    },
    async whenReceived(count) {
      while (received < count) {
        await new Promise<void>((resolve) => wake = resolve);
        wake = null;
      }
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}
