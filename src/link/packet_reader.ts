/** Bytes in any pieces in, whole and undamaged packets out. Never holds more than one packet. */

import { LinkError } from "../core/errors.ts";
import type { Framing } from "../ports/transport.ts";
import { cobsBytesMax, cobsDecode } from "./cobs.ts";
import type { LinkStats } from "./link_stats.ts";
import { CRC_BYTES, decodePacket, HEADER_BYTES, type Packet, PACKET_BYTES_MAX } from "./packet.ts";

/** What a reader is made with. */
export interface PacketReaderOptions {
  readonly framing: Framing;
  /** Raised where a packet is found bad. */
  readonly stats: LinkStats;
  /** Called for each good packet, whose body is lent until it returns. */
  readonly onPacket: (packet: Packet) => void;
  /** Longest packet taken; `PACKET_BYTES_MAX` when absent. */
  readonly packetBytesMax?: number;
}

/** Takes bytes; may be given them in any pieces. */
export interface PacketReader {
  /** @throws {LinkError} `link.framing` when a length prefix is impossible: such a stream has no way back */
  push(chunk: Uint8Array): void;
}

/** A reader for one framing. */
export function createPacketReader(options: PacketReaderOptions): PacketReader {
  return options.framing === "cobs" ? new CobsReader(options) : new LengthReader(options);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Packets between zeros: what is not a packet costs itself only, since the next zero starts afresh. */
class CobsReader implements PacketReader {
  readonly #options: PacketReaderOptions;
  readonly #piece: Uint8Array;
  #used = 0;
  /** The piece got too long: pass over the rest of it. */
  #isSkipping = false;

  constructor(options: PacketReaderOptions) {
    this.#options = options;
    this.#piece = new Uint8Array(cobsBytesMax(options.packetBytesMax ?? PACKET_BYTES_MAX));
  }

  push(chunk: Uint8Array): void {
    this.#options.stats.rxBytes += chunk.length;
    let from = 0;
    for (let zero = chunk.indexOf(0); zero >= 0; zero = chunk.indexOf(0, from)) {
      this.#append(chunk.subarray(from, zero));
      this.#finish();
      from = zero + 1;
    }
    this.#append(chunk.subarray(from));
  }

  #append(bytes: Uint8Array): void {
    const { stats } = this.#options;
    if (this.#isSkipping) {
      stats.rxRejectedBytes += bytes.length;
    } else if (this.#used + bytes.length > this.#piece.length) {
      stats.badOversize++;
      stats.rxRejectedBytes += this.#used + bytes.length;
      this.#isSkipping = true;
    } else {
      this.#piece.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  #finish(): void {
    const length = this.#used;
    this.#used = 0;
    if (this.#isSkipping) {
      this.#isSkipping = false;
    } else if (length > 0) {
      const decoded = cobsDecode(this.#piece, length);
      if (decoded >= 0) return take(this.#piece.subarray(0, decoded), length, this.#options);
      this.#options.stats.badCobs++;
      this.#options.stats.rxRejectedBytes += length;
    }
  }
}

/** Packets behind their length: for transports that lose nothing. */
class LengthReader implements PacketReader {
  readonly #options: PacketReaderOptions;
  readonly #packet: Uint8Array;
  readonly #prefix = new Uint8Array(4);
  #prefixUsed = 0;
  #used = 0;
  #length = 0;
  #isBroken = false;

  constructor(options: PacketReaderOptions) {
    this.#options = options;
    this.#packet = new Uint8Array(options.packetBytesMax ?? PACKET_BYTES_MAX);
  }

  push(chunk: Uint8Array): void {
    this.#options.stats.rxBytes += chunk.length;
    let from = 0;
    while (from < chunk.length && !this.#isBroken) {
      if (this.#prefixUsed < 4) {
        this.#prefix[this.#prefixUsed++] = chunk[from++];
        if (this.#prefixUsed === 4) this.#checkPrefix();
        continue;
      }
      const count = Math.min(chunk.length - from, this.#length - this.#used);
      this.#packet.set(chunk.subarray(from, from + count), this.#used);
      this.#used += count;
      from += count;
      if (this.#used < this.#length) return;
      this.#prefixUsed = 0;
      this.#used = 0;
      take(this.#packet.subarray(0, this.#length), this.#length, this.#options);
    }
    this.#options.stats.rxRejectedBytes += chunk.length - from;
  }

  #checkPrefix(): void {
    const [a, b, c, d] = this.#prefix;
    this.#length = a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
    const least = HEADER_BYTES + CRC_BYTES;
    if (this.#length >= least && this.#length <= this.#packet.length) return;
    this.#isBroken = true;
    this.#options.stats.badPrefix++;
    const expected = `${least} to ${this.#packet.length}`;
    throw new LinkError("link.framing", `Cannot go on reading as a length must be ${expected}: found ${this.#length}`, {
      hint: "The other side speaks another protocol, or COBS where a length is expected",
    });
  }
}

/** One whole packet, good or bad; `onLine` is how many bytes it was. */
function take(bytes: Uint8Array, onLine: number, { stats, onPacket }: PacketReaderOptions): void {
  const packet = decodePacket(bytes);
  if (typeof packet === "string") {
    stats[packet]++;
    stats.rxRejectedBytes += onLine;
  } else {
    stats.rxPackets++;
    onPacket(packet);
  }
}
