/** Goal: the schema's rules, its JSON Schema and the committed copy of it. Method: one good value, changed at one place a row. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { CAMERAS_MAX, configJsonSchema, parseConfig } from "../../../src/config/schema.ts";
import { schemaFiles } from "../../../src/config/schema_files.ts";
import { ConfigError } from "../../../src/core/errors.ts";

/** A good value with `change` laid over it, deeply. */
function config(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { version: 1, gateway: { id: "gw" }, network: "n", cameras: [camera()], ...change };
}

function camera(change: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: "door", source: { kind: "replay", path: "c" }, ...change };
}

const synthetic = (change: Record<string, unknown>) =>
  config({ cameras: [camera({ source: { kind: "synthetic", sprites: "s", ...change } })] });
const mqtt = (change: Record<string, unknown>) => config({ mqtt: { url: "mqtts://h", ...change } });

function issuesOf(value: unknown): string[] {
  try {
    parseConfig(value);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, "config.invalid");
    return error.issues.map(({ where, expected, found }) => `${where}: ${expected}: ${found}`);
  }
}

Deno.test("parseConfig() takes the edges of every range", () => {
  const good = [
    config({ gateway: { id: "a".repeat(64) } }),
    config({ mqtt: null, network: "n", publish: {}, backend: { kind: "simulator" } }),
    config({ cameras: Array.from({ length: CAMERAS_MAX }, (_, index) => camera({ id: `c${index}` })) }),
    config({ network: null, cameras: [camera({ network: "own", crop: null })] }),
    config({ cameras: [camera({ crop: { width: 1, height: 1 } })] }),
    synthetic({ width: 8, height: 4096, rate_fps: 1000, seed: 2 ** 32 - 1 }),
    synthetic({ rate_fps: null }),
    mqtt({ base_topic: "site/a.b/quartz", protocol: "3.1.1", outbox_max: 1 }),
    mqtt({ protocol: "5", password: "p" }),
    mqtt({ username: "u", password: "p", tls: {} }),
    config({ publish: { sample_every_s: 0.1 } }),
  ];
  for (const value of good) assert.deepEqual(issuesOf(value), [], JSON.stringify(value));
});

Deno.test("parseConfig() refuses what lies outside, and says where", () => {
  const bad: readonly [value: unknown, start: string][] = [
    [undefined, "configuration: a mapping (key: value): nothing"],
    [config({ version: 2 }), "version: 1: 2"],
    [config({ gateway: { id: "A" } }), "gateway.id: 1 to 64 of a-z, 0-9, _ and -: "],
    [config({ gateway: { id: "a".repeat(65) } }), "gateway.id: "],
    [config({ gateway: { id: "a/b" } }), "gateway.id: "],
    [config({ gateway: { id: "a\n" } }), "gateway.id: "],
    [config({ network: null }), "cameras.0.network: a network file: none"],
    [config({ network: "" }), "network: 1 to 4096 characters without line ends: "],
    [config({ network: "a\0b" }), "network: "],
    [config({ backend: { kind: "gpu" } }), 'backend.kind: one of "simulator", "loihi": "gpu"'],
    [config({ backend: { kind: "loihi" } }), "backend.link: a text: nothing"],
    [config({ backend: { kind: "loihi", link: "udp:h:1" } }), "backend.link: tcp:HOST:PORT or serial:/dev/…"],
    [config({ cameras: [] }), "cameras: a list of 1 to 16 items: a list of 0"],
    [config({ cameras: Array(CAMERAS_MAX + 1).fill(0).map((_, i) => camera({ id: `c${i}` })) }), "cameras: "],
    [
      config({ cameras: [camera({ crop: { width: 0, height: 1 } })] }),
      "cameras.0.crop.width: a whole number from 1 to 16384: 0",
    ],
    [synthetic({ rate_fps: 0 }), "cameras.0.source.rate_fps: a number above 0, at most 1000: 0"],
    [synthetic({ rate_fps: Infinity }), "cameras.0.source.rate_fps: "],
    [synthetic({ seed: 2 ** 32 }), "cameras.0.source.seed: "],
    [synthetic({ path: "p" }), 'cameras.0.source.path: a known key: "path"'],
    [mqtt({ base_topic: "a//b" }), "mqtt.base_topic: names of "],
    [mqtt({ base_topic: "a/#" }), "mqtt.base_topic: "],
    [mqtt({ base_topic: "$SYS" }), "mqtt.base_topic: "],
    [mqtt({ url: "http://h" }), "mqtt.url: a broker URL such as "],
    [mqtt({ url: "mqtt://h", tls: {} }), "mqtt.tls: no certificates, as the URL is not encrypted: some"],
    [mqtt({ tls: { key: "k" } }), "mqtt.tls.cert: a cert beside the key: none"],
    [mqtt({ tls: { cert: "k" } }), "mqtt.tls.key: a key beside the cert: none"],
    [mqtt({ password: "p" }), "mqtt.username: a user name beside the password: none"],
    [config({ log: { level: "loud" } }), 'log.level: one of "info", "error", "warn", "debug": "loud"'],
    [config({ ["line\nend".repeat(20)]: 1 }), '"line\\nendline'],
  ];
  for (const [value, start] of bad) {
    const issues = issuesOf(value);
    assert.equal(issues.length, 1, `${start} gives ${JSON.stringify(issues)}`);
    assert.ok(issues[0].startsWith(start), `expected ${start}, found ${issues[0]}`);
  }
});

Deno.test("every field of the JSON Schema has a description, and every value field an example or a choice", () => {
  const visit = (node: Record<string, unknown>, path: string) => {
    for (const branch of [node.anyOf, node.oneOf].flat()) if (branch) visit(branch as Record<string, unknown>, path);
    if (node.items) visit(node.items as Record<string, unknown>, `${path}.0`);
    for (const [name, inner] of Object.entries(node.properties ?? {}) as [string, Record<string, unknown>][]) {
      assert.equal(typeof inner.description, "string", `${path}.${name} has no description`);
      const isValue = inner.properties === undefined && inner.anyOf === undefined && inner.items === undefined;
      if (isValue) assert.ok(inner.examples ?? inner.const, `${path}.${name} has no example`);
      visit(inner, `${path}.${name}`);
    }
  };
  const schema = configJsonSchema() as Record<string, unknown>;
  assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
  assert.equal(schema.title, "Configuration of quartz-edge");
  visit(schema, "");
});

Deno.test("the committed schema files are fresh", async () => {
  for (const [name, text] of schemaFiles()) {
    const committed = await readFile(new URL(`../../../src/config/${name}`, import.meta.url), "utf8");
    assert.ok(committed === text, `src/config/${name} is stale; write it again with: deno task schema`);
  }
});
