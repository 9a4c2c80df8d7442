/** One connection of an edge node to a broker: a clean session, its NDEATH as the will, commands in, births and data out. */

import type { Duplex } from "node:stream";
import mqtt from "mqtt";
import { type BrokerAddress, connectionTerms, type TlsOptions } from "../mqtt_session.ts";
import { type SessionEnd, sessionEndOf } from "../session_end.ts";

/** One connection's terms. */
export interface ConnectionOptions {
  readonly address: BrokerAddress;
  readonly protocol: "5" | "3.1.1";
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  readonly connectTimeoutMs: number;
  readonly death: { readonly topic: string; readonly payload: Uint8Array };
  readonly filters: readonly string[];
  /** The broker accepted us and every subscription. */
  readonly onReady: () => void;
  readonly onMessage: (topic: string, payload: Uint8Array, isRetained: boolean) => void;
}

/** A connection, or an attempt at one. */
export interface Connection {
  /** Settles once, when nothing of it is left open; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** QoS 0, not retained; false when the socket has more to write than it can take. */
  send(topic: string, payload: Uint8Array): boolean;
  /** Tells the death, waits for the broker's word, and says goodbye; `ended` follows unless the broker is frozen. */
  leave(payload: Uint8Array): void;
  /** Drops the connection without goodbye; `ended` follows soon. */
  destroy(): void;
}

/** Longest packet that an MQTT 5 broker may send us. */
const INBOUND_BYTES_MAX = 80 * 1024;
/** More than this in the socket's queue, and messages are refused. */
const QUEUE_BYTES_MAX = 1024 * 1024;

/** Starts an attempt to connect. */
export function openConnection(options: ConnectionOptions): Connection {
  const { filters, death, onReady, onMessage } = options;
  const client = mqtt.connect(clientOptions(options));
  let failure: unknown = null;
  let wasOnline = false;
  let alive = true;
  let leaving = false;
  const { promise: ended, resolve } = Promise.withResolvers<SessionEnd>();
  const end = () => {
    alive = false;
    resolve(leaving ? { kind: "closed", text: "closed by this side" } : sessionEndOf(failure, wasOnline));
  };
  const destroy = () => {
    alive = false;
    // mqtt.js takes no second `end`, so one that waits for a frozen broker can only be cut short at the socket.
    if (client.disconnecting) client.stream.destroy();
    else client.end(true, () => setImmediate(end));
  };
  const fail = (error: unknown) => {
    failure ??= error;
    destroy();
  };
  client.on("error", fail);
  client.on("close", end);
  client.on("message", (topic, payload, { retain }) => alive && onMessage(topic, payload, retain));
  client.on("connect", () => {
    if (!alive) return;
    wasOnline = true;
    client.subscribe([...filters], { qos: 1 }, (error, granted) => {
      if (!alive) return;
      const refused = granted?.find(({ qos }) => qos >= 128);
      if (error) fail(error);
      else if (refused !== undefined) fail(new Error(`Not authorized to subscribe to ${refused.topic}`));
      else onReady();
    });
  });
  return {
    ended,
    send(topic, payload) {
      if (!alive || !client.connected || (client.stream as Duplex).writableLength > QUEUE_BYTES_MAX) return false;
      client.publish(topic, bufferOf(payload), { qos: 0, retain: false });
      return true;
    },
    leave(payload) {
      if (leaving || !alive) return;
      leaving = true;
      if (!client.connected) return destroy();
      client.publish(death.topic, bufferOf(payload), { qos: 1, retain: false }, () => client.end(false));
    },
    destroy,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

function clientOptions(options: ConnectionOptions): mqtt.IClientOptions {
  const { death } = options;
  const isV5 = options.protocol === "5";
  return {
    ...connectionTerms(options),
    clean: true,
    ...(isV5 ? { properties: { sessionExpiryInterval: 0, maximumPacketSize: INBOUND_BYTES_MAX } } : {}),
    will: { topic: death.topic, payload: bufferOf(death.payload), qos: 1, retain: false },
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
