/** What an MQTT publisher is told, and the check of it. */

import { type Clock, WALL_MS_PLAUSIBLE } from "../core/clock.ts";
import { ConfigError, type Issue } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import { redactUrl } from "../core/redact.ts";
import type { CommandSink } from "../ports/commands.ts";
import { type BrokerAddress, IN_FLIGHT_MAX, type Subscription, type TlsOptions } from "./mqtt_session.ts";
import type { SpoolTerms } from "./spooled_outbox.ts";
import { checkTopicRoot } from "./topics.ts";

/** Where a part reports what it does. `facts` are for programs and never hold a secret. */
export type Log = (
  level: "debug" | "info" | "warn" | "error",
  text: string,
  facts: Readonly<Record<string, unknown>>,
) => void;

/** All that `openMqttPublisher` needs. */
export interface MqttPublisherOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`; credentials in it are used where `username` is not given. */
  readonly url: string;
  /** `[a-z0-9_-]{1,64}`. */
  readonly gatewayId: string;
  readonly baseTopic: string;
  /** Must be this gateway's own: a second client with it throws the first one out. */
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  /** `auto` starts with 5 and stays with 3.1.1 once the broker refused 5. */
  readonly protocol: "auto" | "5" | "3.1.1";
  readonly connectTimeoutMs: number;
  /** Most `result` and `latency` messages kept, those under way included; at least 64. */
  readonly outboxMax: number;
  /** Where messages that must arrive wait on disk; by default they wait in memory and end with the program. */
  readonly spool?: SpoolTerms;
  /** Takes what comes on `cmd/<verb>`; by default nothing is subscribed to. */
  readonly commands?: CommandSink;
  /** What else is listened to. */
  readonly subscriptions?: readonly Subscription[];
  /** False: listens to commands only from `listenToCommands` on. True by default. */
  readonly listensToCommands?: boolean;
  /** Pause before the second attempt to connect; doubled each time up to `reconnectMsMax`, and shortened by chance. */
  readonly reconnectMsMin?: number;
  readonly reconnectMsMax?: number;
  /** This run's id in every payload; by default made by chance. */
  readonly boot?: string;
  /** Whether the wall clock can be trusted; by default whether it shows a date after this program was written. */
  readonly isSynced?: () => boolean;
  /** Told of every result of this run that the broker acknowledged: how long that took from `publish`. */
  readonly onDelivered?: (camera: string, tookUs: number) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Options with defaults filled in, and the URL taken apart. */
export interface CheckedOptions extends Required<Omit<MqttPublisherOptions, Optional>> {
  readonly address: BrokerAddress;
  /** `mqtt://host:port`, for logs. */
  readonly name: string;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: TlsOptions;
  readonly spool?: SpoolTerms;
  readonly commands?: CommandSink;
  readonly onDelivered?: MqttPublisherOptions["onDelivered"];
}

type Optional = "username" | "password" | "tls" | "spool" | "commands" | "onDelivered";

/** Below this an outage would drop messages that are merely under way. */
export const OUTBOX_MIN = 2 * IN_FLIGHT_MAX;

const RECONNECT_MS_MIN = 500;
const RECONNECT_MS_MAX = 30_000;
/** MQTT's strings have 16-bit lengths; brokers take far less. */
const CLIENT_ID_LENGTH_MAX = 128;
const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

/**
 * Fills in and checks everything at once.
 * @throws {ConfigError} `config.publisher`, with an issue for each thing that is wrong.
 */
export function checkOptions(options: MqttPublisherOptions): CheckedOptions {
  const issues = checkTopicRoot(options);
  const broker = parseUrl(options.url, issues);
  const { clientId, outboxMax, connectTimeoutMs } = options;
  if (clientId.length < 1 || clientId.length > CLIENT_ID_LENGTH_MAX) {
    issues.push({
      where: "clientId",
      expected: `1 to ${CLIENT_ID_LENGTH_MAX} characters`,
      found: `${clientId.length}`,
    });
  }
  if (!Number.isInteger(outboxMax) || outboxMax < OUTBOX_MIN) {
    issues.push({ where: "outboxMax", expected: `an integer of at least ${OUTBOX_MIN}`, found: String(outboxMax) });
  }
  if (!(connectTimeoutMs > 0)) {
    issues.push({ where: "connectTimeoutMs", expected: "a number above 0", found: String(connectTimeoutMs) });
  }
  if ((options.tls?.cert === undefined) !== (options.tls?.key === undefined)) {
    issues.push({ where: "tls", expected: "cert and key together", found: "one of them" });
  }
  if (options.tls !== undefined && broker !== null && !["mqtts", "wss"].includes(broker.address.protocol)) {
    issues.push({ where: "tls", expected: "a mqtts:// or wss:// URL with it", found: `${broker.address.protocol}://` });
  }
  if (issues.length > 0 || broker === null) {
    throw new ConfigError(
      "config.publisher",
      `Cannot publish over MQTT as its settings must be valid: found ${issues.length} wrong`,
      { issues },
    );
  }
  const { clock, random } = options;
  return {
    listensToCommands: true,
    reconnectMsMin: RECONNECT_MS_MIN,
    reconnectMsMax: RECONNECT_MS_MAX,
    boot: Array.from({ length: 16 }, () => random.integer(16).toString(16)).join(""),
    subscriptions: [],
    isSynced: () => clock.wallMs() > WALL_MS_PLAUSIBLE,
    ...options,
    username: options.username ?? broker.username,
    password: options.username === undefined ? options.password ?? broker.password : options.password,
    address: broker.address,
    name: `${broker.address.protocol}://${broker.address.host}:${broker.address.port}`,
  };
}

/** Where a broker is, from a URL that the configuration found good. @throws {ConfigError} when it is none after all */
export function brokerAddress(url: string): BrokerAddress {
  const issues: Issue[] = [];
  const parsed = parseUrl(url, issues);
  if (parsed === null) throw new ConfigError("config.publisher", "Cannot use a broker's URL", { issues });
  return parsed.address;
}

// ---

interface ParsedUrl {
  readonly address: BrokerAddress;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

function parseUrl(text: string, issues: Issue[]): ParsedUrl | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const protocol = url?.protocol.slice(0, -1);
  if (url === null || url.hostname === "" || !isProtocol(protocol)) {
    issues.push({ where: "url", expected: "mqtt://, mqtts://, ws:// or wss:// and a host", found: redactUrl(text) });
    return null;
  }
  try {
    return {
      address: {
        protocol,
        host: url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port === "" ? PORTS[protocol] : Number(url.port),
        path: (url.pathname || "/") + url.search,
      },
      username: url.username === "" ? undefined : decodeURIComponent(url.username),
      password: url.password === "" ? undefined : decodeURIComponent(url.password),
    };
  } catch {
    issues.push({ where: "url", expected: "% in user name and password written as %25", found: redactUrl(text) });
    return null;
  }
}

function isProtocol(text: string | undefined): text is keyof typeof PORTS {
  return text !== undefined && Object.hasOwn(PORTS, text);
}
