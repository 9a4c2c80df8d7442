/** The configuration file's schema: with its two parts, the only place that knows the file's `snake_case` keys. */

import * as z from "zod";
import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";
import { crossChecks } from "./cross_checks.ts";
import { history } from "./history_schema.ts";
import { monitor } from "./monitor_schema.ts";
import { checkMqttUrl } from "./mqtt_url.ts";
import { formatPath, toProblems } from "./problems.ts";
import type { JsonNode, Problem } from "./problems.ts";
import { homeAssistant, sparkplug } from "./outlet_schema.ts";
import { power } from "./power_schema.ts";
import { commands, spool } from "./remote_schema.ts";
import { choice, id, integer, optionalPath, text, topic } from "./schema_parts.ts";
import { Secret } from "./secret.ts";
import { SOURCES } from "./source_schema.ts";
import type { Config } from "./types.ts";

/** Most cameras of one gateway. */
export const CAMERAS_MAX = 16;

/**
 * Checks a configuration value and fills in the defaults; nothing is read, and paths stay as they are written.
 *
 * @param value what a YAML or JSON parser gave, `snake_case` keys.
 * @throws {ConfigError} `config.invalid` with every problem; `where` is the path, `cameras.0.source.rate_fps`.
 */
export function parseConfig(value: unknown): Config {
  const result = checkConfig(value);
  if ("config" in result) return result.config;
  const issues: Issue[] = result.problems.map(({ path, inKey: _, ...issue }) => ({
    where: formatPath(path),
    ...issue,
  }));
  throw invalidConfig("configuration", issues);
}

/** The configuration, or every problem with its path. `shown` is the value before secrets were put in: what errors may show. */
export function checkConfig(value: unknown, shown: unknown = value): { config: Config } | { problems: Problem[] } {
  const result = SCHEMA.safeParse(value);
  const own = result.success ? [] : toProblems(result.error.issues, shown, rootNode());
  const problems = [...own, ...crossChecks(value, shown)];
  return result.success && problems.length === 0 ? { config: toConfig(result.data) } : { problems };
}

/** Most problems that one error lists; the message counts them all. */
export const ISSUES_MAX = 100;

/** The error for a configuration with `count` problems; `name` is a path or a word for it. */
export function invalidConfig(name: string, issues: readonly Issue[], count = issues.length): ConfigError {
  const found = count === 1 ? "1 problem" : `${count} problems`;
  return new ConfigError("config.invalid", `Cannot use ${name} as it must be a valid configuration: found ${found}`, {
    issues: issues.slice(0, ISSUES_MAX),
    ...(count > ISSUES_MAX ? { hint: `Mend these first: only ${ISSUES_MAX} are kept.` } : {}),
  });
}

/** The schema for editors: JSON Schema, draft 2020-12, of the file as it is written. */
export function configJsonSchema(): object {
  const { $schema, ...rest } = structuredClone(rootNode()) as Record<string, unknown>;
  return { $schema, title: "Configuration of quartz-edge", ...rest };
}

const DECISION_FIELDS = {
  threshold: z.number().min(0).max(1)
    .meta({ description: "Confidence below which a frame votes for unknown, 0 to 1.", examples: [0.6] }),
  hysteresis: z.number().min(0).max(1)
    .meta({ description: "Advantage in confidence of the class that stands, 0 to 1.", examples: [0.1] }),
  votes: integer(1, 1000).meta({
    description: "Frames of the window that must agree to change the class.",
    examples: [3],
  }),
  window: integer(1, 1000).meta({ description: "Newest frames whose votes count.", examples: [5] }),
};

const decision = z.strictObject({
  threshold: DECISION_FIELDS.threshold.default(0),
  hysteresis: DECISION_FIELDS.hysteresis.default(0),
  votes: DECISION_FIELDS.votes.default(1),
  window: DECISION_FIELDS.window.default(1),
});

const crop = z.strictObject({
  x: integer(0, 16383).default(0).meta({ description: "Left edge, pixels of the source image.", examples: [0] }),
  y: integer(0, 16383).default(0).meta({ description: "Top edge, pixels of the source image.", examples: [0] }),
  width: integer(1, 16384).meta({ description: "Width, pixels of the source image.", examples: [200] }),
  height: integer(1, 16384).meta({ description: "Height, pixels of the source image.", examples: [200] }),
});

