/**
 * One connection to a broker, from CONNECT to close. The only user of `mqtt`.
 *
 * mqtt.js is used as codec, socket and keep-alive only. Its own reconnecting and queueing stay off (`reconnectPeriod` 0,
 * a new client for each connection): they queue without bound, and order messages by quality of service.
 */

import mqtt, { ReasonCodes } from "mqtt";
import type { Clock } from "../core/clock.ts";
import type { Outgoing } from "./message_store.ts";
import { QUOTA_EXCEEDED, type SessionEnd, sessionEndOf, UNANSWERED } from "./session_end.ts";
import { topicMatches } from "./topics.ts";

/** Most messages under way; a broker may ask for fewer (mosquitto: 20). */
export const IN_FLIGHT_MAX = 32;
/** Silence after which the broker is asked for a sign of life; half as long again without one, and the session ends. */
const KEEPALIVE_S = 20;
/** How long an MQTT 5 broker holds the will back, so that a blip does not show as offline. */
const WILL_DELAY_S = 5;
/** The broker's memory of us must outlive the will delay: the will is sent when the session ends, if that is sooner. */
const SESSION_EXPIRY_S = 2 * WILL_DELAY_S;
/** A message without an answer for so long ends a session that otherwise lives: nothing else makes the broker look again. */
const ANSWER_MS_MAX = 90_000;
/** What a PUBLISH packet has besides topic and payload, generously: header, packet id and properties. */
const PACKET_OVERHEAD_BYTES = 256;
/** Longest packet that an MQTT 5 broker may send us: a command and its properties. */
const INBOUND_BYTES_MAX = 80 * 1024;

/** Where the broker is. Without credentials. */
export interface BrokerAddress {
  readonly protocol: "mqtt" | "mqtts" | "ws" | "wss";
  readonly host: string;
  readonly port: number;
  /** WebSocket only. */
  readonly path: string;
}

/** PEM texts. The broker's certificate is always checked. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One connection's terms. */
export interface SessionOptions {
  readonly address: BrokerAddress;
  readonly protocol: "5" | "3.1.1";
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly statusTopic: string;
  /** What to listen to; read once the broker has accepted us. */
  readonly subscriptions: readonly Subscription[];
  /** The broker accepted us. */
  readonly onOnline: () => void;
}

/** A topic filter that a session listens to. */
export interface Subscription {
  readonly filter: string;
  /**
   * What `isRetained` says under MQTT 5: whether the sender wants the message to be kept (true), or whether it is an old
   * one that was kept (false). Under MQTT 3.1.1 it is always the latter.
   */
  readonly retainAsPublished: boolean;
  readonly onMessage: (message: InboundMessage) => void;
  /** The broker does not let us listen. */
  readonly onRefused: (text: string) => void;
}

/** A message from the broker. */
export interface InboundMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** See `Subscription.retainAsPublished`. */
  readonly isRetained: boolean;
  /** MQTT 5 only. */
  readonly responseTopic: string | undefined;
  readonly correlation: Uint8Array | null;
}

/** A connection, or an attempt at one. */
export interface Session {
  /** Settles once, when the connection is gone and nothing of it is left open; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** How many unanswered `send`s the broker takes; known when online. */
  readonly inFlightMax: number;
  /**
   * Sends a message. `answered(null)` when the broker has it (QoS 1) or the socket took it (QoS 0), `answered(text)`
   * when the broker refused this message for good; neither when the session ends first, as it does when the broker has
   * no room for more.
   */
  send(outgoing: Outgoing, answered: (refusal: string | null) => void): void;
  /** Sends the gateway's own retained status; same rules. */
  sendStatus(status: "online" | "stopped", answered: (refusal: string | null) => void): void;
  /** Asks the broker for something more, which `subscriptions` has by now. */
  subscribe(subscription: Subscription): void;
  /** Says goodbye, so that the broker forgets the will; `ended` follows unless the broker is frozen. */
  disconnect(): void;
  /** Drops the connection without goodbye; `ended` follows soon. */
  destroy(): void;
}

