/** Goal: a configuration file becomes a frozen `Config`, or one error that names every problem. Method: texts in, reports out. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import { CONFIG_BYTES_MAX, loadConfig, SECRET_BYTES_MAX } from "../../../src/config/load.ts";
import type { LoadedConfig } from "../../../src/config/load.ts";
import { PEM_BYTES_MAX } from "../../../src/config/pem.ts";
import type { ReadFile } from "../../../src/config/read_file.ts";
import { ConfigError, errorToJson, formatError } from "../../../src/core/errors.ts";

const CAMERA = "{ id: door, source: { kind: replay, path: clip.safetensors } }";
const MINIMAL = `version: 1\ngateway: { id: gw7 }\nnetwork: n.safetensors\ncameras:\n  - ${CAMERA}\n`;
const withMqtt = (lines: string) => `${MINIMAL}mqtt:\n  url: mqtts://host\n  username: gw7\n${lines}`;
const PEM = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Loads `text` as /etc/q/edge.yaml beside `files`. */
function load(text: string | Uint8Array, files: Files = {}, env: Record<string, string> = {}): Promise<LoadedConfig> {
  const all: Files = { "/etc/q/edge.yaml": text, ...files };
  const readFile: ReadFile = (path) => {
    const content = all[path];
    if (content === undefined) return Promise.reject(Object.assign(new Error("none"), { code: "ENOENT" }));
    return Promise.resolve(typeof content === "string" ? new TextEncoder().encode(content) : content);
  };
  return loadConfig("/etc/q/edge.yaml", { env, readFile });
}

async function failure(loading: Promise<unknown>): Promise<ConfigError> {
  const error = await loading.then(() => null, (reason: unknown) => reason);
  assert.ok(error instanceof ConfigError, `expected a ConfigError, found ${inspect(error)}`);
  return error;
}

Deno.test("loadConfig() fills in defaults and resolves paths against the file's folder", async () => {
  const { config, configSha256, warnings } = await load(MINIMAL);
  assert.deepEqual(config, {
    version: 1,
    gateway: { id: "gw7" },
    backend: { kind: "simulator", weightBits: 8, threads: 1 },
    cameras: [{
      id: "door",
      network: "/etc/q/n.safetensors",
      source: { kind: "replay", path: "/etc/q/clip.safetensors", rateFps: null, loop: false },
      crop: null,
      resize: "auto",
      invert: false,
      decision: { threshold: 0, hysteresis: 0, votes: 1, window: 1 },
      maxAgeMs: 1000,
      shadow: null,
    }],
    mqtt: null,
    spool: null,
    history: null,
    commands: null,
    monitor: null,
    homeAssistant: null,
    sparkplug: null,
    publish: { mode: "all", sampleEveryS: 10, topK: 3, heartbeatS: 60 },
    telemetry: { latencyEveryS: 10, healthEveryS: 60 },
    power: {
      enabled: true,
      everyMs: 1000,
      windowS: 10,
      sysfs: "/sys",
      folders: [],
      meters: [],
      total: null,
      maxW: 500,
      frozenAfterS: 60,
      idleAtStartS: 0,
      stateFile: null,
    },
    log: { level: "info", format: "auto" },
  });
  assert.equal(configSha256, createHash("sha256").update(MINIMAL).digest("hex"));
  assert.deepEqual(warnings, []);
});

Deno.test("loadConfig() gives a result that is frozen to the bottom", async () => {
  const loaded = await load(withMqtt("  password: ${env:PW}\n"), {}, { PW: "pw" });
  const thawed = (value: unknown): boolean =>
    typeof value === "object" && value !== null && (!Object.isFrozen(value) || Object.values(value).some(thawed));
  assert.equal(thawed(loaded), false);
});

Deno.test("loadConfig() takes JSON, a byte order mark and CRLF", async () => {
  const json =
    `{"version":1,"gateway":{"id":"a"},"network":"n","cameras":[{"id":"c","source":{"kind":"synthetic","sprites":"s"}}]}`;
  for (const text of [json, `\ufeff${MINIMAL}`, MINIMAL.replaceAll("\n", "\r\n")]) {
    assert.equal((await load(text)).config.version, 1);
  }
});

Deno.test("loadConfig() reads the example that ships with the schema, and the example needs no warning", async () => {
  const path = resolve(import.meta.dirname!, "../../../src/config/example.yaml");
  const { config, warnings } = await loadConfig(path, {
    env: { MQTT_PASSWORD: "pw", GATE_PASSWORD: "gp", MONITOR_TOKEN: "m".repeat(16) },
  });
  const kinds = ["replay", "synthetic", "v4l2", "rtsp", "mjpeg", "file", "snapshot", "mqtt"];
  assert.deepEqual(config.cameras.map(({ source }) => source.kind), kinds);
  assert.deepEqual(config.cameras[1].decision, { ...config.cameras[0].decision, threshold: 0.8 });
  assert.match(config.cameras[0].network, /\/models\/mnist-lenet\/network\.safetensors$/);
  assert.equal(config.mqtt?.password?.reveal(), "pw");
  assert.deepEqual(warnings, []);
});

