/** Goal: whatever a configuration or a command line holds, the answer is a result or a `ConfigError`. Method: random input. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCommandLine } from "../../src/app/args.ts";
import { COMMAND_TABLE, VERBS } from "../../src/app/command_table.ts";
import { loadConfig } from "../../src/config/load.ts";
import { parseConfig } from "../../src/config/schema.ts";
import { ConfigError, formatError } from "../../src/core/errors.ts";

/** Good values, so that random changes reach every part of the schema. */
const GOOD = {
  version: 1,
  gateway: { id: "gw" },
  network: "n",
  backend: { kind: "simulator" },
  cameras: [
    {
      id: "a",
      source: { kind: "replay", path: "p", rate_fps: 1, loop: true },
      crop: { x: 0, y: 0, width: 1, height: 1 },
    },
    { id: "b", source: { kind: "synthetic", sprites: "p", width: 9, color: "rgb", seed: 1 }, resize: "area" },
  ],
  mqtt: { url: "mqtts://h", username: "u", password: "p", tls: { ca: "-----BEGIN A" }, outbox_max: 5 },
  publish: { mode: "sampled", top_k: 3 },
  telemetry: { latency_every_s: 5 },
  log: { level: "warn" },
};

const json = fc.jsonValue({ maxDepth: 4 });
const odd = fc.oneof(
  json,
  fc.constantFrom("${env:A}", "${file:x}", "${", "$${", "__proto__", NaN, -0, 1e308, "mqtt://u:p@h"),
);

/** The good value with some places replaced, removed or given an unknown key. */
const changed = fc.array(fc.tuple(fc.nat(), odd, fc.constantFrom("set", "delete", "add")), {
  minLength: 1,
  maxLength: 4,
})
  .map((changes) => {
    const value = structuredClone(GOOD);
    for (const [index, replacement, action] of changes) {
      const places = placesOf(value);
      if (places.length === 0) break;
      const [parent, key] = places[index % places.length];
      if (action === "delete") delete parent[key];
      else parent[action === "set" ? key : `${key}x`] = replacement;
    }
    return value as unknown;
  });

function placesOf(value: unknown): [Record<string, unknown>, string][] {
  if (typeof value !== "object" || value === null) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((
    key,
  ) => [[parent, key] as [Record<string, unknown>, string], ...placesOf(parent[key])]);
}

function onlyConfigError(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(error.issues.length > 0);
    for (const issue of error.issues) assert.ok(issue.where && issue.expected && issue.found, JSON.stringify(issue));
  }
}

Deno.test("parseConfig() gives a configuration or a ConfigError for any value", () => {
  fc.assert(fc.property(fc.anything(), (value) => onlyConfigError(() => parseConfig(value))), { numRuns: 500 });
  fc.assert(fc.property(changed, (value) => onlyConfigError(() => parseConfig(value))), { numRuns: 1500 });
});

Deno.test("loadConfig() gives a configuration or a ConfigError for any text, and no secret in it", async () => {
  const yaml = fc.string({ unit: fc.constantFrom(..."ab: -[]{}&*!?|>'\"\n\t#,%@1$"), maxLength: 60 });
  const text = fc.oneof(yaml, changed.map((value) => JSON.stringify(value)), fc.string({ unit: "binary" }));
  await fc.assert(
    fc.asyncProperty(text, async (content) => {
      const bytes = new TextEncoder().encode(content);
      const readFile = (path: string) =>
        Promise.resolve(path === "/q/edge.yaml" ? bytes : new TextEncoder().encode("hunter2"));
      try {
        const loaded = await loadConfig("/q/edge.yaml", { env: { A: "hunter2" }, readFile });
        assert.match(loaded.configSha256, /^[0-9a-f]{64}$/);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.ok(!formatError(error).includes("hunter2"), formatError(error));
      }
    }),
    { numRuns: 1500 },
  );
});

Deno.test("parseCommandLine() gives a command or a usage error for any words", () => {
  const flags = VERBS.flatMap((verb) => Object.keys(COMMAND_TABLE[verb].flags).map((name) => `--${name}`));
  const word = fc.oneof(fc.constantFrom(...VERBS, ...flags, "--", "-", "1", "=", "--x=1"), fc.string());
  fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (argv) => onlyConfigError(() => parseCommandLine(argv))), {
    numRuns: 2000,
  });
});
