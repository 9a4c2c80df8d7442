/** One end of a link: messages in and out of a transport, whatever they mean. Both the host's and the board's side use it. */

import { EdgeError, LinkError } from "../core/errors.ts";
import type { Clock } from "../core/clock.ts";
import type { Transport } from "../ports/transport.ts";
import { type LinkStats, zeroLinkStats } from "./link_stats.ts";
import { type Bodies, decodeBody, encodeBody, type Kind, type Message, MESSAGES } from "./messages/all.ts";
import { BODY_BYTES_MAX, encodePacket, framePacket, type Packet, type PacketHeader } from "./packet.ts";
import { createPacketReader } from "./packet_reader.ts";
import { ByteWriter } from "./wire.ts";

/** What a channel is made with. */
export interface ChannelOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** A good message. Byte arrays in it are lent until this returns. */
  readonly onMessage: (message: Message, packet: Packet) => void;
  /** A good packet whose body is no message of this version. */
  readonly onBadBody?: (error: LinkError, packet: Packet) => void;
}

/** Most bytes that wait to be written; packets beyond are dropped and counted, as if the line had lost them. */
export const TX_BYTES_MAX = 2 ** 22;

/** Reads from when it is made until the transport ends. */
export class Channel {
  readonly stats: LinkStats = zeroLinkStats();
  /** Resolves, never rejects, when nothing more will come or go: with why, or null when closed in good order. */
  readonly ended: Promise<LinkError | null>;
  readonly #options: ChannelOptions;
  readonly #writer = new ByteWriter(BODY_BYTES_MAX);
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #pump: Promise<void> = Promise.resolve();
  #isPumping = false;
  #isEnded = false;
  #error: LinkError | null = null;
  #lastHeardUs: number;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#lastHeardUs = options.clock.nowUs();
    this.ended = this.#read();
  }

  /** When the last good packet came, or the channel was made. */
  get lastHeardUs(): number {
    return this.#lastHeardUs;
  }

  /**
   * A message as it goes over this transport, for `sendBytes`, and its body, which is lent until the next call.
   *
   * @throws {LinkError} `link.range` when a value has no place on the wire
   */
  encode<K extends Kind>(kind: K, body: Bodies[K], header: Omit<PacketHeader, "type">): {
    readonly line: Uint8Array;
    readonly body: Uint8Array;
  } {
    const bytes = encodeBody(kind, body, this.#writer);
    const packet = encodePacket({ type: MESSAGES[kind].type, ...header }, bytes);
    return { line: framePacket(packet, this.#options.transport.framing), body: bytes };
  }

  /** Sends a message; `encode` and `sendBytes` in one. */
  send<K extends Kind>(kind: K, body: Bodies[K], header: Omit<PacketHeader, "type">): void {
    this.sendBytes(this.encode(kind, body, header).line);
  }

  /** Queues bytes that `encode` made; never throws and never waits. They must not change any more. */
  sendBytes(line: Uint8Array): void {
    if (this.#isEnded) return;
    if (this.#queuedBytes + line.length > TX_BYTES_MAX) {
      this.stats.txDropped++;
      return;
    }
    this.#queue.push(line);
    this.#queuedBytes += line.length;
    if (!this.#isPumping) this.#pump = this.#write();
  }

  /** Resolves when what was sent has been handed to the transport, or the channel ended. */
  async drain(): Promise<void> {
    await this.#pump;
  }

  /** Ends the channel and closes the transport, with `error` as the reason. */
  async close(error: LinkError | null = null): Promise<void> {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#error = error;
    }
    await this.#options.transport.close();
    await this.#pump;
    await this.ended;
  }

  async #read(): Promise<LinkError | null> {
    const { transport, clock } = this.#options;
    const reader = createPacketReader({
      framing: transport.framing,
      stats: this.stats,
      onPacket: (packet) => {
        this.#lastHeardUs = clock.nowUs();
        this.#take(packet);
      },
    });
    try {
      // One turn later, so that the owner has its channel before the first message comes.
      await Promise.resolve();
      for (let chunk = await transport.read(); chunk !== null; chunk = await transport.read()) reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#isEnded = true;
    this.#queue.length = 0;
    await transport.close();
    return this.#error;
  }

  #take(packet: Packet): void {
    let message: Message;
    try {
      message = decodeBody(packet.type, packet.body);
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      this.stats[error.code === "link.unknown_type" ? "unknownType" : "badBody"]++;
      this.#options.onBadBody?.(error, packet);
      return;
    }
    this.#options.onMessage(message, packet);
  }

  async #write(): Promise<void> {
    this.#isPumping = true;
    try {
      for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) {
        await this.#options.transport.write(line);
        this.#queuedBytes -= line.length;
        this.stats.txPackets++;
        this.stats.txBytes += line.length;
      }
    } catch (error) {
      this.#fail(error);
      this.#queue.length = 0;
      // Wakes the reader, which ends the channel.
      await this.#options.transport.close();
    }
    this.#isPumping = false;
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { name } = this.#options.transport;
    this.#error = error instanceof LinkError ? error : new LinkError(
      "link.internal",
      `Lost the link over ${name} to an error of its own: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error, hint: error instanceof EdgeError ? error.hint : "This is a bug in quartz-edge" },
    );
  }
}
