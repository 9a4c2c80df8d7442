/** A changed configuration into a running gateway. What is equal keeps running; what is wrong changes nothing. */

import { compareCameras, compareConfigs, sameValue } from "../../config/changes.ts";
import type { Config } from "../../config/types.ts";
import { ConfigError, EdgeError } from "../../core/errors.ts";
import { logStopped } from "../log.ts";
import { cameraPart, equip, type Equipment, openNetworks } from "./cameras.ts";
import type { GatewayState } from "./gateway.ts";

/** What a reload did. */
export interface Reloaded {
  /** Keys of the configuration, as `--set` takes them. */
  readonly changed: readonly string[];
  /** Ids of cameras. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Closed, and opened as configured now. */
  readonly reopened: readonly string[];
}

/** A configuration to be taken. */
export interface NextConfig {
  readonly config: Config;
  readonly configSha256: string;
}

/** Most keys named in an event. */
const KEYS_NAMED_MAX = 40;

/**
 * Takes `next`. Networks and back ends are opened first: when that fails, nothing has changed.
 *
 * @throws {ConfigError} `config.restart` when it changes what a running gateway cannot
 * @throws {ModelError} {BackendError} when a network cannot be loaded or run
 */
export async function reload(gateway: GatewayState, next: NextConfig): Promise<Reloaded> {
  const { keys, restartKeys, added, removed } = compareConfigs(gateway.config, next.config);
  if (restartKeys.length > 0) {
    const message = `Cannot reload as only a restart changes ${restartKeys.join(", ")}: nothing was changed`;
    throw new ConfigError("config.restart", message, { hint: "Restart the gateway, or take these changes back" });
  }
  const plan = await prepare(gateway, next.config);
  await gateway.runtime.hold(() => carryOut(gateway, next, plan, removed));
  gateway.publishInfo();
  const reopened = [...plan.keys()].filter((id) => !added.includes(id));
  const reloaded = { changed: keys, added, removed, reopened };
  gateway.publisher.publish({
    kind: "event",
    event: "config_reloaded",
    text: describe(reloaded),
    facts: { changed: list(keys), config_sha256: next.configSha256 },
  });
  return reloaded;
}

/** What a reload did, in a sentence. */
export function describe({ changed, added, removed, reopened }: Reloaded): string {
  if (changed.length === 0 && reopened.length === 0) return "The configuration was read again: nothing changed";
  const cameras = [["added", added], ["removed", removed], ["opened anew", reopened]] as const;
  const parts = cameras.filter(([, ids]) => ids.length > 0).map(([what, ids]) => `; ${what}: ${ids.join(", ")}`);
  return `The configuration was read again: changed: ${list(changed) || "a network's content"}${parts.join("")}`;
}

// ---------------------------------------------------------------------------------------------------------------------

/** What was opened for the change, by camera: those that are new, or opened anew. */
type Plan = ReadonlyMap<string, Equipment>;

async function prepare({ config, equipment, factory }: GatewayState, after: Config): Promise<Plan> {
  const networks = await openNetworks(after.cameras);
  const opened = new Map<string, Equipment>();
  try {
    for (const camera of after.cameras) {
      const network = networks.get(camera.network)!;
      const before = config.cameras.find(({ id }) => id === camera.id);
      const isKept = before !== undefined && compareCameras(before, camera) !== "all" &&
        equipment.get(camera.id)!.configuredSha256 === network.digest;
      if (!isKept) opened.set(camera.id, await equip(camera, network, factory));
    }
    return opened;
  } catch (error) {
    for (const one of opened.values()) await one[Symbol.asyncDispose]();
    throw error;
  }
}

async function carryOut(
  gateway: GatewayState,
  { config, configSha256 }: NextConfig,
  plan: Plan,
  removed: readonly string[],
): Promise<void> {
  const { runtime, options, equipment } = gateway;
  const before = gateway.config;
  // Disposed of at the end: what was replaced, and what a gateway that is stopping took no more.
  const retired = new Set<Equipment>(plan.values());
  const remove = async (id: string) => logStopped(options.log, await runtime.remove(id));
  const install = (id: string, one: Equipment) => {
    const old = equipment.get(id);
    if (old !== undefined) retired.add(old);
    retired.delete(one);
    equipment.set(id, one);
  };
  gateway.config = config;
  gateway.configSha256 = configSha256;
  runtime.cadence = config.telemetry;
  options.onLogConfig?.(config.log);
  gateway.listenToCommands();
  try {
    // First, as what comes may need the device of what goes.
    for (const id of removed) {
      await remove(id);
      retired.add(equipment.get(id)!);
      equipment.delete(id);
    }
    for (const camera of config.cameras) {
      const { id } = camera;
      const former = before.cameras.find((one) => one.id === id);
      const opened = plan.get(id);
      if (opened === undefined) {
        const kept = { ...equipment.get(id)!, camera };
        equipment.set(id, kept);
        runtime.tune(id, cameraPart(kept, config, options), !sameValue(former!.decision, camera.decision));
        continue;
      }
      const part = cameraPart(opened, config, options);
      const isReplaced = former !== undefined && await runtime.replace(id, part, false).then(() => true, hasEnded);
      if (former !== undefined && !isReplaced) await remove(id);
      if (!isReplaced) runtime.add(part);
      install(id, opened);
    }
    runtime.arrange(config.cameras.map(({ id }) => id));
  } finally {
    for (const one of retired) await one[Symbol.asyncDispose]();
  }
}

/** A recording that is over cannot be exchanged: it begins again as a new camera. */
function hasEnded(error: unknown): false {
  if (error instanceof EdgeError && error.code === "command.ended") return false;
  throw error;
}

function list(keys: readonly string[]): string {
  const more = keys.length - KEYS_NAMED_MAX;
  return keys.slice(0, KEYS_NAMED_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
