/** The systemd unit of a configuration: what it allows follows from what is configured, and no text breaks out of its line. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { bindPath, commandWord, credential } from "../../../src/app/unit/escape.ts";
import { unitFor } from "../../../src/app/unit/unit_text.ts";
import { loadConfig, type LoadedConfig } from "../../../src/config/load.ts";
import { credentialName } from "../../../src/config/credentials.ts";
import { ConfigError } from "../../../src/core/errors.ts";

const RUNTIME = { name: "deno", path: "/usr/local/bin/deno" } as const;

/** A configuration from its lines; files that it names hold `text`. */
function load(lines: string, path = "/etc/quartz-edge/edge.yaml", env: Record<string, string> = { SECRET: "s" }) {
  const camera = "cameras: [{ id: a, source: { kind: replay, path: /opt/clip } }]";
  const mqtt = "mqtt: { url: mqtt://10.0.0.5 }";
  const text = [
    "version: 1",
    "gateway: { id: gw7 }",
    "network: /opt/net.safetensors",
    ...(/^cameras:/m.test(lines) ? [] : [camera]),
    ...(/^mqtt:/m.test(lines) ? [] : [mqtt]),
    lines,
  ].join("\n");
  const readFile = (name: string) => {
    const content = name === path ? text : "-----BEGIN SECRET-----";
    return Promise.resolve(new TextEncoder().encode(content));
  };
  return loadConfig(path, { env, readFile });
}

/** `Key=value` lines of a unit, comments and sections left out. */
function settings(text: string): [key: string, value: string][] {
  return text.split("\n").filter((line) => line.includes("=") && !line.startsWith("#"))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

async function unitOf(lines: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const [key, value] of settings(unitFor(await load(lines), { runtime: RUNTIME }).text)) {
    found.set(key, [...found.get(key) ?? [], value]);
  }
  return found;
}