Deno.test("loadConfig() reports every problem at once with line, column and a hint", async () => {
  const text = `version: 0
gateway: { ident: GW }
cameras:
  - id: door
    netwrok: n.safetensors
    source: { kind: replya, path: clip, rate_fps: 10 }
    maxAgeMs: 5
  - id: door
    network: n.safetensors
    source:
      kind: synthetic
      width: 3.5
      color: gray
      rate_fps: ten
    crop: full
mqtt:
  url: mqtt://user:hunter2@host
  password: 12345
  protocol: 5
publish: { top_k: "\${env:TOP_K}", heartbeat_s: 0 }
log:
  level: \${env:LEVEL}
`;
  const error = await failure(load(text, {}, { TOP_K: "hidden-value" }));
  const report = `error: Cannot use /etc/q/edge.yaml as it must be a valid configuration: found 20 problems
  - version (line 1, column 10): expected 1, found 0 (example: version: 1)
  - gateway.id (line 2, column 10): expected a text, found nothing (example: id: "gw7")
  - gateway.ident (line 2, column 12): expected only id, found "ident" (known: id)
  - cameras.0.network (line 4, column 5): expected a network file, found none, here or at the top level (set network: models/mnist-lenet/network.safetensors at the top level)
  - cameras.0.netwrok (line 5, column 5): expected a known key, found "netwrok" (did you mean "network"?)
  - cameras.0.source.kind (line 6, column 21): expected one of "replay", "synthetic", "v4l2", "rtsp", "mjpeg", "file", "snapshot", "mqtt", found "replya" (did you mean "replay"?)
  - cameras.0.maxAgeMs (line 7, column 5): expected a known key, found "maxAgeMs" (did you mean "max_age_ms"?)
  - cameras.1.id (line 8, column 9): expected an id of its own, found "door", the id of cameras.0
  - cameras.1.source.sprites (line 11, column 7): expected a text, found nothing (example: sprites: "clips/digits.safetensors.gz")
  - cameras.1.source.width (line 12, column 14): expected a whole number from 8 to 4096, found 3.5 (example: width: 320)
  - cameras.1.source.color (line 13, column 14): expected one of "grey", "rgb", found "gray" (did you mean "grey"?)
  - cameras.1.source.rate_fps (line 14, column 17): expected a number above 0, at most 1000, found "ten" (example: rate_fps: 10)
  - cameras.1.crop (line 15, column 11): expected a mapping (key: value), found a text (example: crop: {"x":0,"y":0,"width":200,"height":200})
  - mqtt.username (line 17, column 3): expected a user name beside the password, found none (set username, or protocol: "5")
  - mqtt.url (line 17, column 8): expected a broker URL without user name and password, found "mqtt://[redacted]" (set username and password beside the URL; the password can be \${env:NAME} or \${file:/path})
  - mqtt.password (line 18, column 13): expected a text of 1 to 65536 characters, found [redacted] (put the text in "quotes")
  - mqtt.protocol (line 19, column 13): expected one of "5", "auto", "3.1.1", found 5 (put the text in "quotes")
  - publish.top_k (line 20, column 19): expected a whole number from 1 to 100, found "\${env:TOP_K}" (\${env:NAME} and \${file:/path} can stand in text fields only)
  - publish.heartbeat_s (line 20, column 48): expected a number from 1 to 86400, found 0 (example: heartbeat_s: 60)
  - log.level (line 22, column 10): expected environment variable LEVEL, found no such variable (set LEVEL for the service, or use \${file:/path})`;
  assert.equal(formatError(error), report);
  assert.equal(error.code, "config.invalid");
});

