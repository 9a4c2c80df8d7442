/** A TCP proxy before a broker: slow when told to be, and the witness of what the broker acknowledged. */

import { connect, createServer, type Socket } from "node:net";

/** The part of a result that tests look at. */
export interface WireResult {
  readonly seq: number;
  readonly boot: string;
  readonly historical?: true;
  readonly frame: { readonly id: number };
}

/** See the head of this file. */
export interface MqttProxy extends AsyncDisposable {
  readonly url: string;
  /** QoS 1 results in the order in which the broker acknowledged them. */
  readonly acknowledged: WireResult[];
  /** Holds back every chunk this long, each way. */
  delayMs: number;
}

/** Listens on a free port and connects to `port`. */
export async function openMqttProxy(port: number): Promise<MqttProxy> {
  const sockets = new Set<Socket>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const acknowledged: WireResult[] = [];
  const server = createServer((client) => {
    const broker = connect(port, "127.0.0.1");
    const underWay = new Map<number, WireResult>();
    let isV5 = false;
    const up = packetReader((type, body) => {
      if (type === 0x10) isV5 = body[6] === 5;
      if (type !== 0x32 && type !== 0x3a) return;
      const view = new DataView(body.buffer, body.byteOffset);
      const topicBytes = view.getUint16(0);
      // The properties of MQTT 5 are shorter than 128 bytes here, so that their length takes one byte.
      const start = 4 + topicBytes + (isV5 ? 1 + body[4 + topicBytes] : 0);
      const text = new TextDecoder().decode(body.subarray(start));
      if (text.startsWith('{"schema":"quartz.result')) {
        underWay.set(view.getUint16(2 + topicBytes), JSON.parse(text));
      }
    });
    const down = packetReader((type, body) => {
      if (type !== 0x40 || (body.length > 2 && body[2] >= 0x80)) return;
      const result = underWay.get(new DataView(body.buffer, body.byteOffset).getUint16(0));
      if (result !== undefined) acknowledged.push(result);
    });
    relay(client, broker, up);
    relay(broker, client, down);
  });
  const relay = (from: Socket, to: Socket, watch: (bytes: Uint8Array) => void) => {
    sockets.add(from);
    const held: Uint8Array[] = [];
    const send = (bytes: Uint8Array) => {
      if (to.destroyed) return;
      watch(bytes);
      to.write(bytes);
    };
    from.on("data", (bytes: Uint8Array) => {
      if (proxy.delayMs === 0 && held.length === 0) return send(bytes);
      held.push(bytes);
      // Whichever timer comes first lets the oldest go: bytes never overtake each other.
      const timer = setTimeout(() => {
        timers.delete(timer);
        send(held.shift()!);
      }, proxy.delayMs);
      timers.add(timer);
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: MqttProxy = {
    url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`,
    acknowledged,
    delayMs: 0,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** Cuts a stream into MQTT packets: the first byte of each, and what follows its length. */
export function packetReader(onPacket: (type: number, body: Uint8Array) => void): (bytes: Uint8Array) => void {
  let rest = new Uint8Array(0);
  return (bytes) => {
    rest = Uint8Array.from([...rest, ...bytes]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (let shift = 0; at < rest.length; shift += 7) {
        length += (rest[at] & 0x7f) << shift;
        if (rest[at++] < 0x80) break;
        if (at === rest.length) return;
      }
      if (rest.length < 2 || rest.length < at + length) return;
      onPacket(rest[0], rest.subarray(at, at + length));
      rest = rest.slice(at + length);
    }
  };
}
