/** Loads a configuration file: text, references, checks, paths; every problem at once, with its line and column. */

import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";
import { valueAt } from "./problems.ts";
import type { Path, Problem } from "./problems.ts";
import { readFileWithLimit, readText } from "./read_file.ts";
import type { ReadFile } from "./read_file.ts";
import { resolveReferences } from "./references.ts";
import type { Resolved } from "./references.ts";
import { checkConfig, invalidConfig, ISSUES_MAX } from "./schema.ts";
import { Secret } from "./secret.ts";
import type { Config, SourceConfig, TlsConfig } from "./types.ts";
import { readYaml } from "./yaml_text.ts";
import type { YamlText } from "./yaml_text.ts";

/** A checked configuration and where it came from. Frozen, inside too. */
export interface LoadedConfig {
  /** Paths are absolute, and `mqtt.tls` holds PEM texts. */
  readonly config: Config;
  /** Of the file's bytes, before references were replaced; hex. */
  readonly configSha256: string;
  /** One sentence each, with line and column; for the log. */
  readonly warnings: readonly string[];
}

/** Where the outside world is reached; the machine's own when absent. */
export interface LoadConfigOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: ReadFile;
}

/** Longest configuration file, bytes. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** Longest file behind a `${file:…}`, bytes. */
export const SECRET_BYTES_MAX = 64 * 1024;
/** Longest PEM file, bytes. */
export const PEM_BYTES_MAX = 256 * 1024;

/**
 * Loads, checks and freezes a configuration file (YAML 1.2 or JSON).
 *
 * @throws {ConfigError} `config.read` when the file cannot be read; `config.invalid` with every problem of its
 *   content. Neither ever holds the value of a secret.
 */
export async function loadConfig(path: string, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const { env = process.env, readFile = readFileWithLimit } = options;
  const folder = dirname(resolve(path));
  const file = await readText(readFile, path, CONFIG_BYTES_MAX);
  if ("found" in file) throw unreadable(path, file);
  const yaml = readYaml(file.text);
  if ("issues" in yaml) throw invalidConfig(path, yaml.issues);

  const resolved = await resolveReferences(yaml.value, {
    env: (name) => lookUpEnv(env, name),
    file: (name) => readReference(readFile, resolve(folder, name)),
  });
  const checked = checkConfig(resolved.value, yaml.value);
  const problems: Problem[] = [...withoutBroken(checked, resolved.problems), ...resolved.problems];
  if ("problems" in checked) throw invalidConfig(path, toIssues(problems, yaml), problems.length);

  const config = await readPem(resolvePaths(checked.config, folder), { folder, readFile, problems });
  if (problems.length > 0) throw invalidConfig(path, toIssues(problems, yaml), problems.length);
  return deepFreeze({
    config,
    configSha256: createHash("sha256").update(file.bytes).digest("hex"),
    warnings: warnings(config, yaml, resolved),
  });
}

function unreadable(path: string, { found, cause }: { found: string; cause?: unknown }): ConfigError {
  const name = JSON.stringify(path);
  if (cause !== undefined) {
    const message = `Cannot read configuration ${name} as it must be a readable file: found ${found}`;
    return new ConfigError("config.read", message, { hint: "Name the file with --config FILE.", cause });
  }
  const issue = { where: path, expected: `1 to ${CONFIG_BYTES_MAX} bytes of UTF-8 text`, found };
  return invalidConfig(path, [issue]);
}

function lookUpEnv(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  try {
    return Object.hasOwn(env, name) ? env[name] : undefined;
  } catch {
    return undefined; // Deno without permission for this variable
  }
}

/** A secret's file: one line end at the end belongs to the file and not to the secret. */
async function readReference(readFile: ReadFile, path: string): Promise<{ text: string } | { found: string }> {
  const file = await readText(readFile, path, SECRET_BYTES_MAX);
  if ("found" in file) return file;
  const text = file.text.replace(/\r?\n$/, "");
  return text === "" ? { found: "an empty line" } : { text };
}