Deno.test("loadConfig() says what is wrong with a text that is not a configuration", async (t) => {
  const cases: readonly [name: string, content: string | Uint8Array, report: RegExp][] = [
    ["empty", "", /edge.yaml: expected 1 to 262144 bytes of UTF-8 text, found an empty file$/],
    [
      "comments only",
      "# nothing\n",
      /configuration \(line 1, column 1\): expected a mapping \(key: value\), found null$/,
    ],
    ["NUL", "version: 1\0", /found a NUL byte at offset 10$/],
    ["UTF-16", new Uint8Array([0xff, 0xfe, 0x61, 0x00]), /found a NUL byte at offset 3$/],
    ["not UTF-8", new Uint8Array([0x61, 0x3a, 0x20, 0xe9]), /found bytes that are not UTF-8$/],
    ["too long", new Uint8Array(CONFIG_BYTES_MAX + 1).fill(35), /found more than 262144 bytes$/],
    [
      "a list",
      "- version: 1",
      /configuration \(line 1, column 1\): expected a mapping \(key: value\), found a list of 1$/,
    ],
    ["a text", "password hunter2", /expected a mapping \(key: value\), found a text$/],
    ["a key twice", "version: 1\nversion: 1\n", /version \(line 2, column 1\): expected each key once/],
    ["tab", "gateway:\n\tid: a", /line 2, column 1: expected spaces as indentation, found a tab$/],
    [
      "no colon",
      "version: 1\npassword hunter2\nlog: {}",
      /line 2, column 1: expected key: value, found a line without/,
    ],
    ["open bracket", "gateway: { id: a\n", /line 2, column 1: expected lines of one section|expected a closing/],
    [
      "two documents",
      "version: 1\n---\nversion: 1",
      /line 2, column 1: expected one document, found a second one after ---$/,
    ],
    ["unknown tag", "version: !python/object 1", /line 1, column 10: expected no !tags, found one that is not known$/],
    ["alias of nothing", "gateway: *gw", /line 1, column 10: expected an alias \(\*\) of an earlier anchor/],
    ["alias of itself", "gateway: &gw { id: *gw }", /line 1, column 20: expected an alias of something else/],
    ["merge key", `${MINIMAL}log: { <<: {} }`, /log\.<< \(line 6, column 8\)|log\."<<" \(line 6, column 8\)/],
    ["key of another kind", `${MINIMAL}? [a]\n: 1`, /expected a text as key/],
    ["__proto__", `${MINIMAL}__proto__: { a: 1 }`, /__proto__ \(line 6, column 1\): expected a known key/],
    ["deep", "[".repeat(3000), /expected less nesting/],
    ["many aliases", `a: &a 1\nb: [${"*a,".repeat(200)}]`, /expected at most 100 aliases \(\*\), found more$/],
    ["alias bomb", bomb(), /aliases: expected at most 100 once unfolded, found more$/],
  ];
  for (const [name, content, report] of cases) {
    await t.step(name, async () => {
      const error = await failure(load(content));
      assert.equal(error.code, "config.invalid");
      assert.match(formatError(error), report);
      assert.doesNotMatch(formatError(error), /hunter2/);
    });
  }
});

/** Ten lists, each of nine aliases of the list before: 9^9 items once unfolded. */
function bomb(): string {
  const lines = ["l0: &l0 [x]"];
  for (let level = 1; level < 10; level++) {
    lines.push(`l${level}: &l${level} [${Array(9).fill(`*l${level - 1}`).join(", ")}]`);
  }
  return lines.join("\n");
}

Deno.test("loadConfig() counts more problems than it lists", async () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `key${index}: 1`).join("\n");
  const error = await failure(load(MINIMAL + keys));
  assert.match(error.message, /found 20000 problems$/);
  assert.equal(error.issues.length, 100);
  assert.equal(error.hint, "Mend these first: only 100 are kept.");
});

