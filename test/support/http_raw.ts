/** HTTP as bytes on a socket: what no well-behaved client would send. */

import { connect } from "node:net";

/** What a server answered before it, or we, closed the connection. */
export interface RawAnswer {
  /** 0 when nothing that looks like an answer came. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** True: the server ended the connection; false: it was still open after `waitMs`. */
  readonly closed: boolean;
}

/** Sends `text` and waits for the server to close, or for `waitMs`. */
export function sendRaw(port: number, text: string, waitMs = 10_000): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      const [head, ...rest] = received.split("\r\n\r\n");
      const [first, ...lines] = head.split("\r\n");
      const headers = Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }));
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
      resolve({ status, headers, body: rest.join("\r\n\r\n"), closed });
    };
    const timer = setTimeout(() => finish(false), waitMs);
    socket.on("data", (chunk) => received += chunk.toString("latin1"));
    socket.on("error", () => {});
    socket.on("close", () => finish(true));
    socket.write(text);
  });
}

/** A request with these header lines; the connection is closed after the answer. */
export function request(
  port: number,
  line: string,
  headers: Record<string, string> = {},
  body = "",
): Promise<RawAnswer> {
  const all = { host: `127.0.0.1:${port}`, connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const length = body === "" ? [] : [`content-length: ${body.length}`];
  return sendRaw(port, [`${line} HTTP/1.1`, ...lines, ...length, "", body].join("\r\n"));
}
