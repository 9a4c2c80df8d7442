/** TLS, client certificates and WebSockets against a real broker; what is wrong with a certificate is named. */

import assert from "node:assert/strict";
import type { TlsOptions } from "../../src/publish/mqtt_session.ts";
import { makeCertificates, opensslAvailable } from "../support/certificates.ts";
import { type Mosquitto, mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleResult } from "../support/sample_messages.ts";

const ignore = !mosquittoAvailable || !opensslAvailable;
const NEEDS = "(needs Debian packages mosquitto, openssl)";

/** Publishes ten results; the reason when that does not work. */
async function tryOut(url: string, tls?: TlsOptions, username?: string, password?: string): Promise<string | null> {
  const { publisher } = openTestPublisher(url, { tls, username, password });
  await using _ = publisher;
  for (let id = 0; id < 10; id++) publisher.publish(sampleResult(id));
  await eventually(
    () => publisher.problem !== null || publisher.counts.published === 10,
    "delivered, or a reason why not",
  );
  return publisher.problem?.text ?? null;
}

const secure = (broker: Mosquitto, scheme: string, host = "127.0.0.1") => `${scheme}://${host}:${broker.port}`;

Deno.test({
  name: `TLS works with the right authority, and a wrong, missing or foreign one is named ${NEEDS}`,
  ignore,
  async fn() {
    using ours = makeCertificates();
    using theirs = makeCertificates();
    const { cert, key } = ours.server;
    await using broker = await openMosquitto({ lines: [`certfile ${cert}`, `keyfile ${key}`] });
    const ca = ours.read(ours.ca);
    const url = secure(broker, "mqtts");
    assert.equal(await tryOut(url, { ca }), null);
    assert.equal(await tryOut(secure(broker, "mqtts", "localhost"), { ca }), null);
    assert.match(await tryOut(url, { ca: theirs.read(theirs.ca) }) ?? "", /certificate/i);
    assert.match(await tryOut(url) ?? "", /certificate/i);
    // Plain MQTT to a TLS port gets no answer that makes sense.
    assert.match(await tryOut(secure(broker, "mqtt")) ?? "", /Cannot connect/);
  },
});

Deno.test({
  name: `a client certificate is shown, and asked for by name when it is missing or foreign ${NEEDS}`,
  ignore,
  async fn() {
    using ours = makeCertificates();
    using theirs = makeCertificates();
    await using broker = await openMosquitto({
      lines: [
        `cafile ${ours.ca}`,
        `certfile ${ours.server.cert}`,
        `keyfile ${ours.server.key}`,
        "require_certificate true",
        "use_identity_as_username true",
      ],
    });
    const ca = ours.read(ours.ca);
    const own = { ca, cert: ours.read(ours.client.cert), key: ours.read(ours.client.key) };
    const foreign = { ca, cert: theirs.read(theirs.client.cert), key: theirs.read(theirs.client.key) };
    const url = secure(broker, "mqtts");
    assert.equal(await tryOut(url, own), null);
    assert.match(await tryOut(url, { ca }) ?? "", /certificate.?required/i);
    assert.match(await tryOut(url, foreign) ?? "", /unknown.?ca|certificate|decrypt/i);
    const broken = openTestPublisher(url, { tls: { ...own, key: "-----BEGIN NONSENSE-----" } });
    await eventually(() => broken.publisher.problem !== null, "a reason");
    assert.doesNotMatch(JSON.stringify(broken.logged), /NONSENSE/);
    await broken.publisher.stop();
  },
});

Deno.test({
  name: `WebSockets work, plain and encrypted, with a user name and without ${NEEDS}`,
  ignore,
  async fn() {
    using certificates = makeCertificates();
    const { cert, key } = certificates.server;
    // mosquitto 2.0.11 refuses to start with WebSockets alone, so it gets a second listener that nobody uses.
    const second = `listener 0 ${certificates.ca}.socket`;
    {
      await using broker = await openMosquitto({
        lines: ["protocol websockets", second],
        user: "gw7",
        password: "right",
      });
      assert.equal(await tryOut(secure(broker, "ws"), undefined, "gw7", "right"), null);
      assert.match(await tryOut(secure(broker, "ws"), undefined, "gw7", "wrong") ?? "", /Not authorized/i);
    }
    await using broker = await openMosquitto({
      lines: ["protocol websockets", `certfile ${cert}`, `keyfile ${key}`, second],
    });
    const ca = certificates.read(certificates.ca);
    assert.equal(await tryOut(secure(broker, "wss"), { ca }), null);
    assert.match(await tryOut(secure(broker, "wss")) ?? "", /certificate/i);
  },
});
