/** A subscriber for tests: keeps every message in the order of arrival. */

import assert from "node:assert/strict";
import mqtt from "mqtt";

/** One message as it arrived. */
export interface Heard {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly properties: mqtt.IPublishPacket["properties"];
}

/** A connected, subscribed listener. */
export interface Listener extends AsyncDisposable {
  readonly heard: Heard[];
  /** Resolves when `condition` holds, asked after each message; fails after `withinMs` with what was heard. */
  until(condition: (heard: readonly Heard[]) => boolean, withinMs?: number): Promise<void>;
}

/** Subscribes to `filter` with QoS 1. */
export async function listen(
  url: string,
  options: {
    readonly filter?: string;
    readonly protocolVersion?: 4 | 5;
    /** PEM texts. */
    readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  } = {},
): Promise<Listener> {
  const { filter = "#", protocolVersion = 4, tls } = options;
  const heard: Heard[] = [];
  const waiting = new Set<() => void>();
  const client = mqtt.connect(url, {
    reconnectPeriod: 50,
    clientId: `listener-${crypto.randomUUID().slice(0, 8)}`,
    protocolVersion,
    ...tls,
  });
  client.on("message", (topic, payload, packet) => {
    heard.push({
      topic,
      text: payload.toString(),
      qos: packet.qos,
      retain: packet.retain,
      properties: packet.properties,
    });
    for (const check of waiting) check();
  });
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  await client.subscribeAsync(filter, { qos: 1 });
  return {
    heard,
    until(condition, withinMs = 10_000) {
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          settle();
        };
        const check = () => condition(heard) && end(resolve);
        const timer = setTimeout(() => {
          const last = heard.slice(-20).map(({ topic, text }) => `${topic} ${text.slice(0, 80)}`).join("\n");
          end(() =>
            reject(new assert.AssertionError({ message: `not heard; ${heard.length} in all, last:\n${last}` }))
          );
        }, withinMs);
        waiting.add(check);
        check();
      });
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}

/** Waits for something that has no event: asks every 5 ms. */
export async function eventually(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  for (const start = performance.now(); !condition();) {
    assert.ok(performance.now() - start < withinMs, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
