/** A broker for tests that does to each message what the test says: acknowledge it, refuse it, or hang up. */

import { createServer, type Socket } from "node:net";
import { packetReader } from "./mqtt_proxy.ts";

/** What becomes of a QoS 1 message: its reason code (0: taken; others need MQTT 5), no answer, or the end of the connection. */
export type Verdict = number | "silence" | "close";

/** A broker that takes every CONNECT and no subscriptions. */
export interface ScriptedBroker extends AsyncDisposable {
  readonly url: string;
  /** Connections so far. */
  readonly sessions: number;
  /** Topic and text of every message that was taken, in order. */
  readonly taken: { readonly topic: string; readonly text: string }[];
}

/** Listens on a free port of this machine. */
export async function openScriptedBroker(
  decide: (topic: string, text: string, session: number) => Verdict,
): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>();
  const taken: { topic: string; text: string }[] = [];
  let sessions = 0;
  const server = createServer((socket) => {
    const session = sessions++;
    let isV5 = false;
    const read = packetReader((type, body) => {
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
      if (type === 0x10) {
        isV5 = body[6] === 5;
        socket.write(isV5 ? Uint8Array.of(0x20, 3, 0, 0, 0) : Uint8Array.of(0x20, 2, 0, 0));
      }
      if (type >> 4 !== 3 || (type & 0x06) === 0 || socket.destroyed) return;
      const topicEnd = 2 + view.getUint16(0);
      const topic = new TextDecoder().decode(body.subarray(2, topicEnd));
      // Properties are shorter than 128 bytes, so their length takes one byte.
      const text = new TextDecoder().decode(body.subarray(topicEnd + 2 + (isV5 ? 1 + body[topicEnd + 2] : 0)));
      const verdict = decide(topic, text, session);
      if (verdict === "close") return void socket.destroy();
      if (verdict === "silence") return;
      if (verdict === 0) taken.push({ topic, text });
      const id = [body[topicEnd], body[topicEnd + 1]];
      socket.write(isV5 ? Uint8Array.of(0x40, 4, ...id, verdict, 0) : Uint8Array.of(0x40, 2, ...id));
    });
    sockets.add(socket);
    socket.on("data", read).on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `mqtt://127.0.0.1:${(server.address() as { readonly port: number }).port}`,
    get sessions() {
      return sessions;
    },
    taken,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
