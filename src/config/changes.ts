/** What differs between two configurations, and which of that a running gateway can take. */

import { isDeepStrictEqual } from "node:util";
import { Secret } from "./secret.ts";
import type { CameraConfig, Config } from "./types.ts";

/** Whether a gateway takes a changed section while it runs. A new section needs its line here, and what follows from it in `app/compose/reload.ts`. */
const TAKEN: Record<keyof Config, "live" | "restart"> = {
  version: "live",
  gateway: "restart",
  backend: "restart",
  cameras: "live",
  mqtt: "restart",
  spool: "restart",
  history: "restart",
  monitor: "restart",
  homeAssistant: "restart",
  sparkplug: "restart",
  power: "restart",
  commands: "live",
  publish: "live",
  telemetry: "live",
  log: "live",
};

/** The differences. */
export interface ConfigChanges {
  /** As `--set` takes them: `publish.mode`, `cameras.door.max_age_ms`; `cameras.yard` for one that came or went. */
  readonly keys: readonly string[];
  /** Those of `keys` that need a restart. */
  readonly restartKeys: readonly string[];
  /** Ids. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Compares two checked configurations. Cameras go by their ids. */
export function compareConfigs(before: Config, after: Config): ConfigChanges {
  const keys: string[] = [];
  const restartKeys: string[] = [];
  for (const section of Object.keys(after) as (keyof Config)[]) {
    const found: string[] = [];
    const [old, now] = [before, after].map((config) => section === "cameras" ? byId(config.cameras) : config[section]);
    collect(old, now, snakeCase(section), found);
    keys.push(...found);
    if (TAKEN[section] === "restart") restartKeys.push(...found);
  }
  const ids = (config: Config) => config.cameras.map(({ id }) => id);
  return {
    keys,
    restartKeys,
    added: ids(after).filter((id) => !ids(before).includes(id)),
    removed: ids(before).filter((id) => !ids(after).includes(id)),
  };
}

/** How much of a camera has changed: nothing; rules, which it takes while it runs; or so much that it is opened anew. */
export function compareCameras(before: CameraConfig, after: CameraConfig): "same" | "rules" | "all" {
  // The path of a network says little: its content is compared by whoever loads it.
  const rest = ({ decision: _1, maxAgeMs: _2, network: _3, ...camera }: CameraConfig) => camera;
  if (!sameValue(rest(before), rest(after))) return "all";
  return sameValue(before.decision, after.decision) && before.maxAgeMs === after.maxAgeMs ? "same" : "rules";
}

/** Deep equality that looks into secrets. */
export function sameValue(a: unknown, b: unknown): boolean {
  const found: string[] = [];
  collect(a, b, "", found);
  return found.length === 0;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Adds the keys, below `key`, whose values differ. */
function collect(a: unknown, b: unknown, key: string, found: string[]): void {
  if (a instanceof Secret && b instanceof Secret) {
    if (!a.equals(b)) found.push(key);
    return;
  }
  if (isMapping(a) && isMapping(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      collect(a[name], b[name], `${key}.${snakeCase(name)}`, found);
    }
    return;
  }
  if (!isDeepStrictEqual(a, b)) found.push(key);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}

function byId(cameras: readonly CameraConfig[]): Record<string, CameraConfig> {
  return Object.fromEntries(cameras.map((camera) => [camera.id, camera]));
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
