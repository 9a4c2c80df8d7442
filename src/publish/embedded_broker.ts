/** A small broker in this process, for the demo and for tests: MQTT 3.1.1, loopback only, nothing kept on disk. */

import { createServer, type Server, type Socket } from "node:net";
import { PublishError } from "../core/errors.ts";

/** A running broker. Disposing ends every connection and frees the port. */
export interface EmbeddedBroker extends AsyncDisposable {
  /** `mqtt://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
}

/** Limits, and the port. */
export interface EmbeddedBrokerOptions {
  /** 0: any free one. */
  readonly port: number;
  /** More are closed at once. */
  readonly connectionsMax?: number;
  /** A connection that announces a longer packet is closed before any of it is kept. */
  readonly packetBytesMax?: number;
}

const CONNECTIONS_MAX = 64;
const PACKET_BYTES_MAX = 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;
const CLIENT_ID_LENGTH_MAX = 256;

/**
 * Starts a broker on 127.0.0.1.
 * @throws {PublishError} `publish.embedded_broker` when the port cannot be had.
 */
export async function openEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { port, connectionsMax = CONNECTIONS_MAX, packetBytesMax = PACKET_BYTES_MAX } = options;
  const { Aedes } = await import("aedes");
  const broker = await Aedes.createBroker({
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: CLIENT_ID_LENGTH_MAX,
    queueLimit: 1024, // packets that arrive before CONNACK is sent; a publisher sends its first window at once
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.setNoDelay(true);
    guardRead(socket, packetBytesMax);
    broker.handle(socket);
  });
  server.maxConnections = connectionsMax;
  try {
    await listen(server, port);
  } catch (cause) {
    await new Promise<void>((resolve) => broker.close(resolve));
    throw new PublishError(
      "publish.embedded_broker",
      `Cannot start the embedded broker as 127.0.0.1:${port} must be free: found ${(cause as Error).message}`,
      { hint: "Choose another port, or 0 for any free one", cause, facts: { port } },
    );
  }
  const bound = (server.address() as { readonly port: number }).port;
  let closed: Promise<void> | null = null;
  const close = async () => {
    const freed = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => broker.close(resolve));
    for (const socket of sockets) socket.destroy();
    await freed;
  };
  return { url: `mqtt://127.0.0.1:${bound}`, port: bound, [Symbol.asyncDispose]: () => closed ??= close() };
}

// ---

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * Makes `socket.read()` return all that has arrived, as aedes takes for granted (newer streams return one chunk and leave
 * the rest until the next "readable"), and closes the connection on a packet that is too long.
 */
function guardRead(socket: Socket, packetBytesMax: number): void {
  const readChunk = socket.read.bind(socket) as (size?: number | null) => Buffer | null;
  const longestAnnounced = createLengthScanner();
  socket.read = (size?: number) => {
    // Streams call read(0) themselves to ask for more, and throw away what it gives.
    if (size === 0) return readChunk(0);
    const chunks: Buffer[] = [];
    for (let chunk = readChunk(null); chunk !== null; chunk = readChunk(null)) chunks.push(chunk);
    if (chunks.length === 0) return null;
    const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (longestAnnounced(bytes) <= packetBytesMax) return bytes;
    socket.destroy();
    return null;
  };
}

/**
 * Follows the fixed headers of a stream of MQTT packets: one byte of type, then the remaining length in one to four
 * bytes, seven bits a byte, least first, the top bit set on all but the last (MQTT 3.1.1, 2.2.3).
 * `30 85 01 …` announces 5 + 1·128 = 133 bytes. Returns the longest length that `bytes` announce.
 */
function createLengthScanner(): (bytes: Uint8Array) => number {
  let skip = 0;
  let shift = -1; // −1: a type byte comes next
  let length = 0;
  return (bytes) => {
    let longest = 0;
    for (let i = 0; i < bytes.length;) {
      if (skip > 0) {
        const step = Math.min(skip, bytes.length - i);
        skip -= step;
        i += step;
        continue;
      }
      const byte = bytes[i++];
      if (shift < 0) {
        shift = 0;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80) {
        longest = Math.max(longest, length);
        skip = length;
        shift = -1;
      } else if (shift > 21) return Infinity; // a fifth byte: malformed
    }
    return longest;
  };
}
