/**
 * A packet: 16 bytes of header, the body of one message, and a checksum over both. Little endian.
 *
 * ```
 *  0        1        2                 4
 * +--------+--------+-----------------+-----------------------------------+
 * |version | type   | flags           | seq                               |
 * +--------+--------+-----------------+-----------------------------------+
 * | session                           | length of body                    |
 * +-----------------------------------+-----------------------------------+
 * | body (length bytes) …             | CRC-32C of all before             |
 * +-----------------------------------+-----------------------------------+
 * ```
 */

import type { Framing } from "../ports/transport.ts";
import { cobsBytesMax, cobsEncode } from "./cobs.ts";
import { crc32c } from "../core/crc32c.ts";

/** Version of the header. */
export const PROTOCOL_VERSION = 1;
/** Of the header. */
export const HEADER_BYTES = 16;
/** Of the checksum. */
export const CRC_BYTES = 4;
/** Largest packet, header and checksum included. */
export const PACKET_BYTES_MAX = 2 ** 18;
/** Largest body. */
export const BODY_BYTES_MAX = PACKET_BYTES_MAX - HEADER_BYTES - CRC_BYTES;
/** Bit of `flags`: this packet answers the request whose `seq` it has. */
export const FLAG_REPLY = 1;

/** What stands in front of a body. */
export interface PacketHeader {
  readonly type: number;
  readonly flags: number;
  /** Of a request: counts the sender's packets. Of a reply: that of its request. */
  readonly seq: number;
  /** Chosen by the host when it says hello; every packet of the session has it. */
  readonly session: number;
}

/** A packet that passed every check. The body is lent until the reader is given more bytes. */
export interface Packet extends PacketHeader {
  readonly body: Uint8Array;
}

/** Why bytes are no packet. */
export type PacketFault = "badShort" | "badCrc" | "badVersion" | "badLength";

/** A packet, without framing. */
export function encodePacket(header: PacketHeader, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, PROTOCOL_VERSION);
  view.setUint8(1, header.type);
  view.setUint16(2, header.flags, true);
  view.setUint32(4, header.seq, true);
  view.setUint32(8, header.session, true);
  view.setUint32(12, body.length, true);
  bytes.set(body, HEADER_BYTES);
  const end = HEADER_BYTES + body.length;
  view.setUint32(end, crc32c(bytes.subarray(0, end)), true);
  return bytes;
}

/** Checks a packet and takes it apart; the checksum first, so that nothing of a damaged packet is looked at. */
export function decodePacket(bytes: Uint8Array): Packet | PacketFault {
  const end = bytes.length - CRC_BYTES;
  if (end < HEADER_BYTES) return "badShort";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end, true) !== crc32c(bytes.subarray(0, end))) return "badCrc";
  if (view.getUint8(0) !== PROTOCOL_VERSION) return "badVersion";
  if (view.getUint32(12, true) !== end - HEADER_BYTES) return "badLength";
  return {
    type: view.getUint8(1),
    flags: view.getUint16(2, true),
    seq: view.getUint32(4, true),
    session: view.getUint32(8, true),
    body: bytes.subarray(HEADER_BYTES, end),
  };
}

/**
 * A packet as it goes over the line.
 *
 * `cobs`: zero, stuffed bytes, zero. The zero in front makes a packet safe from rubbish before it, for one byte.
 * `length`: its length as u32, then the packet.
 */
export function framePacket(packet: Uint8Array, framing: Framing): Uint8Array {
  if (framing === "cobs") {
    const framed = new Uint8Array(cobsBytesMax(packet.length) + 2);
    const end = cobsEncode(packet, framed, 1);
    return framed.subarray(0, end + 1);
  }
  const framed = new Uint8Array(4 + packet.length);
  new DataView(framed.buffer).setUint32(0, packet.length, true);
  framed.set(packet, 4);
  return framed;
}
