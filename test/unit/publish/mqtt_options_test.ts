import assert from "node:assert/strict";
import { systemClock } from "../../../src/core/clock.ts";
import { ConfigError } from "../../../src/core/errors.ts";
import { createRandom } from "../../../src/core/random.ts";
import { redactSecrets, redactUrl } from "../../../src/core/redact.ts";
import { checkOptions, type MqttPublisherOptions } from "../../../src/publish/mqtt_options.ts";
import { sessionEndOf } from "../../../src/publish/session_end.ts";

const GOOD: MqttPublisherOptions = {
  url: "mqtt://broker.lan",
  gatewayId: "gw7",
  baseTopic: "quartz",
  clientId: "quartz-gw7",
  protocol: "auto",
  connectTimeoutMs: 5000,
  outboxMax: 1000,
  clock: systemClock,
  random: createRandom(1),
  log: () => {},
};

Deno.test("checkOptions() takes URLs apart and leaves no credentials in what is logged", () => {
  const cases = [
    ["mqtt://broker.lan", "mqtt", "broker.lan", 1883, undefined, undefined],
    ["mqtts://gw%40a:p%3Aw@[::1]:8884", "mqtts", "::1", 8884, "gw@a", "p:w"],
    ["wss://u@h/mqtt", "wss", "h", 443, "u", undefined],
  ] as const;
  for (const [url, protocol, host, port, username, password] of cases) {
    const checked = checkOptions({ ...GOOD, url });
    const { address } = checked;
    assert.deepEqual([address.protocol, address.host, address.port], [protocol, host, port]);
    assert.deepEqual([checked.username, checked.password], [username, password]);
    assert.equal(checked.name, `${protocol}://${host}:${port}`);
  }
  assert.match(checkOptions(GOOD).boot, /^[0-9a-f]{16}$/);
});

Deno.test("checkOptions() reports everything that is wrong at once, and no secret", () => {
  const bad = { ...GOOD, url: "http://u:hunter2@h", gatewayId: "GW", baseTopic: "#", clientId: "", outboxMax: 1 };
  assert.throws(() => checkOptions({ ...bad, connectTimeoutMs: 0, tls: { cert: "pem" } }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.issues.map(({ where }) => where), [
      "gatewayId",
      "baseTopic",
      "url",
      "clientId",
      "outboxMax",
      "connectTimeoutMs",
      "tls",
    ]);
    assert.doesNotMatch(JSON.stringify(error.issues), /hunter2/);
    return true;
  });
});

Deno.test("redactUrl() takes user, password and tokens out of URLs, escaped or not", () => {
  const cases = [
    ["mqtt://h:1883/x", "mqtt://h:1883/x"],
    ["mqtt://u:p@h:1883", "mqtt://***@h:1883"],
    ["open rtsp://u:p/a#s?s@w@cam/1 failed", "open rtsp://***@cam/1 failed"],
    ["https://h/s?a=1&access_token=abc&b=2", "https://h/s?a=1&access_token=***&b=2"],
    ["no url at all, me@home", "no url at all, me@home"],
  ];
  for (const [text, redacted] of cases) assert.equal(redactUrl(text), redacted);
  assert.equal(redactSecrets("say pw and pw", ["pw", undefined, ""]), "say *** and ***");
});

Deno.test("sessionEndOf() tells refusals, absences and losses apart", () => {
  const coded = (message: string, code: number | string) => Object.assign(new Error(message), { code });
  const cases = [
    [coded("Unacceptable protocol version", 1), false, "version"],
    [coded("Unsupported Protocol Version", 132), false, "version"],
    [coded("Bad User Name or Password", 134), false, "refused"],
    [coded("", "ECONNREFUSED"), false, "unreachable"],
    [coded("self-signed certificate in certificate chain", "SELF_SIGNED_CERT_IN_CHAIN"), false, "unreachable"],
    [coded("Session taken over", 142), true, "lost"],
    [null, true, "lost"],
    [null, false, "unreachable"],
  ] as const;
  for (const [error, wasOnline, kind] of cases) assert.equal(sessionEndOf(error, wasOnline).kind, kind);
  assert.equal(sessionEndOf(coded("", "ECONNREFUSED"), false).text, "ECONNREFUSED");
  assert.match(sessionEndOf(coded("Session taken over", 142), true).hint ?? "", /own/);
  assert.match(
    sessionEndOf(null, true).hint ?? "",
    /another client/,
    "some brokers take a session over without a word",
  );
});