/** The schema's problems, except at places where a reference failed: those are reported as that. */
function withoutBroken(checked: ReturnType<typeof checkConfig>, broken: readonly Problem[]): Problem[] {
  if (!("problems" in checked)) return [];
  const paths = new Set(broken.map(({ path }) => path.join(".")));
  return checked.problems.filter(({ path }) => !paths.has(path.join(".")));
}

/** Problems in the order of the file, with line and column; no more than an error keeps, as each place takes a search. */
function toIssues(problems: readonly Problem[], yaml: YamlText): Issue[] {
  return problems.slice(0, ISSUES_MAX)
    .map((problem) => ({ problem, offset: yaml.offset(problem.path, problem.inKey) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ problem: { path, inKey, ...issue } }) => ({ where: yaml.where(path, inKey), ...issue }));
}

function resolvePaths(config: Config, folder: string): Config {
  const cameras = config.cameras.map((camera) => ({
    ...camera,
    network: resolve(folder, camera.network),
    source: resolveSource(camera.source, folder),
    shadow: camera.shadow && { ...camera.shadow, model: resolve(folder, camera.shadow.model) },
  }));
  const backend = config.backend.kind === "loihi" && config.backend.board.endsWith(".json")
    ? { ...config.backend, board: resolve(folder, config.backend.board) }
    : config.backend;
  const spool = config.spool && { ...config.spool, path: resolve(folder, config.spool.path) };
  const networks = config.commands?.networks.map((network) => ({ ...network, path: resolve(folder, network.path) }));
  const commands = config.commands && { ...config.commands, networks: networks ?? [] };
  return { ...config, backend, cameras, spool, commands };
}

function resolveSource(source: SourceConfig, folder: string): SourceConfig {
  if (source.kind === "synthetic") return { ...source, sprites: resolve(folder, source.sprites) };
  return "path" in source ? { ...source, path: resolve(folder, source.path) } : source;
}

/** The configuration with `mqtt.tls` read from its files; what cannot be read goes to `problems`. */
async function readPem(
  config: Config,
  { folder, readFile, problems }: { folder: string; readFile: ReadFile; problems: Problem[] },
): Promise<Config> {
  const tls = config.mqtt?.tls;
  if (!config.mqtt || !tls) return config;
  const read = async (name: keyof TlsConfig, value: string | null): Promise<string | null> => {
    if (value === null || isPem(value)) return value;
    const file = await readText(readFile, resolve(folder, value), PEM_BYTES_MAX);
    if ("text" in file && isPem(file.text)) return file.text;
    const found = "found" in file ? file.found : "another kind of text";
    problems.push({ path: ["mqtt", "tls", name], expected: "the path of a PEM file (-----BEGIN …)", found });
    return null;
  };
  const ca = await read("ca", tls.ca);
  const cert = await read("cert", tls.cert);
  const key = await read("key", tls.key?.reveal() ?? null);
  return { ...config, mqtt: { ...config.mqtt, tls: { ca, cert, key: key === null ? null : new Secret(key) } } };
}

function isPem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

function warnings({ mqtt, cameras }: Config, yaml: YamlText, { referencePaths }: Resolved): string[] {
  const found: string[] = [];
  const literal = (path: Path, advice: string) => {
    if (!referencePaths.has(path.join("."))) found.push(`${yaml.where(path)} is written in the file itself: ${advice}`);
  };
  const advice = "use ${env:NAME} or ${file:/path}, so that the file holds no secret";
  if (mqtt?.password) literal(["mqtt", "password"], advice);
  cameras.forEach(({ source }, index) => {
    if ("password" in source && source.password) literal(["cameras", index, "source", "password"], advice);
  });
  if (mqtt?.tls?.key && isPem(String(valueAt(yaml.value, ["mqtt", "tls", "key"])))) {
    literal(["mqtt", "tls", "key"], "name its file instead");
  }
  return found;
}

/** Freezes an object and everything in it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
