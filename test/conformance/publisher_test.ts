/** The publisher suite, on both brokers and all protocol settings. */

import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { teePublisher } from "../../src/publish/tee_publisher.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { makeSpool } from "../support/spools.ts";
import { publisherSuite } from "./publisher_suite.ts";

publisherSuite("embedded broker, MQTT 3.1.1 after a refused 5", async () => {
  const broker = await openEmbeddedBroker({ port: 0 });
  return {
    url: broker.url,
    open: () => openTestPublisher(broker.url).publisher,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
});

publisherSuite("embedded broker, with a listener that fails", async () => {
  const broker = await openEmbeddedBroker({ port: 0 });
  const failing = {
    onMessage() {
      throw new Error("out of order");
    },
  };
  return {
    url: broker.url,
    open: () => teePublisher(openTestPublisher(broker.url).publisher, [failing], () => {}),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
});

for (const protocol of ["5", "3.1.1"] as const) {
  publisherSuite(`mosquitto, MQTT ${protocol} (needs Debian package mosquitto)`, async () => {
    const broker = await openMosquitto();
    return {
      url: broker.url,
      open: () => openTestPublisher(broker.url, { protocol }).publisher,
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  }, { ignore: !mosquittoAvailable });
}

publisherSuite("mosquitto, with a spool (needs Debian package mosquitto)", async () => {
  const broker = await openMosquitto();
  const spool = makeSpool();
  return {
    url: broker.url,
    // Not so quick to sync that a burst becomes backlog, which goes behind what comes after it.
    open: () => openTestPublisher(broker.url, { spool: spool.terms({ syncEveryMs: 500 }) }).publisher,
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      spool[Symbol.dispose]();
    },
  };
}, { ignore: !mosquittoAvailable });
