/** The embedded broker takes every message of a burst, however the bytes are cut into reads. */

import assert from "node:assert/strict";
import mqtt from "mqtt";
import { openEmbeddedBroker } from "../../../src/publish/embedded_broker.ts";

const MESSAGES = 400;

for (const perTurn of [1, 8, MESSAGES]) {
  Deno.test(`embedded broker acknowledges ${MESSAGES} messages, ${perTurn} at a time`, async () => {
    await using broker = await openEmbeddedBroker({ port: 0 });
    const client = await mqtt.connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 0 });
    const acknowledged: Promise<unknown>[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      acknowledged.push(client.publishAsync("burst", `${i}`.padEnd(600, "."), { qos: 1 }));
      if (i % perTurn === perTurn - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await Promise.all(acknowledged)).length, MESSAGES);
    await client.endAsync();
  });
}
