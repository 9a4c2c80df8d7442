/** Camera sources and decisions in the configuration: what is taken, what is refused where, and that no secret is shown. */

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { loadConfig } from "../../../src/config/load.ts";
import { parseConfig } from "../../../src/config/schema.ts";
import { ConfigError } from "../../../src/core/errors.ts";

type Fields = Record<string, unknown>;

function config(source: Fields, more: Fields = {}, camera: Fields = {}): Fields {
  return {
    version: 1,
    gateway: { id: "gw" },
    network: "n",
    cameras: [{ id: "door", source, ...camera }],
    mqtt: { url: "mqtt://h" },
    ...more,
  };
}

/** `where: expected` of every problem; none for a good configuration. */
function problems(value: unknown): string[] {
  try {
    parseConfig(value);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.issues.map(({ where, expected }) => `${where}: ${expected}`);
  }
}

const SOURCE = "cameras.0.source";
const BAD: readonly [name: string, value: Fields, start: string][] = [
  [
    "a device outside /dev/video and v4l",
    config({ kind: "v4l2", device: "/dev/sda" }),
    `${SOURCE}.device: a name under`,
  ],
  ["a device with dots", config({ kind: "v4l2", device: "../x" }), `${SOURCE}.device: `],
  ["a width alone", config({ kind: "v4l2", device: "cam", width: 640 }), `${SOURCE}.height: width and height together`],
  ["a format with a space", config({ kind: "v4l2", device: "cam", input_format: "a -i" }), `${SOURCE}.input_format: `],
  ["RTSP over a file", config({ kind: "rtsp", url: "file:///etc/passwd" }), `${SOURCE}.url: a URL such as rtsp://`],
  [
    "credentials in the URL",
    config({ kind: "rtsp", url: "rtsp://u:p@h/" }),
    `${SOURCE}.url: a camera URL without user`,
  ],
  ["MJPEG over RTSP", config({ kind: "mjpeg", url: "rtsp://h/" }), `${SOURCE}.url: a URL such as http://`],
  ["a password alone", config({ kind: "mjpeg", url: "http://h/", password: "p" }), `${SOURCE}.username: a user name`],
  ["a rate of nothing", config({ kind: "file", path: "v.mp4", rate_fps: 0 }), `${SOURCE}.rate_fps: a number above 0`],
  ["a snapshot without pause", config({ kind: "snapshot", url: "http://h/", every_s: 0 }), `${SOURCE}.every_s: `],
  ["a snapshot too long", config({ kind: "snapshot", url: "http://h/", bytes_max: 2 ** 30 }), `${SOURCE}.bytes_max: `],
  ["a wildcard", config({ kind: "mqtt", topic: "cams/+" }), `${SOURCE}.topic: a topic without + and #`],
  ["a share in the topic", config({ kind: "mqtt", topic: "$share/g/t" }), `${SOURCE}.topic: `],
  ["its own topics", config({ kind: "mqtt", topic: "quartz/gw/cam/x" }), `${SOURCE}.topic: a topic outside quartz/gw/`],
  ["a group with a slash", config({ kind: "mqtt", topic: "t", share: "a/b" }), `${SOURCE}.share: `],
  ["raw without a size", config({ kind: "mqtt", topic: "t", raw: { width: 3 } }), `${SOURCE}.raw.height: `],
  ["no broker", config({ kind: "mqtt", topic: "t" }, { mqtt: null }), `${SOURCE}.kind: a broker under mqtt`],
  [
    "more votes than frames",
    config({ kind: "mqtt", topic: "t" }, { decision: { votes: 3 } }),
    "decision.votes: at most",
  ],
  [
    "more votes than the common window",
    config({ kind: "mqtt", topic: "t" }, { decision: { window: 2 } }, { decision: { votes: 3 } }),
    "cameras.0.decision.votes: at most the window, 2",
  ],
  [
    "a threshold in percent",
    config({ kind: "mqtt", topic: "t" }, { decision: { threshold: 60 } }),
    "decision.threshold: ",
  ],
];

for (const [name, value, start] of BAD) {
  Deno.test(`refused: ${name}`, () => {
    const found = problems(value);
    assert.equal(found.length, 1, found.join("\n"));
    assert.ok(found[0].startsWith(start), found[0]);
  });
}

Deno.test("a camera's decision is the common one with its own differences", () => {
  const { cameras } = parseConfig(
    config({ kind: "mqtt", topic: "t" }, { decision: { threshold: 0.5, votes: 3, window: 5 } }, {
      decision: { threshold: 0.9, window: 7 },
    }),
  );
  assert.deepEqual(cameras[0].decision, { threshold: 0.9, hysteresis: 0, votes: 3, window: 7 });
});

Deno.test("a camera's password is a secret, in the configuration and in what is wrong with it", async () => {
  const load = (text: string, env = {}) =>
    loadConfig("/x/edge.yaml", { env, readFile: () => Promise.resolve(new TextEncoder().encode(text)) });
  const text = (source: string) =>
    `version: 1\ngateway: { id: gw }\nnetwork: n\nmqtt: { url: "mqtt://h" }\ncameras: [{ id: a, source: ${source} }]\n`;
  const literal = await load(text(`{ kind: mjpeg, url: "http://h/", username: u, password: hunter2 }`));
  assert.equal(literal.warnings.length, 1);
  assert.match(
    literal.warnings[0],
    /^cameras\.0\.source\.password \(line 5, column \d+\) is written in the file itself/,
  );
  assert.ok(!inspect(literal, { depth: 9 }).includes("hunter2") && !JSON.stringify(literal).includes("hunter2"));
  const { source } = literal.config.cameras[0];
  assert.equal("password" in source && source.password?.reveal(), "hunter2");
  const byReference = text("{ kind: mjpeg, url: 'http://h/', username: u, password: '${env:P}' }");
  assert.deepEqual((await load(byReference, { P: "hunter2" })).warnings, []);

  for (
    const bad of [
      "{ kind: mjpeg, url: 'http://u:hunter2@h/', username: u }",
      "{ kind: mjpeg, url: 'ftp://h/?token=hunter2' }",
      "{ kind: mjpeg, url: 'http://h/', username: u, password: [hunter2] }",
      `{ kind: mjpeg, url: 'http://h/', username: u, password: ${"hunter2".repeat(99)} }`,
    ]
  ) {
    await assert.rejects(load(text(bad)), (error: ConfigError) => {
      assert.ok(!inspect(error, { depth: 9 }).includes("hunter2"), inspect(error));
      return true;
    });
  }
});