Deno.test("a unit allows what the configuration needs: devices, groups, folders, addresses", async () => {
  const plain = await unitOf("");
  assert.deepEqual(plain.get("PrivateDevices"), ["yes"]);
  assert.deepEqual(plain.get("IPAddressAllow"), ["10.0.0.5"]);
  assert.deepEqual(plain.get("IPAddressDeny"), ["any"]);
  assert.deepEqual(plain.get("StateDirectory"), ["quartz-edge"], "for the last good copy of the configuration");
  assert.deepEqual(plain.get("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
  assert.equal(plain.get("LoadCredential"), undefined);
  assert.equal(plain.get("MemoryDenyWriteExecute"), undefined, "V8 compiles while it runs");
  assert.deepEqual(plain.get("CapabilityBoundingSet"), [""]);

  const cameras = await unitOf(`cameras:
  - { id: a, source: { kind: v4l2, device: usb-Cam-index0 } }
  - { id: b, source: { kind: rtsp, url: "rtsp://camera.lan/1" } }
backend: { kind: loihi, link: "serial:/dev/ttyACM0" }
spool: { path: /var/lib/quartz/spool }
history: { path: /var/lib/quartz/history.sqlite }
power: { state_file: /var/lib/quartz/energy }
sparkplug: { group: plant, state_file: /var/lib/sparkplug/bdseq }
monitor: { listen: "127.0.0.1:80" }`);
  assert.equal(cameras.get("PrivateDevices"), undefined);
  assert.deepEqual(cameras.get("DeviceAllow"), ["char-video4linux rw", "char-ttyACM rw"]);
  assert.deepEqual(cameras.get("SupplementaryGroups"), ["video dialout"]);
  assert.deepEqual(cameras.get("StateDirectory"), ["quartz-edge", "quartz", "sparkplug"]);
  assert.deepEqual(cameras.get("CapabilityBoundingSet"), ["CAP_NET_BIND_SERVICE"]);
  assert.equal(cameras.get("IPAddressDeny"), undefined, "nobody knows the address of camera.lan");
  const [start] = cameras.get("ExecStart")!;
  assert.match(start, / --allow-run=ffmpeg /);
  assert.match(start, / --allow-ffi /);
  assert.match(start, / --allow-write=\/var\/lib\/quartz,\/var\/lib\/sparkplug,\/run/);
  assert.match(start, / --allow-net=10\.0\.0\.5:1883,127\.0\.0\.1:80,unix:/);
  assert.doesNotMatch(start, /--allow-all|-A|--allow-read /);
});

Deno.test("power: a meter's address, a line's device, mounted sensors and the folder of the energies are allowed", async () => {
  const loaded = await load(`mqtt: { url: "mqtt://10.0.0.5" }
power:
  state_file: /var/lib/quartz/energy
  folders: [/run/quartz-edge/sensors]
  meters:
    - { kind: http, id: plug, url: "http://10.0.0.9/x", power_pointer: /w }
    - { kind: serial, id: bench, link: serial:/dev/ttyUSB1 }`);
  const sensorLines = ["BindReadOnlyPaths=-/sys/devices/x/hwmon:/run/quartz-edge/sensors/vdd_in"];
  const found = settings(unitFor(loaded, { runtime: RUNTIME, sensorLines }).text);
  const of = (key: string) => found.filter(([one]) => one === key).map(([, value]) => value);
  assert.deepEqual([of("StateDirectory"), of("SupplementaryGroups")], [["quartz-edge", "quartz"], ["dialout"]]);
  assert.deepEqual(of("DeviceAllow"), ["char-ttyUSB rw"]);
  assert.deepEqual(of("IPAddressAllow").join(" ").split(" ").sort(), ["10.0.0.5", "10.0.0.9"]);
  assert.ok(of("BindReadOnlyPaths").includes("-/sys/devices/x/hwmon:/run/quartz-edge/sensors/vdd_in"));
  const [start] = of("ExecStart");
  assert.match(start, /--allow-net=10\.0\.0\.5:1883,10\.0\.0\.9:80/);
  assert.match(start, /--allow-read=\S*\/run\/quartz-edge,/);
  assert.match(start, /--allow-write=\S*\/var\/lib\/quartz/);
  assert.match(start, / --allow-ffi /);
});

Deno.test("secrets are handed over as credentials; their files stay out of the program's permissions", async () => {
  const loaded = await load(
    'mqtt: { url: mqtts://10.0.0.5, username: gw7, password: "${env:SECRET}", tls: { ca: ca.pem } }',
  );
  const { text, preparations } = unitFor(loaded, { runtime: RUNTIME });
  const path = "/etc/quartz-edge/ca.pem";
  assert.deepEqual(settings(text).filter(([key]) => key === "LoadCredential").map(([, value]) => value), [
    `${credentialName(path)}:${path}`,
    "SECRET:/etc/quartz-edge/credentials/SECRET",
  ]);
  const start = settings(text).find(([key]) => key === "ExecStart")![1];
  assert.match(start, /\/run\/credentials\/quartz-edge\.service/);
  assert.ok(!start.includes(path));
  assert.equal(preparations.length, 1);
  assert.match(preparations[0], /install -D -m 0600 \/dev\/stdin \/etc\/quartz-edge\/credentials\/SECRET/);
});

Deno.test("what is kept outside /var/lib is refused, with the path that would do", async () => {
  for (const path of ["/srv/spool", "/var/lib/spool", "/var/lib/../spool/x", "/var/lib/private/x", "spool"]) {
    const loaded = await load(`spool: { path: ${path} }`);
    assert.throws(
      () => unitFor(loaded, { runtime: RUNTIME }),
      (error: ConfigError) => error.code === "unit.state" && /\/var\/lib\/quartz-edge\/./.test(error.hint ?? ""),
      path,
    );
  }
});

Deno.test("whatever stands in a path, the unit has the same lines, or is refused", async () => {
  const plain = await load("");
  const place = (path: string): LoadedConfig => {
    const [camera] = plain.config.cameras;
    const cameras = [{ ...camera, network: `/home/${path}`, source: { ...camera.source, path: `/home/x${path}` } }];
    return { ...plain, config: { ...plain.config, cameras } as LoadedConfig["config"], files: [`/etc/${path}`] };
  };
  const keys = (loaded: LoadedConfig) => settings(unitFor(loaded, { runtime: RUNTIME }).text).map(([key]) => key);
  const expected = keys(place("plain"));
  const nasty = fc.string({
    unit: fc.constantFrom(..."ab %$\"'\\:;#=\n\r\0\t-,[]".split("")),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(fc.property(nasty, (path) => {
    let found: string[];
    try {
      found = keys(place(path));
    } catch (error) {
      assert.ok(error instanceof ConfigError && error.code === "unit.text", String(error));
      return;
    }
    assert.deepEqual(found, expected);
  }));
});

Deno.test("words are read back as they were written, by the rules of systemd", () => {
  fc.assert(fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }), (words) => {
    // deno-lint-ignore no-control-regex
    fc.pre(words.every((one) => !/[\u0000-\u001f\u007f]/.test(one)));
    const line = words.map(commandWord).join(" ");
    assert.deepEqual(readWords(line).map((one) => one.replaceAll("%%", "%").replaceAll("$$", "$")), words);
  }));
  assert.equal(bindPath("/a:b c", "/run/x"), "-/a\\:b\\ c:/run/x");
  assert.equal(credential("id", "/a%b c"), "id:/a%%b c");
  for (const path of ["/a\\", "/a ", "/a\nb"]) assert.throws(() => credential("id", path), ConfigError);
});

/** Takes a line apart as systemd.syntax(7) describes: spaces between words, quotes, C escapes. */
function readWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const sign = line[at];
    if (sign === "\\") word = (word ?? "") + line[++at];
    else if (quote !== "") {
      if (sign === quote) quote = "";
      else word += sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word ??= "";
    } else if (sign === " ") {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + sign;
  }
  assert.equal(quote, "", "a quote that is not closed");
  return word === null ? words : [...words, word];
}

Deno.test("a file that the service may not read is read from its credential, a variable that is not set as well", async () => {
  const copies: Record<string, string> = {
    [`/run/credentials/q/${credentialName("/etc/quartz-edge/pw")}`]: "from the copy\n",
    "/run/credentials/q/SECRET": "of the variable\n",
  };
  const config = (password: string) =>
    `version: 1\ngateway: { id: g }\nnetwork: n\ncameras: [{ id: a, source: { kind: replay, path: c } }]\n` +
    `mqtt: { url: mqtt://h, username: u, password: "${password}" }`;
  const open = async (password: string, env: Record<string, string>) => {
    const readFile = (path: string) => {
      if (path === "/etc/quartz-edge/edge.yaml") return Promise.resolve(new TextEncoder().encode(config(password)));
      const text = copies[path];
      if (text !== undefined) return Promise.resolve(new TextEncoder().encode(text));
      return Promise.reject(Object.assign(new Error("denied"), { code: "EACCES" }));
    };
    const loaded = await loadConfig("/etc/quartz-edge/edge.yaml", { env, readFile });
    return loaded.config.mqtt!.password!.reveal();
  };
  const env = { CREDENTIALS_DIRECTORY: "/run/credentials/q" };
  assert.equal(await open("${file:pw}", env), "from the copy");
  assert.equal(await open("${env:SECRET}", env), "of the variable");
  assert.equal(await open("${env:SECRET}", { ...env, SECRET: "set" }), "set");
  await assert.rejects(open("${file:pw}", {}), /found 1 problem/);
  await assert.rejects(open("${env:SECRET}", {}), /found 1 problem/);
});
