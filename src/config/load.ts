/** Loads a configuration file: text, version, overrides, references, checks, paths; every problem at once, with its place. */

import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";
import { CREDENTIALS_DIRECTORY, readCredential, readWithCredentials } from "./credentials.ts";
import { migrate, type Migration, MIGRATIONS } from "./migrations.ts";
import { applyOverrides, type Override, overrideAt } from "./overrides.ts";
import { resolvePaths } from "./paths.ts";
import { isPem, readPem } from "./pem.ts";
import { valueAt } from "./problems.ts";
import type { Path, Problem } from "./problems.ts";
import { readFileWithLimit, readText } from "./read_file.ts";
import type { ReadFile } from "./read_file.ts";
import { resolveReferences } from "./references.ts";
import { checkConfig, invalidConfig, ISSUES_MAX } from "./schema.ts";
import type { Config } from "./types.ts";
import { readYaml } from "./yaml_text.ts";
import type { YamlText } from "./yaml_text.ts";

/** A checked configuration and where it came from. Frozen, inside too. */
export interface LoadedConfig {
  /** Paths are absolute, and `mqtt.tls` holds PEM texts. */
  readonly config: Config;
  /** The file's own path, absolute. */
  readonly path: string;
  /** Other files that it was read from, those of `${file:…}` and certificates; absolute. */
  readonly files: readonly string[];
  /** Names of the variables of `${env:…}`. */
  readonly variables: readonly string[];
  /** Of the file's bytes, before references were replaced; hex. */
  readonly configSha256: string;
  /** One sentence each, with line and column; for the log. */
  readonly warnings: readonly string[];
  readonly source: ConfigSource;
}

/** Where the values of a loaded configuration stand. Functions, as the content may hold secrets, which printing must not show. */
export interface ConfigSource {
  /** The file, as it was named. */
  readonly path: string;
  readonly overrides: readonly Override[];
  /** The file's content as it is. */
  bytes(): Uint8Array;
  /** The same after migrations. */
  yaml(): YamlText;
  /** The content with its overrides, `snake_case`, before references were replaced: without secrets from outside. */
  content(): unknown;
}

/** Where the outside world is reached; the machine's own when absent. */
export interface LoadConfigOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: ReadFile;
  /** `key=value`, each of which replaces a value of the file. */
  readonly set?: readonly string[];
  /** In place of the program's own. */
  readonly migrations?: readonly Migration[];
}

/** Longest configuration file, bytes: fifty times any that was seen, and a megabyte of brackets would take seconds. */
export const CONFIG_BYTES_MAX = 256 * 1024;
/** Longest file behind a `${file:…}`, bytes. */
export const SECRET_BYTES_MAX = 64 * 1024;

/**
 * Loads, checks and freezes a configuration file (YAML 1.2 or JSON).
 *
 * @throws {ConfigError} `config.read` when the file cannot be read; `config.invalid` with every problem of its
 *   content. Neither ever holds the value of a secret.
 */
export async function loadConfig(path: string, options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const { env = process.env, readFile: readAny = readFileWithLimit, set = [], migrations = MIGRATIONS } = options;
  const folder = dirname(resolve(path));
  const { bytes, text } = await readConfigFile(path, readAny);
  const parsed = readYaml(text);
  if ("issues" in parsed) throw invalidConfig(path, parsed.issues);
  const migrated = migrate(parsed, migrations);
  if ("where" in migrated) throw invalidConfig(path, [migrated]);
  const { yaml, steps } = migrated;
  const { value, overrides, issues } = applyOverrides(yaml.value, set);
  const source: ConfigSource = { path, overrides, bytes: () => bytes, yaml: () => yaml, content: () => value };

  const files = new Set<string>();
  const variables = new Set<string>();
  const credentials = lookUpEnv(env, CREDENTIALS_DIRECTORY);
  const readFile: ReadFile = (name, bytesMax) => {
    files.add(name);
    return readWithCredentials(readAny, credentials)(name, bytesMax);
  };
  const resolved = await resolveReferences(value, {
    env: async (name) => {
      variables.add(name);
      return lookUpEnv(env, name) ?? await readCredential(readAny, credentials, name);
    },
    file: (name) => readReference(readFile, resolve(folder, name)),
  });
  const checked = checkConfig(resolved.value, value);
  const problems: Problem[] = [...withoutBroken(checked, resolved.problems), ...resolved.problems];
  const fail = () => invalidConfig(path, [...issues, ...toIssues(problems, source)], issues.length + problems.length);
  if ("problems" in checked) throw fail();
  const config = await readPem(resolvePaths(checked.config, folder), { folder, readFile, problems });
  if (problems.length + issues.length > 0) throw fail();
  const old = steps.map(({ from, description }) =>
    `${yaml.where(["version"])} is ${from}, an older format: ${description}. ` +
    `It was read as if changed; \`config migrate ${path} --write\` changes the file`
  );
  return deepFreeze({
    config,
    path: resolve(path),
    files: [...files],
    variables: [...variables],
    configSha256: createHash("sha256").update(bytes).digest("hex"),
    warnings: [...old, ...secretWarnings(config, source)],
    source,
  });
}

/** A configuration file's text. @throws {ConfigError} when there is none */
export async function readConfigFile(path: string, readFile: ReadFile = readFileWithLimit) {
  const file = await readText(readFile, path, CONFIG_BYTES_MAX);
  if ("found" in file) throw unreadable(path, file);
  return file;
}

// ---------------------------------------------------------------------------------------------------------------------

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
function toIssues(problems: readonly Problem[], source: ConfigSource): Issue[] {
  const yaml = source.yaml();
  return problems.slice(0, ISSUES_MAX)
    .map((problem) => ({ problem, offset: yaml.offset(problem.path, problem.inKey) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ problem: { path, inKey, ...issue } }) => ({ where: placeOf(source, path, inKey), ...issue }));
}

/** Where people find a value: the flag that set it, or its line and column. */
function placeOf(source: ConfigSource, path: Path, inKey = false): string {
  const { overrides } = source;
  const yaml = source.yaml();
  // A section that only a flag has made is that flag's, too.
  const made = yaml.position(path) === null
    ? overrides.findLast((one) => path.every((part, depth) => String(part) === String(one.path[depth])))
    : undefined;
  return (overrideAt(overrides, path) ?? made)?.flag ?? yaml.where(path, inKey);
}

function secretWarnings({ mqtt, cameras, monitor, power }: Config, source: ConfigSource): string[] {
  const found: string[] = [];
  const reference = "use ${env:NAME} or ${file:/path}";
  const literal = (path: Path, advice = `${reference}, so that the file holds no secret`) => {
    const text = String(valueAt(source.content(), path));
    if (/(?<!\$)\$\{/.test(text)) return;
    const override = overrideAt(source.overrides, path);
    found.push(
      override === undefined
        ? `${source.yaml().where(path)} is written in the file itself: ${advice}`
        : `${override.flag} is a secret on the command line, which all users of this machine can read: ${reference}`,
    );
  };
  if (mqtt?.password) literal(["mqtt", "password"]);
  if (monitor?.token) literal(["monitor", "token"]);
  power.meters.forEach((meter, index) => {
    if ("password" in meter && meter.password) literal(["power", "meters", index, "password"]);
  });
  cameras.forEach(({ source }, index) => {
    if ("password" in source && source.password) literal(["cameras", index, "source", "password"]);
  });
  if (mqtt?.tls?.key && isPem(String(valueAt(source.content(), ["mqtt", "tls", "key"])))) {
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
