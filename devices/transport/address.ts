/** Links by address: `tcp:HOST:PORT`, `serial:PATH`, `serial:PATH?baud=RATE`, `replay:FILE`. */

import type { Clock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import type { Transport, TransportListener } from "../../src/ports/transport.ts";
import { replayTransport } from "./replay.ts";
import { openSerial } from "./serial.ts";
import { connectTcp, listenTcp } from "./tcp.ts";

/** Rate of a serial line when its address says none; what FTDI bridges do well. */
export const BAUD_RATE_DEFAULT = 3_000_000;

/** An address, taken apart. */
export type LinkAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "serial"; readonly path: string; readonly baudRate: number }
  | { readonly kind: "replay"; readonly path: string };

/** Takes an address apart. @throws {LinkError} `link.address` */
export function parseLinkAddress(text: string): LinkAddress {
  const [, kind, rest] = /^([a-z]+):(.+)$/.exec(text) ?? [];
  if (kind === "tcp") {
    // The last colon, so that [::1]:9100 works too.
    const [, host, port] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(rest) ?? [];
    if (host !== undefined && Number(port) <= 65535) return { kind, host, port: Number(port) };
  } else if (kind === "serial") {
    const [, path, baud] = /^([^?]+)(?:\?baud=(\d{2,8}))?$/.exec(rest) ?? [];
    if (path !== undefined) return { kind, path, baudRate: baud === undefined ? BAUD_RATE_DEFAULT : Number(baud) };
  } else if (kind === "replay") return { kind, path: rest };
  throw new LinkError(
    "link.address",
    `Cannot use a link as its address must be tcp:HOST:PORT, serial:PATH, serial:PATH?baud=RATE or replay:FILE: found ${
      JSON.stringify(text)
    }`,
    { hint: "For example tcp:127.0.0.1:9100 or serial:/dev/ttyUSB0?baud=3000000" },
  );
}

/** Opens the host's side. @throws {LinkError} `link.open`, `link.replay` */
export function openTransport(address: LinkAddress, clock: Clock): Promise<Transport> {
  switch (address.kind) {
    case "tcp":
      return connectTcp({ ...address, clock });
    case "serial":
      return openSerial(address);
    case "replay":
      return replayTransport({ path: address.path, clock, pacing: "recorded", strict: false });
  }
}

/**
 * Opens the board's side. A serial line is one transport, handed over before this resolves; closing the listener leaves it
 * open, as it leaves connections.
 *
 * @throws {LinkError} `link.open`; `link.address` for a recording, which has no board's side
 */
export async function listenTransport(
  address: LinkAddress,
  onTransport: (transport: Transport) => void,
): Promise<TransportListener> {
  if (address.kind === "tcp") return await listenTcp({ ...address, onTransport });
  if (address.kind === "replay") {
    throw new LinkError("link.address", "Cannot listen on a recording as it must be a line: found replay");
  }
  onTransport(await openSerial(address));
  const close = () => Promise.resolve();
  return { address: `serial:${address.path}?baud=${address.baudRate}`, close, [Symbol.asyncDispose]: close };
}
