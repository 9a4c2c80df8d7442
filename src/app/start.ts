/** A gateway from its configuration file, or, when that is broken, from the last copy that was good. */

import { keepLastGood, readLastGood } from "../config/last_good.ts";
import { loadConfig, type LoadedConfig } from "../config/load.ts";
import { readFileWithLimit } from "../config/read_file.ts";
import type { LogConfig } from "../config/types.ts";
import { ConfigError, EdgeError, formatIssue, ModelError } from "../core/errors.ts";
import { compose } from "./compose.ts";
import type { Gateway } from "./compose/gateway.ts";
import type { ComposeOptions } from "./compose/options.ts";
import { describe } from "./compose/reload.ts";

/** Where the configuration is, and what stands in for it. */
export interface StartOptions extends Omit<ComposeOptions, "configSha256" | "reload" | "onLogConfig"> {
  readonly path: string;
  /** `key=value`, each of which replaces a value of the file. */
  readonly set: readonly string[];
  /** Where the last good copy is kept; null: nowhere. */
  readonly stateFolder: string | null;
  /** True: a broken file ends the start, whatever is kept. */
  readonly isStrict: boolean;
  /** How to log is known: at the start, and after each reload. */
  readonly onLogConfig: (log: LogConfig) => void;
}

/** A gateway that is ready to run, and how it reads its file again. */
export interface Started {
  readonly gateway: Gateway;
  /** Rejects when the file cannot be used; then nothing has changed, and health says why. */
  reload(): Promise<Readonly<Record<string, unknown>>>;
}

/** Most findings, and longest text, of a problem on `health`. */
const ISSUES_TOLD_MAX = 10;
const PROBLEM_LENGTH_MAX = 2000;

/** Starts a gateway. @throws {EdgeError} what is wrong with the file when nothing can stand in for it */
export async function startGateway(options: StartOptions): Promise<Started> {
  const { path, set, log, onLogConfig } = options;
  const open = async (loaded: LoadedConfig): Promise<Gateway> => {
    onLogConfig(loaded.config.log);
    for (const warning of loaded.warnings) log("warn", warning, {});
    const { configSha256 } = loaded;
    return await compose(loaded.config, { ...options, configSha256, reload: () => started.reload() });
  };

  let gateway: Gateway;
  try {
    const loaded = await loadConfig(path, { set });
    gateway = await open(loaded);
    await keep(loaded, gateway, options);
  } catch (error) {
    gateway = await openLastGood(error, options, open);
  }

  const started: Started = {
    gateway,
    async reload() {
      log("info", "reading the configuration again", { file: path });
      try {
        const loaded = await loadConfig(path, { set });
        const reloaded = await gateway.reload(loaded);
        gateway.runtime.setProblem("config", null);
        for (const warning of loaded.warnings) log("warn", warning, {});
        log("info", describe(reloaded), {});
        await keep(loaded, gateway, options);
        const { changed, ...cameras } = reloaded;
        return { changed, cameras, config_sha256: loaded.configSha256 };
      } catch (error) {
        const text = `The configuration was not changed, as ${path} cannot be used: ${reasonOf(error)}`;
        gateway.runtime.setProblem("config", text);
        throw error;
      }
    },
  };
  return started;
}

// ---------------------------------------------------------------------------------------------------------------------

/** The gateway of the last good copy, degraded. @throws {unknown} `error`, why the file itself cannot be used, when there is none */
async function openLastGood(
  error: unknown,
  { path, set, stateFolder, isStrict, log }: StartOptions,
  open: (loaded: LoadedConfig) => Promise<Gateway>,
): Promise<Gateway> {
  const isOfTheFile = error instanceof ConfigError || error instanceof ModelError;
  if (!isOfTheFile || isStrict || stateFolder === null) throw error;
  const copy = await readLastGood(stateFolder, path);
  if (copy === null) throw error;
  const name = `the last good copy of ${path} in ${stateFolder}`;
  if ("found" in copy) {
    log("warn", `Cannot use ${name} as it must be whole: found ${copy.found}`, { code: "config.last_good" });
    throw error;
  }
  let gateway: Gateway;
  try {
    // Under the file's own name, so that relative paths lead where they did.
    const readFile = (wanted: string, bytesMax: number) =>
      wanted === path ? Promise.resolve(copy.bytes) : readFileWithLimit(wanted, bytesMax);
    gateway = await open(await loadConfig(path, { set, readFile }));
  } catch (second) {
    log("warn", `Cannot start with ${name} either: ${reasonOf(second)}`, { code: "config.last_good" });
    throw error;
  }
  const text = `Runs on the copy of ${path} that was good on ${copy.savedAt}, as the file cannot be used: `;
  gateway.runtime.setProblem("config", text + reasonOf(error));
  return gateway;
}

/** Keeps what the gateway runs with; a state folder that cannot be written is a problem of its own. */
async function keep(loaded: LoadedConfig, gateway: Gateway, { path, stateFolder, clock }: StartOptions): Promise<void> {
  if (stateFolder === null) return;
  let problem: string | null = null;
  try {
    await keepLastGood(stateFolder, path, loaded.source.bytes(), { clock });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problem = `Cannot keep a copy of the configuration as ${stateFolder} must be a folder to write to: ${reason}`;
  }
  gateway.runtime.setProblem("state", problem);
}

/** What is wrong, with the places of a file's problems, on one line. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const issues = error instanceof EdgeError ? error.issues : [];
  const more = issues.length > ISSUES_TOLD_MAX ? [`and ${issues.length - ISSUES_TOLD_MAX} more`] : [];
  const text = [message, ...issues.slice(0, ISSUES_TOLD_MAX).map(formatIssue), ...more].join("; ");
  return text.length > PROBLEM_LENGTH_MAX ? `${text.slice(0, PROBLEM_LENGTH_MAX)}…` : text;
}