/** Starts an attempt to connect. */
export function openSession(options: SessionOptions): Session {
  const v5 = options.protocol === "5";
  const client = mqtt.connect(clientOptions(options));
  let failure: unknown = null;
  let wasOnline = false;
  let alive = true;
  let leaving = false;
  let inFlightMax = IN_FLIGHT_MAX;
  let packetBytesMax = Infinity;

  const { promise: ended, resolve } = Promise.withResolvers<SessionEnd>();
  /** When each QoS 1 message was sent, oldest first. */
  const unanswered = new Set<{ readonly sentUs: number }>();
  const over = new AbortController();
  const end = () => {
    alive = false;
    over.abort();
    resolve(leaving ? { kind: "closed", text: "closed by this side" } : sessionEndOf(failure, wasOnline));
  };
  const destroy = () => {
    alive = false;
    // mqtt.js takes no second `end`, so one that waits for a frozen broker can only be cut short at the socket.
    if (client.disconnecting) client.stream.destroy();
    else client.end(true, () => setImmediate(end)); // later than "close", which is missing when there is no socket yet
  };
  const watchAnswers = async () => {
    const { clock } = options;
    while (alive) {
      await clock.sleep(ANSWER_MS_MAX / 10, over.signal);
      const [oldest] = unanswered;
      if (!alive || oldest === undefined || clock.nowUs() - oldest.sentUs < ANSWER_MS_MAX * 1000) continue;
      const text = `no answer to a message for ${ANSWER_MS_MAX / 1000} s`;
      failure ??= Object.assign(new Error(text), { code: UNANSWERED });
      destroy();
    }
  };
  client.on("connect", (connack) => {
    if (!alive) return;
    void watchAnswers();
    wasOnline = true;
    inFlightMax = Math.min(IN_FLIGHT_MAX, connack.properties?.receiveMaximum ?? IN_FLIGHT_MAX);
    packetBytesMax = connack.properties?.maximumPacketSize ?? Infinity;
    subscribe(client, options.subscriptions, () => alive);
    options.onOnline();
  });
  client.on("error", (error) => {
    failure ??= error;
    destroy(); // not every error closes the socket by itself, and a session with an error is of no more use
  });
  client.on("disconnect", (packet) => {
    const code = packet.reasonCode ?? 0;
    const name = ReasonCodes[code as keyof typeof ReasonCodes] ?? "";
    failure ??= Object.assign(new Error(`the broker ended the session: ${name}`), { code });
  });
  client.on("close", end);

  const publish = (
    topic: string,
    payload: string,
    terms: mqtt.IClientPublishOptions,
    answered: (refusal: string | null) => void,
  ) => {
    if (!alive) return;
    const bytes = Buffer.byteLength(payload) + topic.length + PACKET_OVERHEAD_BYTES;
    if (bytes > packetBytesMax) {
      queueMicrotask(() => alive && answered(`Packet too large: the broker takes ${packetBytesMax} bytes`));
      return;
    }
    const sent = { sentUs: options.clock.nowUs() };
    if (terms.qos !== 0) unanswered.add(sent);
    client.publish(topic, payload, terms, (error) => {
      unanswered.delete(sent);
      if (!alive) return;
      const code = (error as { readonly code?: unknown } | undefined)?.code;
      if (code === QUOTA_EXCEEDED) {
        failure ??= error;
        destroy();
      } else if (!error) answered(null);
      // A numeric code is the broker's answer to this message; anything else is about the connection, which will end.
      else if (typeof code === "number") answered(error.message);
    });
  };

  return {
    ended,
    get inFlightMax() {
      return inFlightMax;
    },
    send: ({ topic, message, correlation: data }, answered) => {
      const correlation = data && Buffer.from(data);
      const terms = { qos: message.qos, retain: message.retain };
      const properties = () => ({ ...propertiesOf(message), ...(correlation && { correlationData: correlation }) });
      publish(topic, message.payload, v5 ? { ...terms, properties: properties() } : terms, answered);
    },
    sendStatus: (status, answered) => publish(options.statusTopic, status, { qos: 1, retain: true }, answered),
    subscribe: (subscription) => ask(client, subscription, () => alive),
    disconnect: () => {
      leaving = true;
      client.end(false, v5 ? { properties: { sessionExpiryInterval: 0 } } : {});
    },
    destroy,
  };
}

// ---

function subscribe(client: mqtt.MqttClient, subscriptions: readonly Subscription[], isAlive: () => boolean): void {
  client.on("message", (topic, payload, packet) => {
    if (!isAlive()) return;
    const { responseTopic, correlationData } = packet.properties ?? {};
    const message = { topic, payload, isRetained: packet.retain, responseTopic, correlation: correlationData ?? null };
    for (const { filter, onMessage } of subscriptions) if (topicMatches(filter, topic)) onMessage(message);
  });
  for (const subscription of subscriptions) ask(client, subscription, isAlive);
}

function ask(client: mqtt.MqttClient, subscription: Subscription, isAlive: () => boolean): void {
  const { filter, retainAsPublished, onRefused } = subscription;
  client.subscribe(filter, { qos: 1, rap: retainAsPublished }, (error, granted) => {
    if (!isAlive()) return;
    if (error) onRefused(error.message);
    else if (granted?.some(({ qos }) => qos >= 128)) onRefused("Not authorized");
  });
}

/** Where and as whom to connect; nothing of what is done there. */
export function connectionTerms(
  options: Pick<
    SessionOptions,
    "address" | "tls" | "protocol" | "clientId" | "username" | "password" | "connectTimeoutMs"
  >,
): mqtt.IClientOptions {
  const { address, tls = {} } = options;
  return {
    protocol: address.protocol,
    hostname: address.host,
    host: address.host,
    port: address.port,
    path: address.path,
    protocolVersion: options.protocol === "5" ? 5 : 4,
    clientId: options.clientId,
    username: options.username,
    password: options.password,
    ...tls,
    rejectUnauthorized: true,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    connectTimeout: options.connectTimeoutMs,
    keepalive: KEEPALIVE_S,
    timerVariant: "native",
    // The table of all 65,536 packet numbers takes 9 MB to save some nanoseconds a packet.
    writeCache: false,
  };
}

function clientOptions(options: SessionOptions): mqtt.IClientOptions {
  const v5 = options.protocol === "5";
  return {
    ...connectionTerms(options),
    // A clean start would end the old session, and with it the delay of the old will.
    clean: !v5,
    ...(v5 ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_S, maximumPacketSize: INBOUND_BYTES_MAX } } : {}),
    will: {
      topic: options.statusTopic,
      payload: Buffer.from("offline"),
      qos: 1,
      retain: true,
      ...(v5 ? { properties: { willDelayInterval: WILL_DELAY_S } } : {}),
    },
  };
}

function propertiesOf(message: Outgoing["message"]): mqtt.IClientPublishOptions["properties"] {
  return {
    contentType: message.contentType,
    payloadFormatIndicator: true,
    ...(message.expiryS === null ? {} : { messageExpiryInterval: message.expiryS }),
    ...(message.schema === null ? {} : { userProperties: { schema: message.schema } }),
  };
}
