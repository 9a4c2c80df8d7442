/** Addresses of links. */

import assert from "node:assert/strict";
import { systemClock } from "../../../src/core/clock.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { listenTransport, openTransport, parseLinkAddress } from "../../../devices/transport/address.ts";

Deno.test("link addresses are taken apart", () => {
  assert.deepEqual(parseLinkAddress("tcp:127.0.0.1:9100"), { kind: "tcp", host: "127.0.0.1", port: 9100 });
  assert.deepEqual(parseLinkAddress("tcp:[::1]:0"), { kind: "tcp", host: "::1", port: 0 });
  assert.deepEqual(parseLinkAddress("serial:/dev/ttyUSB0"), {
    kind: "serial",
    path: "/dev/ttyUSB0",
    baudRate: 3_000_000,
  });
  assert.deepEqual(parseLinkAddress("serial:/dev/serial/by-id/usb-FTDI:1-if00?baud=1000000"), {
    kind: "serial",
    path: "/dev/serial/by-id/usb-FTDI:1-if00",
    baudRate: 1_000_000,
  });
  assert.deepEqual(parseLinkAddress("replay:a b.jsonl"), { kind: "replay", path: "a b.jsonl" });
});

Deno.test("link addresses that are none are refused, with what they should be", () => {
  for (
    const text of [
      "",
      "tcp",
      "tcp:",
      "tcp:host",
      "tcp:host:70000",
      "udp:a:1",
      "serial:",
      "serial:/a?baud=x",
      "/dev/tty",
    ]
  ) {
    assert.throws(() => parseLinkAddress(text), { code: "link.address", message: /serial:PATH/ }, text);
  }
});

Deno.test("a link opened by the address that its listener says reaches it", async () => {
  const accepted: Transport[] = [];
  await using listener = await listenTransport(
    parseLinkAddress("tcp:127.0.0.1:0"),
    (transport) => accepted.push(transport),
  );
  await using near = await openTransport(parseLinkAddress(listener.address), systemClock);
  await near.write(Uint8Array.of(5));
  while (accepted.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual([...(await accepted[0].read() ?? [])], [5]);
  await accepted[0].close();
});
