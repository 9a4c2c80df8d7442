/** Links over TCP: connecting to a board's agent, and listening as one. */

import { createServer, type Server, Socket } from "node:net";
import type { Clock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import type { Transport, TransportListener } from "../../src/ports/transport.ts";
import { createDuplexTransport } from "./duplex_transport.ts";

/** Where to connect to. */
export interface TcpOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Longest time for connecting. */
  readonly timeoutMs?: number;
}

/** Connects. @throws {LinkError} `link.open` when it is refused, takes too long, or the name is unknown */
export async function connectTcp(options: TcpOptions): Promise<Transport> {
  const { host, port, clock, timeoutMs = 5000 } = options;
  const where = `${host}:${port}`;
  const socket = new Socket();
  const connected = new AbortController();
  const attempt = new Promise<Error | null>((resolve) => {
    socket.once("error", resolve);
    socket.connect({ host, port }, () => resolve(null));
  });
  const late = clock.sleep(timeoutMs, connected.signal).then(() => new Error(`no answer within ${timeoutMs} ms`));
  const error = await Promise.race([attempt, late]);
  connected.abort();
  if (error === null) return overSocket(socket, where);
  await shut(socket);
  throw new LinkError("link.open", `Cannot connect to ${where} as an agent must listen there: found ${error.message}`, {
    cause: error,
    hint: "Start the agent first, for example: quartz twin --listen tcp:127.0.0.1:9100",
  });
}

/** Where to listen; port 0 for any free one. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Called for each connection. */
  readonly onTransport: (transport: Transport) => void;
}

/** Listens. @throws {LinkError} `link.open` when the address cannot be had */
export async function listenTcp(options: ListenOptions): Promise<TransportListener> {
  const { host, port, onTransport } = options;
  const server = createServer((socket) =>
    onTransport(overSocket(socket, `${socket.remoteAddress}:${socket.remotePort}`))
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const text = `Cannot listen on ${host}:${port} as it must be free: found ${cause.message}`;
      reject(new LinkError("link.open", text, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
  const bound = server.address();
  const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
  const close = () => stopListening(server);
  return { address: `tcp:${host}:${boundPort}`, close, [Symbol.asyncDispose]: close };
}

// ---------------------------------------------------------------------------------------------------------------------

function overSocket(socket: Socket, where: string): Transport {
  // A frame is one small packet: waiting for more to send with it would only add latency.
  socket.setNoDelay(true);
  return createDuplexTransport({
    name: `tcp ${where}`,
    framing: "length",
    stream: socket,
    shut: () => shut(socket),
    onClose: "end",
  });
}

function shut(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.on("error", () => {});
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

/** Not waiting for the server's own `close`, which comes after the last connection's. */
function stopListening(server: Server): Promise<void> {
  if (server.listening) server.close();
  return Promise.resolve();
}