const camera = z.strictObject({
  id: id("Name of the camera in topics and logs; each camera has its own.", "door"),
  network: optionalPath("Network of this camera, in place of the default above.", "networks/doors.safetensors"),
  source: z.discriminatedUnion("kind", SOURCES)
    .meta({
      description: "Where the frames come from.",
      examples: [{ kind: "replay", path: "clips/digits.safetensors.gz" }],
    }),
  crop: crop.nullable().default(null)
    .meta({
      description: "Part of the image to use; absent: all of it.",
      examples: [{ x: 0, y: 0, width: 200, height: 200 }],
    }),
  resize: choice(
    ["auto", "area", "bilinear"],
    "How the image is brought to the network's size; auto: area to shrink, bilinear to enlarge.",
  ),
  invert: z.boolean().default(false)
    .meta({ description: "Swap dark and light, for dark digits on white paper.", examples: [false] }),
  decision: z.strictObject(DECISION_FIELDS).partial().nullable().default(null)
    .meta({
      description: "Rules of this camera where they differ from decision below.",
      examples: [{ threshold: 0.8 }],
    }),
  max_age_ms: integer(1, 3_600_000).default(1000)
    .meta({ description: "Frames older than this when inference starts are dropped as stale, ms.", examples: [1000] }),
  shadow: z.strictObject({
    model: z.string().min(1)
      .meta({ description: "ONNX model that the network was converted from.", examples: ["model.onnx"] }),
    every: integer(1, 1_000_000).default(10)
      .meta({ description: "One frame in this many is compared.", examples: [10] }),
  }).nullable().default(null)
    .meta({
      description: "Run the source network beside the spiking one and publish how often they agree; absent: no.",
      examples: [{ model: "model.onnx", every: 10 }],
    }),
});

const pem = (description: string, example: string) =>
  z.string().min(1).max(256 * 1024).nullable().default(null)
    .meta({ description: `${description}: path of a PEM file, or the PEM text itself.`, examples: [example] });

const mqtt = z.strictObject({
  url: z.string().superRefine((url, context) => {
    const problem = checkMqttUrl(url);
    if (problem !== null) context.addIssue({ code: "custom", params: { ...problem } });
  }).meta({
    description: "Broker: mqtt, mqtts, ws or wss; no user name or password here.",
    examples: ["mqtt://127.0.0.1:1883"],
  }),
  base_topic: topic.default("quartz").meta({ description: "First part of every topic.", examples: ["quartz"] }),
  client_id: text(128).nullable().default(null)
    .meta({ description: "Name of the session at the broker; absent: quartz-<gateway id>.", examples: ["quartz-gw7"] }),
  username: text(1024).nullable().default(null).meta({ description: "User name at the broker.", examples: ["gw7"] }),
  password: z.string().min(1).max(64 * 1024).nullable().default(null)
    .meta({
      description: "Password at the broker, best by reference.",
      examples: ["${env:MQTT_PASSWORD}", "${file:/run/secrets/mqtt}"],
    }),
  protocol: choice(["auto", "5", "3.1.1"], "MQTT version; auto: 5, and 3.1.1 when the broker refuses it."),
  tls: z.strictObject({
    ca: pem("Certificate authority to trust in place of the system's", "/etc/quartz/ca.pem"),
    cert: pem("Certificate of this gateway", "/etc/quartz/gw7.crt"),
    key: pem("Private key of this gateway", "/etc/quartz/gw7.key"),
  }).nullable().default(null)
    .meta({ description: "Certificates, for mqtts and wss.", examples: [{ ca: "/etc/quartz/ca.pem" }] }),
  outbox_max: integer(1, 1_000_000).default(10_000)
    .meta({ description: "Most messages that wait while the broker is away.", examples: [10000] }),
});

const publish = z.strictObject({
  mode: choice(
    ["all", "changes", "sampled"],
    "Which results are published: each, each change of class, or one in a while.",
  ),
  sample_every_s: z.number().min(0.1).max(86_400).default(10)
    .meta({ description: "Time between two results when mode is sampled, s.", examples: [10] }),
  top_k: integer(1, 100).default(3).meta({ description: "Classes listed in a result.", examples: [3] }),
  heartbeat_s: z.number().min(1).max(86_400).default(60)
    .meta({ description: "Longest time between two states of a camera, s.", examples: [60] }),
});

const telemetry = z.strictObject({
  latency_every_s: z.number().min(1).max(3600).default(10)
    .meta({ description: "Time between two latency messages, s.", examples: [10] }),
  health_every_s: z.number().min(1).max(3600).default(60)
    .meta({ description: "Time between two health messages, s.", examples: [60] }),
});

const log = z.strictObject({
  level: choice(["info", "error", "warn", "debug"], "Least important line that is logged."),
  format: choice(["auto", "json", "pretty"], "Form of a line; auto: pretty on a terminal, else json."),
});