Deno.test("loadConfig() names a file that cannot be read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-config-"));
  try {
    for (const [path, found] of [[join(folder, "none.yaml"), "no such file"], [folder, "a folder"]] as const) {
      const error = await failure(loadConfig(path));
      assert.equal(error.code, "config.read");
      assert.equal(error.message, `Cannot read configuration "${path}" as it must be a readable file: found ${found}`);
    }
    await failure(loadConfig("/dev/zero"));
    await writeFile(join(folder, "long.yaml"), "#".repeat(CONFIG_BYTES_MAX + 1));
    assert.match(formatError(await failure(loadConfig(join(folder, "long.yaml")))), /found more than 262144 bytes/);
    await writeFile(join(folder, "good.yaml"), MINIMAL);
    assert.equal((await loadConfig(join(folder, "good.yaml"))).config.gateway.id, "gw7");
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("loadConfig() replaces references by variables and files, whole or in part", async () => {
  const text = withMqtt("  client_id: a-${env:HOST}-$${env:X}-${file:suffix}\n  password: ${file:/run/secrets/mqtt}\n");
  const files = { "/run/secrets/mqtt": "p w\n\n", "/etc/q/suffix": "z\r\n" };
  const { config, configSha256, warnings } = await load(text, files, { HOST: "h" });
  assert.equal(config.mqtt?.clientId, "a-h-${env:X}-z");
  assert.equal(config.mqtt?.password?.reveal(), "p w\n");
  assert.equal(configSha256, createHash("sha256").update(text).digest("hex"));
  assert.deepEqual(warnings, []);
});

Deno.test("loadConfig() says why a reference has no value", async (t) => {
  const files = {
    "/long": "x".repeat(SECRET_BYTES_MAX + 1),
    "/empty": "",
    "/line": "\n",
    "/binary": new Uint8Array([0xff]),
  };
  const cases = [
    ["${env:NONE}", "expected environment variable NONE, found no such variable"],
    ["${env:EMPTY}", "expected environment variable EMPTY, found an empty one"],
    ["${env:toString}", "expected environment variable toString, found no such variable"],
    ["${file:/none}", 'expected file "/none", found no such file'],
    ["${file:/long}", 'expected file "/long", found more than 65536 bytes'],
    ["${file:/empty}", 'expected file "/empty", found an empty file'],
    ["${file:/line}", 'expected file "/line", found an empty line'],
    ["${file:/binary}", 'expected file "/binary", found bytes that are not UTF-8'],
    ["hunter2${vault:x}", "expected ${env:NAME} or ${file:/path}, found another form"],
    ["hunter2${", "expected ${env:NAME} or ${file:/path}, found no closing }"],
    ["${env:1 2}", "expected ${env:NAME} or ${file:/path}, found another name"],
  ];
  for (const [reference, report] of cases) {
    await t.step(reference, async () => {
      const error = await failure(load(withMqtt(`  password: '${reference}'\n`), files, { EMPTY: "" }));
      assert.equal(error.issues.length, 1);
      const printed = formatError(error);
      assert.ok(printed.includes(`mqtt.password (line 9, column 13): ${report}`), printed);
      assert.doesNotMatch(printed, /hunter2/);
    });
  }
});

Deno.test("loadConfig() reads certificates into the configuration and reports those that are none", async () => {
  const tls = withMqtt("  tls: { ca: ca.pem, cert: gw.crt, key: '${env:KEY}' }\n");
  const files = { "/etc/q/ca.pem": PEM, "/etc/q/gw.crt": PEM, "/k": PEM };
  for (const KEY of ["/k", PEM]) {
    const { config } = await load(tls, files, { KEY });
    assert.equal(config.mqtt?.tls?.ca, PEM);
    assert.equal(config.mqtt?.tls?.key?.reveal(), PEM);
  }
  const bad = { "/etc/q/ca.pem": "hello", "/etc/q/gw.crt": new Uint8Array(PEM_BYTES_MAX + 1).fill(65) };
  assert.deepEqual((await failure(load(tls, bad, { KEY: "/k" }))).issues.map(({ where, found }) => [where, found]), [
    ["mqtt.tls.ca (line 9, column 14)", "another kind of text"],
    ["mqtt.tls.cert (line 9, column 28)", "more than 262144 bytes"],
    ["mqtt.tls.key (line 9, column 41)", "no such file"],
  ]);
});

Deno.test("loadConfig() warns of a password or a key that stands in the file", async () => {
  const key = JSON.stringify(PEM);
  const { warnings } = await load(withMqtt(`  password: hunter2\n  tls: { cert: ${key}, key: ${key} }\n`));
  assert.deepEqual(warnings, [
    "mqtt.password (line 9, column 13) is written in the file itself: use ${env:NAME} or ${file:/path}, so that the file holds no secret",
    `mqtt.tls.key (line 10, column ${23 + key.length}) is written in the file itself: name its file instead`,
  ]);
});

Deno.test("secrets stay out of errors, JSON and inspect output wherever they are put", async () => {
  const secret = "hunter2-correct-horse";
  const printed = (
    value: unknown,
  ) => [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)];
  const good = await load(withMqtt("  password: ${env:PW}\n"), {}, { PW: secret });
  assert.equal(good.config.mqtt?.password?.reveal(), secret);
  const texts = [...printed(good), Deno.inspect(good, { depth: 20 }), `${good.config.mqtt?.password}`];
  const lines = [
    "password: [REF]",
    "password: { a: REF }",
    "pasword: REF",
    "url: mqtt://u:REF@host",
    "url: REF",
    "protocol: REF",
    "client_id: ''\n  password: REF",
    "outbox_max: REF",
    "tls: REF",
    "tls: { key: REF }",
    "tls: { key: REF, cert: REF, ca: REF }",
    'password: "REF',
    "password: REF: REF",
    "password: *REF\n",
  ];
  for (const line of lines) {
    for (const reference of ["${env:PW}", secret]) {
      // A literal secret in a field that is not for secrets is shown as any other value is.
      if (reference === secret && /protocol|outbox_max|url: REF/.test(line)) continue;
      const text = `${MINIMAL}mqtt:\n  url: mqtts://host\n  ${line.replaceAll("REF", reference)}\n`;
      const error = await failure(
        load(line.startsWith("url") ? text.replace("  url: mqtts://host\n", "") : text, {}, { PW: secret }),
      );
      texts.push(...printed(error), ...printed(errorToJson(error)), formatError(error));
    }
  }
  for (const text of texts) assert.ok(!text?.includes("hunter2"), text);
});
