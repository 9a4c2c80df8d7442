/** Goal: `--set` changes one value, and what is wrong with it names the flag. Method: a file, settings, what came of them. */

import assert from "node:assert/strict";
import { explain, formatOrigin } from "../../../src/config/explain.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError, formatIssue } from "../../../src/core/errors.ts";

const FILE = `version: 1
gateway: { id: gw }
network: n.safetensors
decision: { votes: 2, window: 3 }
cameras:
  - { id: door, source: &clip { kind: replay, path: a.safetensors }, decision: { threshold: 0.5 } }
  - { id: yard, source: *clip, network: yard.safetensors }
mqtt: { url: "\${env:BROKER}", username: u, password: "\${env:PW}" }
`;

const load = (set: readonly string[], text = FILE) =>
  loadConfig("/q/edge.yaml", {
    env: { BROKER: "mqtt://h", PW: "hunter2" },
    set,
    readFile: () => Promise.resolve(new TextEncoder().encode(text)),
  });

const issuesOf = async (set: readonly string[]) => {
  const error = await load(set).then(() => null, (reason: unknown) => reason);
  assert.ok(error instanceof ConfigError, String(error));
  return error.issues.map(formatIssue);
};

Deno.test("--set changes values by index and by id, makes sections, and reads YAML", async () => {
  const { config, warnings } = await load([
    "cameras.door.max_age_ms=500",
    "cameras.1.source.rate_fps=2.5",
    "cameras.door.source.loop=true",
    "cameras.2.id=gate",
    "cameras.gate.source={ kind: synthetic, sprites: s }",
    "spool.path=spool",
    "commands.allow=[ping, reload]",
    "mqtt.url=mqtt://[::1]:1884",
    "log.level=warn",
    "log.level=debug",
    'gateway.id="7"',
    "cameras.yard.network=",
  ]);
  const [door, yard, gate] = config.cameras;
  assert.equal(door.maxAgeMs, 500);
  // The two share an anchor in the file, and a flag changes one of them.
  assert.deepEqual(door.source, { kind: "replay", path: "/q/a.safetensors", rateFps: null, loop: true });
  assert.deepEqual(yard.source, { kind: "replay", path: "/q/a.safetensors", rateFps: 2.5, loop: false });
  assert.equal(yard.network, "/q/n.safetensors", "null is what was left out");
  assert.equal(gate.source.kind, "synthetic");
  assert.equal(config.spool?.path, "/q/spool");
  assert.deepEqual(config.commands?.allow, ["ping", "reload"]);
  assert.equal(config.mqtt?.url, "mqtt://[::1]:1884");
  assert.equal(config.log.level, "debug", "the last one wins");
  assert.equal(config.gateway.id, "7");
  assert.deepEqual(warnings, []);
});

Deno.test("what is wrong with --set names the flag and never a secret", async () => {
  assert.deepEqual(
    await issuesOf(["cameras.dor.invert=true", "mqtt.password", "log.level.x=1", "log={", "a b=1"]),
    [
      '--set cameras.dor.invert: expected an index from 0 to 2, or one of door, yard, found "dor" (did you mean "door"?)',
      "--set: expected key=value, such as cameras.door.max_age_ms=500, found no =",
      '--set log: expected a YAML value, found something else (put texts that hold { } [ ] , # or : in "quotes", inside those of the shell)',
      '--set: expected a key of names, ids and indices with dots between, such as cameras.0.source.rate_fps, found "a b"',
      '--set log.level.x: expected one of "info", "error", "warn", "debug", found a mapping (example: level: "info")',
    ],
  );
  assert.deepEqual(await issuesOf(["cameras.door.max_age=1", "mqqt.url=mqtt://h", "cameras.yard.resize=areaa"]), [
    '--set mqqt.url: expected a known key, found "mqqt" (did you mean "mqtt"?)',
    '--set cameras.door.max_age: expected a known key, found "max_age" (did you mean "max_age_ms"?)',
    '--set cameras.yard.resize: expected one of "auto", "area", "bilinear", found "areaa" (did you mean "area"?)',
  ]);
  for (const set of ["mqtt.password=[hunter3]", "mqtt.password={hunter3", "mqtt.tls.key.hunter3=1"]) {
    assert.ok(!(await issuesOf([set])).join().includes("[hunter3]"));
  }
  const [polluted, ...others] = await issuesOf(["__proto__.polluted=1"]);
  assert.match(
    polluted,
    /^--set __proto__\.polluted: expected a known key, found "__proto__" \(known: version, gateway, /,
  );
  assert.deepEqual(others, []);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("a secret given by --set is warned of, one given by reference is not", async () => {
  const { warnings, config } = await load(["mqtt.password=hunter3"]);
  assert.equal(config.mqtt?.password?.reveal(), "hunter3");
  assert.match(warnings.join(), /^--set mqtt\.password is a secret on the command line/);
  assert.ok(!warnings.join().includes("hunter3"));
  assert.deepEqual((await load(["mqtt.password=${env:PW}"])).warnings, []);
});

Deno.test("explain() gives every value with its origin, and no secret", async () => {
  const rows = explain(await load(["cameras.yard.max_age_ms=5", "log.level=warn"]));
  const origins = Object.fromEntries(rows.map(({ key, origin }) => [key, formatOrigin(origin, "f")]));
  const values = Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  const shown = (key: string) => `${values[key]} < ${origins[key]}`;
  assert.equal(shown("gateway.id"), "gw < f:2:16");
  assert.equal(shown("cameras.door.decision.threshold"), "0.5 < f:6:93");
  assert.equal(shown("cameras.door.decision.votes"), "2 < decision.votes, f:4:20");
  assert.equal(shown("cameras.door.decision.hysteresis"), "0 < default");
  assert.equal(shown("cameras.door.network"), "/q/n.safetensors < network, f:3:10");
  assert.equal(shown("cameras.yard.network"), "/q/yard.safetensors < f:7:41");
  assert.equal(shown("cameras.yard.source.path"), "/q/a.safetensors < f:6:53");
  assert.equal(shown("cameras.yard.max_age_ms"), "5 < --set cameras.yard.max_age_ms");
  assert.equal(shown("mqtt.url"), "mqtt://h < f:8:14 ${env:BROKER}");
  assert.equal(shown("mqtt.password"), "[redacted] < f:8:54 ${env:PW}");
  assert.equal(shown("mqtt.client_id"), "quartz-gw < gateway.id, f:2:16");
  assert.equal(shown("spool"), "null < default");
  assert.ok(!JSON.stringify(rows).includes("hunter2"));
});
