/** An MJPEG camera for tests: HTTP on loopback, told by the test what to send. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Buffer } from "node:buffer";

/** A camera server. Disposing ends every connection. */
export interface MjpegServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** Viewers so far. */
  readonly viewers: number;
  /** Sends each viewer, present and future, one picture after the other, `everyMs`, round and round; null: nothing. */
  show(pictures: readonly Uint8Array[] | null, everyMs?: number): void;
  /** Sends bytes as they are to everyone who watches. */
  sendRaw(bytes: Uint8Array): void;
  /** Ends every stream. */
  hangUp(): void;
}

/** Starts it; with `user`, others are answered 401. */
export async function openMjpegServer(
  options: { readonly user?: string; readonly password?: string } = {},
): Promise<MjpegServer> {
  const { user, password } = options;
  const open = new Set<ServerResponse>();
  let viewers = 0;
  let pictures: readonly Uint8Array[] | null = null;
  let next = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const wanted = user === undefined ? null : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const sendNext = () => {
    if (pictures === null || open.size === 0) return;
    const bytes = pictures[next++ % pictures.length];
    const head = `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    for (const response of open) response.write(Buffer.concat([Buffer.from(head), bytes, Buffer.from("\r\n")]));
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    response.on("error", () => {});
    if (wanted !== null && request.headers.authorization !== wanted) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="camera"' }).end("no");
      return;
    }
    viewers += 1;
    response.writeHead(200, { "Content-Type": "multipart/x-mixed-replace; boundary=frame" });
    open.add(response);
    response.on("close", () => open.delete(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    get viewers() {
      return viewers;
    },
    show(now, everyMs = 20) {
      clearInterval(timer);
      pictures = now;
      next = 0;
      if (now !== null) timer = setInterval(sendNext, everyMs);
    },
    sendRaw: (bytes) => open.forEach((response) => response.write(bytes)),
    hangUp: () => open.forEach((response) => response.destroy()),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const response of open) response.destroy();
      server.closeAllConnections();
      await closed;
    },
  };
}
