/** A subscriber to all that one gateway says of itself, results excepted: for those who watch it from elsewhere. */

import mqtt from "mqtt";
import { STREAMS, type TopicKey, topicOf } from "./topics.ts";

/** What was said: JSON, or plain text for `status` and `cameraStatus`. */
export interface GatewayWord {
  readonly key: TopicKey;
  /** "" for what is not of a camera. */
  readonly camera: string;
  readonly text: string;
}

/** Where to listen. */
export interface GatewayListenerOptions {
  readonly url: string;
  readonly baseTopic: string;
  readonly gatewayId: string;
  /** Of this client alone. */
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly protocol: "auto" | "5" | "3.1.1";
  onWord(word: GatewayWord): void;
  /** Null: connected. Otherwise why not; it goes on trying. */
  onConnection(problem: string | null): void;
}

const KEYS = (Object.keys(STREAMS) as TopicKey[]).filter((key) => key !== "result");
/** Longer payloads are none of ours. */
const PAYLOAD_BYTES_MAX = 256 * 1024;

/** Listens until it is disposed. Returns at once, whether or not the broker is there. */
export function listenToGateway(options: GatewayListenerOptions): AsyncDisposable {
  const { url, clientId, username, password, tls, protocol, onWord, onConnection } = options;
  const keyOf = new Map<string, { key: TopicKey; pattern: RegExp }>(
    KEYS.map((key) => [topicOf(key, options, "+"), { key, pattern: patternOf(topicOf(key, options, "+")) }]),
  );
  const client = mqtt.connect(url, {
    ...tls,
    clientId,
    username,
    password,
    // Whatever a broker speaks it speaks 3.1.1, unless the configuration says that this one does not.
    protocolVersion: protocol === "5" ? 5 : 4,
    reconnectPeriod: 1000,
    connectTimeout: 5000,
  });
  client.on("connect", () => {
    client.subscribeAsync([...keyOf.keys()], { qos: 1 }).then(
      () => onConnection(null),
      (error: Error) => onConnection(`The broker lets nobody listen: ${error.message}`),
    );
  });
  client.on("error", (error) => onConnection(error.message || (error as { code?: string }).code || "no broker"));
  client.on("close", () => onConnection("no connection to the broker"));
  client.on("message", (topic, payload) => {
    if (payload.length > PAYLOAD_BYTES_MAX) return;
    for (const { key, pattern } of keyOf.values()) {
      const match = pattern.exec(topic);
      if (match !== null) return onWord({ key, camera: match[1] ?? "", text: payload.toString() });
    }
  });
  return {
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}

// ---

/** A topic filter with at most one `+` as an expression that catches what stands there. */
function patternOf(filter: string): RegExp {
  return new RegExp(`^${filter.replace(/[.*?^${}()|[\]\\]/g, "\\$&").replace("+", "([^/]+)")}$`);
}
