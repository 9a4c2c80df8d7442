/** The doctor on the way to a real broker: each fault is found at its own step, with its reason and what mends it. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { makeCertificates, opensslAvailable } from "../support/certificates.ts";
import { examine, makeConfig, verdicts } from "../support/doctor.ts";
import { type Mosquitto, mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { listen } from "../support/mqtt_listener.ts";

const NEEDS = "(needs Debian package mosquitto)";
const NEEDS_TLS = "(needs Debian packages mosquitto, openssl)";
const ignore = !mosquittoAvailable;
const ignoreTls = ignore || !opensslAvailable;

const look = (lines: string, clock = systemClock) => examine(lines, ["broker"], { clock });

Deno.test({
  name: `doctor finds a broker in order and leaves no trace of its visit ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    await using watcher = await listen(broker.url);
    const results = await look(`mqtt: { url: "${broker.url}" }\ncommands: { allow: [ping] }`);
    assert.deepEqual(verdicts(results), [
      "broker.dns ok",
      "broker.tcp ok",
      "broker.tls skipped",
      "broker.connect ok",
      "broker.publish ok",
      "broker.subscribe ok",
    ]);
    assert.equal(results.get("broker.connect")!.found, "MQTT 5, client quartz-gw7-doctor");
    assert.equal(results.get("broker.subscribe")!.found, "quartz/gw7/cmd/+");
    // One message, which nobody keeps, and no will after it.
    await watcher.until((heard) => heard.length > 0);
    assert.deepEqual(watcher.heard.map(({ topic, retain }) => [topic, retain]), [["quartz/gw7/doctor", false]]);
    await using late = await listen(broker.url);
    assert.deepEqual(late.heard, []);
  },
});

Deno.test("doctor names a host that nobody knows, and goes no further", async () => {
  const results = await look(`mqtt: { url: "mqtt://no-such-host.invalid" }`);
  assert.deepEqual(verdicts(results), [
    "broker.dns failed",
    "broker.tcp skipped",
    "broker.tls skipped",
    "broker.connect skipped",
    "broker.publish skipped",
    "broker.subscribe skipped",
  ]);
  assert.match(results.get("broker.dns")!.found, /no-such-host\.invalid/);
});

Deno.test({
  name: `doctor names a port on which nothing listens ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ running: false });
    const results = await look(`mqtt: { url: "${broker.url}" }`);
    assert.equal(results.get("broker.tcp")!.found, `127.0.0.1:${broker.port}: nothing listens there`);
    assert.equal(results.get("broker.connect")!.found, "as broker.tcp failed");
  },
});

Deno.test({
  name: `doctor names a wrong password, and keeps it to itself ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto({ user: "gw7", password: "right" });
    const login = (password: string) => `mqtt: { url: "${broker.url}", username: gw7, password: ${password} }`;
    assert.equal((await look(login("right"))).get("broker.publish")!.verdict, "ok");
    const results = await look(login("wr0ng"));
    const { verdict, found, mend } = results.get("broker.connect")!;
    assert.equal(verdict, "failed");
    assert.match(found, /not authori[sz]ed|bad user/i);
    assert.match(mend!.text, /user name(,| and) password/);
    assert.doesNotMatch(JSON.stringify([...results.values()]), /wr0ng/);
  },
});

for (const protocol of ["5", "3.1.1"]) {
  Deno.test({
    name: `doctor names what the broker's rules refuse, over MQTT ${protocol} ${NEEDS}`,
    ignore,
    async fn() {
      using rules = makeConfig("");
      const path = join(rules.folder, "rules");
      writeFileSync(path, "topic readwrite elsewhere/#\n", { mode: 0o600 });
      await using broker = await openMosquitto({ lines: [`acl_file ${path}`] });
      const lines = `mqtt: { url: "${broker.url}", protocol: "${protocol}" }\ncommands: { allow: [ping] }`;
      const results = await look(lines);
      assert.equal(results.get("broker.connect")!.verdict, "ok");
      const { verdict, found, mend } = results.get("broker.publish")!;
      // MQTT 3.1.1 has no way to say no.
      assert.equal(verdict, protocol === "5" ? "failed" : "warning", found);
      assert.match(found, /quartz\/gw7\/doctor/);
      assert.match(mend!.text, /topic readwrite quartz\/gw7\/#/);
      // mosquitto grants subscriptions and then sends nothing, unless rules about them are written.
      assert.match(results.get("broker.subscribe")!.verdict, /ok|failed/);
    },
  });
}

Deno.test({
  name: `doctor names a wrong, missing and expired authority, and a certificate for another name ${NEEDS_TLS}`,
  ignore: ignoreTls,
  async fn() {
    using ours = makeCertificates();
    using theirs = makeCertificates();
    const { cert, key } = ours.server;
    await using broker = await openMosquitto({ lines: [`certfile ${cert}`, `keyfile ${key}`] });
    const secure = (ca: string | null, host = "127.0.0.1") =>
      `mqtt: { url: "mqtts://${host}:${broker.port}"${ca === null ? "" : `, tls: { ca: "${ca}" }`} }`;
    const tls = async (lines: string, clock = systemClock) => (await look(lines, clock)).get("broker.tls")!;

    // Valid for a day: soon over.
    const good = await tls(secure(ours.ca));
    assert.equal(good.verdict, "warning");
    assert.match(
      good.found,
      /^TLSv1\.3, certificate of "broker", signed by "test authority", until \d{4}-\d\d-\d\d, in 0 day/,
    );

    for (const ca of [theirs.ca, null]) {
      const wrong = await tls(secure(ca));
      assert.equal(wrong.verdict, "failed");
      assert.match(wrong.found, /signed by "test authority", which is trusted neither by mqtt\.tls\.ca nor/);
      assert.match(wrong.mend!.text, /^mqtt\.tls\.ca: /);
    }
    const later = { ...systemClock, wallMs: () => systemClock.wallMs() + 30 * 86_400_000 };
    assert.match((await tls(secure(ours.ca), later)).found, /^the authority in mqtt\.tls\.ca ended on/);
    assert.match((await tls(secure(null), later)).found, /, ended on \d{4}-\d\d-\d\d$/);
    const otherName = await otherNameFound(broker, ours.ca);
    assert.match(otherName.found, /is for localhost, 127\.0\.0\.1 and not for 127\.0\.0\.2/);
    assert.equal(otherName.mend!.text, `mqtt.url: mqtts://localhost:${broker.port}`);
  },
});

Deno.test({
  name: `doctor names a client certificate that is missing, foreign or has another's key ${NEEDS_TLS}`,
  ignore: ignoreTls,
  async fn() {
    using ours = makeCertificates();
    using theirs = makeCertificates();
    const files = [`cafile ${ours.ca}`, `certfile ${ours.server.cert}`, `keyfile ${ours.server.key}`];
    await using broker = await openMosquitto({ lines: [...files, "require_certificate true"] });
    const lines = (own?: { cert: string; key: string }) =>
      `mqtt: { url: "mqtts://127.0.0.1:${broker.port}", tls: { ca: "${ours.ca}"${
        own === undefined ? "" : `, cert: "${own.cert}", key: "${own.key}"`
      } } }`;
    const good = await look(lines(ours.client));
    assert.equal(good.get("broker.connect")!.verdict, "ok", JSON.stringify([...good.values()]));

    const missing = (await look(lines())).get("broker.tls")!;
    assert.equal(missing.verdict, "failed");
    assert.match(missing.found, /certificate.?required/i);
    assert.match(missing.mend!.text, /^mqtt\.tls\.cert: .*\nmqtt\.tls\.key: /);

    const foreign = (await look(lines(theirs.client))).get("broker.tls")!;
    assert.equal(foreign.verdict, "failed", foreign.found);
    assert.match(foreign.mend!.text, /authority of our certificate|what it has against/);

    const mixed = (await look(lines({ cert: ours.client.cert, key: theirs.client.key }))).get("broker.tls")!;
    assert.match(mixed.found, /the key of another certificate/);
  },
});

Deno.test({
  name: `doctor tells a port with TLS from one without ${NEEDS_TLS}`,
  ignore: ignoreTls,
  async fn() {
    using ours = makeCertificates();
    await using plain = await openMosquitto();
    const noTls = await look(`mqtt: { url: "mqtts://127.0.0.1:${plain.port}" }`);
    assert.match(noTls.get("broker.tls")!.found, /^no TLS there/);
    await using secure = await openMosquitto({ lines: [`certfile ${ours.server.cert}`, `keyfile ${ours.server.key}`] });
    const noMqtt = await look(`mqtt: { url: "mqtt://127.0.0.1:${secure.port}" }`);
    assert.equal(noMqtt.get("broker.connect")!.verdict, "failed");
    assert.match(noMqtt.get("broker.connect")!.mend!.text, /TLS/);
  },
});

Deno.test({
  name: `doctor gives up on a broker that accepts and never answers ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    broker.freeze();
    const results = await look(`mqtt: { url: "${broker.url}", protocol: "5" }`);
    broker.thaw();
    assert.equal(results.get("broker.tcp")!.verdict, "ok");
    const { verdict, tookMs } = results.get("broker.connect")!;
    assert.equal(verdict, "failed");
    assert.ok(tookMs < 12_000, `${tookMs} ms`);
  },
});

// ---------------------------------------------------------------------------------------------------------------------

/** 127.0.0.2 is this machine, too, and in no certificate. */
async function otherNameFound(broker: Mosquitto, ca: string) {
  const server = createServer((from) => {
    const to = connect(broker.port, "127.0.0.1");
    from.pipe(to).pipe(from);
    for (const socket of [from, to]) socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(broker.port, "127.0.0.2", resolve));
  try {
    const lines = `mqtt: { url: "mqtts://127.0.0.2:${broker.port}", tls: { ca: "${ca}" } }`;
    return (await look(lines)).get("broker.tls")!;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
