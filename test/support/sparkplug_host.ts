/**
 * A Sparkplug host for tests: hears an edge node and decodes it with Eclipse Tahu's own protobuf code, which shares nothing
 * with ours, keeping the raw fields (a field that was not sent is null).
 */

import mqtt from "mqtt";
// The package's main entry fills in fields that were not sent.
import proto from "sparkplug-payload/lib/sparkplugPayloadProto.js";
import { eventually } from "./mqtt_listener.ts";

/** A metric as it came over the wire. */
export interface HostMetric {
  readonly name: string | null;
  readonly alias: number | null;
  readonly timestamp: number | null;
  readonly datatype: number | null;
  readonly isHistorical: boolean;
  readonly isNull: boolean;
  readonly value: unknown;
}

/** A message as it came over the wire. */
export interface HostMessage {
  /** `NBIRTH`, `DDATA`, … */
  readonly type: string;
  readonly topic: string;
  readonly device: string | null;
  readonly qos: number;
  readonly retain: boolean;
  readonly timestamp: number | null;
  readonly seq: number | null;
  readonly metrics: readonly HostMetric[];
}

/** A host that listens to everything under `spBv1.0`. */
export interface SparkplugHost extends AsyncDisposable {
  readonly heard: HostMessage[];
  /** Resolves when `condition` holds of what was heard. */
  until(condition: (heard: readonly HostMessage[]) => boolean, what: string): Promise<void>;
  /** Writes metrics: an NCMD, or with a device a DCMD. */
  write(topic: string, metrics: readonly Record<string, unknown>[], retain?: boolean): Promise<void>;
  /** Has the broker keep the state of a host application. */
  state(host: string, online: boolean, timestamp: number): Promise<void>;
}

const { Payload } = proto.org.eclipse.tahu.protobuf;
const FIELDS = ["intValue", "longValue", "floatValue", "doubleValue", "booleanValue", "stringValue"] as const;

/** Connects and listens. */
export async function openSparkplugHost(url: string): Promise<SparkplugHost> {
  const heard: HostMessage[] = [];
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 50, protocolVersion: 4 });
  client.on("message", (topic, payload, { qos, retain }) => {
    const [, , type, , device = null] = topic.split("/");
    if (topic.startsWith("spBv1.0/STATE/") || type.endsWith("CMD")) return;
    heard.push({ type, topic, device, qos, retain, ...decode(payload) });
  });
  await client.subscribeAsync("spBv1.0/#", { qos: 1 });
  return {
    heard,
    until: (condition, what) => eventually(() => condition(heard), what),
    async write(topic, metrics, retain = false) {
      const payload = Payload.encode(Payload.create({ timestamp: Date.now(), metrics: [...metrics] })).finish();
      await client.publishAsync(topic, Buffer.from(payload), { qos: 1, retain });
    },
    async state(host, online, timestamp) {
      await client.publishAsync(`spBv1.0/STATE/${host}`, JSON.stringify({ online, timestamp }), {
        qos: 1,
        retain: true,
      });
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}

/** The metric of that name in a birth. */
export function metricOf({ metrics }: HostMessage, name: string): HostMetric {
  const metric = metrics.find((one) => one.name === name);
  if (metric === undefined) throw new Error(`no ${name} among ${metrics.map((one) => one.name)}`);
  return metric;
}

// ---

function decode(payload: Uint8Array): Pick<HostMessage, "timestamp" | "seq" | "metrics"> {
  const message = Payload.decode(payload);
  const own = (object: object, key: string) => Object.hasOwn(object, key);
  const number = (object: object, key: string) =>
    own(object, key) ? Number(String((object as Record<string, unknown>)[key])) : null;
  return {
    timestamp: number(message, "timestamp"),
    seq: number(message, "seq"),
    metrics: message.metrics.map((metric: object) => {
      const fields = metric as Record<string, unknown>;
      const field = FIELDS.find((one) => own(metric, one));
      const value = field === undefined ? null : fields[field];
      return {
        name: own(metric, "name") ? String(fields.name) : null,
        alias: number(metric, "alias"),
        timestamp: number(metric, "timestamp"),
        datatype: number(metric, "datatype"),
        isHistorical: own(metric, "isHistorical") && fields.isHistorical === true,
        isNull: own(metric, "isNull") && fields.isNull === true,
        value: field === "longValue" ? Number(String(value)) : value,
      };
    }),
  };
}
