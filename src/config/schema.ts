/** The configuration file's schema: the only place that knows its `snake_case` keys. Door of zod for the configuration. */

import * as z from "zod";
import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";
import { crossChecks } from "./cross_checks.ts";
import { checkMqttUrl } from "./mqtt_url.ts";
import { formatPath, toProblems } from "./problems.ts";
import type { JsonNode, Problem } from "./problems.ts";
import { Secret } from "./secret.ts";
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
  const own = result.success ? [] : toProblems(result.error.issues, shown, ROOT_NODE);
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
  const { $schema, ...rest } = structuredClone(ROOT_NODE) as Record<string, unknown>;
  return { $schema, title: "Configuration of quartz-edge", ...rest };
}

const id = (description: string, example: string) =>
  z.string().regex(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, _ and -").meta({ description, examples: [example] });

const text = (lengthMax: number) =>
  z.string().regex(new RegExp(`^[^\\0-\\x1f\\x7f]{1,${lengthMax}}$`), `1 to ${lengthMax} characters without line ends`);

const path = (description: string, example: string) => text(4096).meta(pathMeta(description, example));

const optionalPath = (description: string, example: string) =>
  text(4096).nullable().default(null).meta(pathMeta(description, example));

const pathMeta = (description: string, example: string) => ({
  description: `${description} Relative paths start at this file's folder.`,
  examples: [example],
});

const integer = (low: number, high: number) => z.int().min(low).max(high);

const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values).default(values[0] as T[number]).meta({ description, examples: [values[0]] });

const rateFps = z.number().gt(0).max(1000).nullable().default(null)
  .meta({ description: "Frames a second; null or absent: as fast as they are asked for.", examples: [10] });

const replaySource = z.strictObject({
  kind: z.literal("replay").meta({ description: "A recorded clip." }),
  path: path("The clip.", "clips/digits.safetensors.gz"),
  rate_fps: rateFps,
  loop: z.boolean().default(false).meta({ description: "Start again after the last frame.", examples: [true] }),
});

const syntheticSource = z.strictObject({
  kind: z.literal("synthetic").meta({ description: "Scenes made from sprites whose class is known." }),
  sprites: path("The clip whose images are pasted into the scene.", "clips/digits.safetensors.gz"),
  width: integer(8, 4096).default(320).meta({ description: "Width of the scene, pixels.", examples: [320] }),
  height: integer(8, 4096).default(240).meta({ description: "Height of the scene, pixels.", examples: [240] }),
  color: choice(["grey", "rgb"], "Channels of the scene."),
  rate_fps: rateFps,
  seed: integer(0, 2 ** 32 - 1).default(1)
    .meta({ description: "Start of the random sequence: the same seed makes the same scenes.", examples: [1] }),
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
  source: z.discriminatedUnion("kind", [replaySource, syntheticSource])
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
  max_age_ms: integer(1, 3_600_000).default(1000)
    .meta({ description: "Frames older than this when inference starts are dropped as stale, ms.", examples: [1000] }),
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
  base_topic: z.string()
    .regex(
      /^(?=.{1,128}$)[\w.-]+(\/[\w.-]+)*$/,
      "names of A-Z, a-z, 0-9, _, - and . between single slashes, 128 characters at most",
    )
    .default("quartz").meta({ description: "First part of every topic.", examples: ["quartz"] }),
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
  confidence_min: z.number().min(0).max(1).default(0)
    .meta({ description: "Results below this confidence do not change a camera's state, 0 to 1.", examples: [0.6] }),
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
    z.strictObject({ kind: z.literal("simulator").meta({ description: "The simulator on this machine." }) }),
  ]).prefault({ kind: "simulator" }).meta({
    description: "What runs the networks.",
    examples: [{ kind: "simulator" }],
  }),
  cameras: z.array(camera).min(1).max(CAMERAS_MAX).meta({ description: "The cameras." }),
  mqtt: mqtt.nullable().default(null).meta({ description: "The broker; absent: none is configured." }),
  publish: publish.prefault({}).meta({ description: "What is published for each camera." }),
  telemetry: telemetry.prefault({}).meta({ description: "How often figures are published." }),
  log: log.prefault({}).meta({ description: "What is logged, and how." }),
});

/** The schema as JSON Schema: errors take their ranges, names and examples from it. */
const ROOT_NODE = z.toJSONSchema(SCHEMA, { io: "input" }) as JsonNode;

/** Defaults that depend on other fields, secrets in their wrapper, and the change of case. */
function toConfig(file: z.output<typeof SCHEMA>): Config {
  const { network, cameras, mqtt, ...rest } = file;
  const secret = (value: string | null) => value === null ? null : new Secret(value);
  return camelKeys({
    ...rest,
    cameras: cameras.map((camera) => ({ ...camera, network: camera.network ?? network ?? "" })),
    mqtt: mqtt && {
      ...mqtt,
      client_id: mqtt.client_id ?? `quartz-${file.gateway.id}`,
      password: secret(mqtt.password),
      tls: mqtt.tls && { ...mqtt.tls, key: secret(mqtt.tls.key) },
    },
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
