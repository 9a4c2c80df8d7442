/**
 * One short visit to a broker, to see what it allows: as a client of its own, without a will and without a trace: nothing
 * that it publishes is kept, and what it subscribes to ends with the visit.
 */

import mqtt from "mqtt";
import { connectionTerms, type SessionOptions } from "./mqtt_session.ts";
import { type SessionEnd, sessionEndOf } from "./session_end.ts";

/** How to get in. */
export type ProbeOptions = Omit<SessionOptions, "statusTopic" | "subscriptions" | "onOnline">;

/** What a visit found: the answer to its question, or why there was no visit. */
export type Visit<T> = { readonly answer: T } | { readonly end: SessionEnd };

/** Connects and leaves. */
export function visitBroker(options: ProbeOptions, signal: AbortSignal): Promise<Visit<null>> {
  return visit(options, signal, () => Promise.resolve(null));
}

/** Whether the broker lets us listen to each filter; null where it does, else its reason. */
export function visitSubscribe(
  options: ProbeOptions,
  filters: readonly string[],
  signal: AbortSignal,
): Promise<Visit<(string | null)[]>> {
  return visit(options, signal, async (client) => {
    const answers: (string | null)[] = [];
    for (const filter of filters) answers.push(await subscribe(client, filter));
    return answers;
  });
}

/**
 * Whether the broker takes a message on `topic`: null where it does, else its reason. A broker of MQTT 3.1.1 takes what it
 * then throws away, so there the message must come back; `"unknown"` when it does not.
 */
export function visitPublish(
  options: ProbeOptions & { readonly topic: string; readonly payload: string },
  signal: AbortSignal,
): Promise<Visit<string | null | "unknown">> {
  const { topic, payload, protocol } = options;
  return visit(options, signal, async (client) => {
    if (protocol === "5") return await publish(client, topic, payload, { messageExpiryInterval: EXPIRY_S });
    if (await subscribe(client, topic) !== null) return "unknown";
    const back = new Promise<boolean>((resolve) => {
      client.on("message", (name, bytes) => name === topic && bytes.toString() === payload && resolve(true));
    });
    const refusal = await publish(client, topic, payload);
    if (refusal !== null) return refusal;
    // The broker answers in order: when this comes and the message did not, it will not.
    const later = subscribe(client, `${topic}/end`).then(() => false);
    return await Promise.race([back, later]) ? null : "unknown";
  });
}

// ---------------------------------------------------------------------------------------------------------------------

const EXPIRY_S = 10;

function visit<T>(
  options: ProbeOptions,
  signal: AbortSignal,
  ask: (client: mqtt.MqttClient) => Promise<T>,
): Promise<Visit<T>> {
  return new Promise((resolve) => {
    let client: mqtt.MqttClient;
    try {
      const v5 = options.protocol === "5";
      client = mqtt.connect({
        ...connectionTerms(options),
        clean: true,
        ...(v5 ? { properties: { sessionExpiryInterval: 0 } } : {}),
      });
    } catch (error) {
      // A certificate or key that cannot be read, for one, fails before there is a socket.
      return resolve({ end: { kind: "refused", text: error instanceof Error ? error.message : String(error) } });
    }
    let wasOnline = false;
    let failure: unknown = null;
    let result: Visit<T> | null = null;
    const leave = (found: Visit<T>) => {
      if (result !== null) return;
      result = found;
      signal.removeEventListener("abort", stop);
      // Later than "close", which is missing when there is no socket yet.
      client.end("end" in found, () => setImmediate(() => resolve(found)));
    };
    const stop = () => leave({ end: sessionEndOf(failure ?? new Error("no answer"), wasOnline) });
    signal.addEventListener("abort", stop, { once: true });
    client.on("connect", () => {
      wasOnline = true;
      ask(client).then((answer) => leave({ answer }), (error) => leave({ end: sessionEndOf(error, true) }));
    });
    client.on("error", (error) => {
      failure ??= error;
      leave({ end: sessionEndOf(error, wasOnline) });
    });
    client.on("close", () => leave({ end: sessionEndOf(failure, wasOnline) }));
  });
}

function subscribe(client: mqtt.MqttClient, filter: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    client.subscribe(filter, { qos: 1 }, (error, granted) => {
      if (granted?.some(({ qos }) => qos >= 128)) resolve("Not authorized");
      else if (!error) resolve(null);
      else if (isAnswer(error)) resolve(error.message);
      else reject(error);
    });
  });
}

function publish(
  client: mqtt.MqttClient,
  topic: string,
  payload: string,
  properties?: { readonly messageExpiryInterval: number },
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    client.publish(topic, payload, { qos: 1, retain: false, properties }, (error) => {
      if (!error) resolve(null);
      else if (isAnswer(error)) resolve(error.message);
      else reject(error);
    });
  });
}

/** A numeric code is the broker's answer; anything else is about the connection. */
function isAnswer(error: Error): boolean {
  return typeof (error as { readonly code?: unknown }).code === "number";
}