const SCHEMA = z.strictObject({
  version: z.literal(1).meta({ description: "Version of this file's format.", examples: [1] }),
  gateway: z.strictObject({ id: id("Name of this gateway in every topic.", "gw7") })
    .meta({ description: "This gateway.", examples: [{ id: "gw7" }] }),
  network: optionalPath("Network of every camera that names none.", "networks/mnist.safetensors"),
  backend: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("simulator").meta({ description: "The simulator on this machine." }),
      weight_bits: z.union([z.literal(8), z.literal(16)]).default(8)
        .meta({ description: "Bits of a weight: 8 is fastest, 16 is closest to the trained network.", examples: [8] }),
      threads: z.int().min(1).max(64).default(1)
        .meta({ description: "Threads that share each frame, for every camera; results are the same.", examples: [1] }),
    }),
    z.strictObject({
      kind: z.literal("loihi").meta({ description: "A Loihi board, or its twin, behind a link." }),
      link: z.string().regex(/^(tcp:\[?[^\s\]]+\]?:\d{1,5}|serial:\/[^\s?]+)$/, "tcp:HOST:PORT or serial:/dev/…")
        .meta({ description: "Where the board's agent is.", examples: ["tcp:127.0.0.1:9100", "serial:/dev/ttyUSB0"] }),
      baud: integer(50, 12_000_000).default(3_000_000)
        .meta({ description: "Rate of a serial line, bit/s.", examples: [3000000] }),
      board: text(4096).default("nahuku-32").meta({
        description:
          "Board that the network is placed on: a name, or a .json file. Relative paths start at this file's " +
          "folder.",
        examples: ["nahuku-32", "twin"],
      }),
      fallback: choice(["simulator", "none"], "What runs frames while the board is away; simulator: the same answers."),
    }),
  ]).prefault({ kind: "simulator" }).meta({
    description: "What runs the networks.",
    examples: [{ kind: "simulator" }],
  }),
  cameras: z.array(camera).min(1).max(CAMERAS_MAX).meta({ description: "The cameras." }),
  mqtt: mqtt.nullable().default(null).meta({ description: "The broker; absent: none is configured." }),
  spool,
  history,
  commands,
  monitor,
  home_assistant: homeAssistant,
  sparkplug,
  decision: decision.prefault({}).meta({ description: "How single results become a camera's state." }),
  publish: publish.prefault({}).meta({ description: "What is published for each camera." }),
  telemetry: telemetry.prefault({}).meta({ description: "How often figures are published." }),
  power: power.prefault({}).meta({ description: "How power and energy are measured." }),
  log: log.prefault({}).meta({ description: "What is logged, and how." }),
});

/** The schema as JSON Schema: errors take their ranges, names and examples from it. */
const rootNode = () => rootNodeMade ??= z.toJSONSchema(SCHEMA, { io: "input" }) as JsonNode;
/** Made when it is asked for: a gateway whose configuration is right never does. */
let rootNodeMade: JsonNode | null = null;

/** Defaults that depend on other fields, secrets in their wrapper, and the change of case. */
function toConfig(file: z.output<typeof SCHEMA>): Config {
  const { network, cameras, mqtt, decision, monitor, power, ...rest } = file;
  const secret = (value: string | null) => value === null ? null : new Secret(value);
  return camelKeys({
    ...rest,
    cameras: cameras.map((camera) => ({
      ...camera,
      network: camera.network ?? network ?? "",
      source: "password" in camera.source
        ? { ...camera.source, password: secret(camera.source.password) }
        : camera.source,
      decision: { ...decision, ...camera.decision },
    })),
    power: {
      ...power,
      meters: power.meters.map((meter) => "password" in meter ? { ...meter, password: secret(meter.password) } : meter),
    },
    mqtt: mqtt && {
      ...mqtt,
      client_id: mqtt.client_id ?? `quartz-${file.gateway.id}`,
      password: secret(mqtt.password),
      tls: mqtt.tls && { ...mqtt.tls, key: secret(mqtt.tls.key) },
    },
    monitor: monitor && { ...monitor, token: secret(monitor.token) },
  });
}

type CamelCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
type CamelKeys<T> = T extends Secret ? T
  : T extends readonly (infer Item)[] ? CamelKeys<Item>[]
  : T extends object ? { [K in keyof T as CamelCase<K>]: CamelKeys<T[K]> }
  : T;

function camelKeys<T>(value: T): CamelKeys<T> {
  const convert = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(convert);
    if (typeof item !== "object" || item === null || item instanceof Secret) return item;
    const entries = Object.entries(item).map(([key, inner]) => [camelCase(key), convert(inner)]);
    return Object.fromEntries(entries);
  };
  return convert(value) as CamelKeys<T>;
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
