/** Every message: its number on the wire and its codec. */

import { LinkError } from "../../core/errors.ts";
import type { Codec } from "../codec.ts";
import { ByteReader, type ByteWriter, malformed } from "../wire.ts";
import { type Bye, bye } from "./bye.ts";
import { type Caps, caps } from "./caps.ts";
import { config, type LinkConfig } from "./config.ts";
import { type Credit, credit } from "./credit.ts";
import { type BoardError, error } from "./error.ts";
import { frame, type FrameInput } from "./frame.ts";
import { type Hello, hello } from "./hello.ts";
import { type ImageBegin, imageBegin } from "./image_begin.ts";
import { type ImageChunk, imageChunk } from "./image_chunk.ts";
import { type ImageCommit, imageCommit } from "./image_commit.ts";
import { type ImageStatus, imageStatus } from "./image_status.ts";
import { type Ping, ping } from "./ping.ts";
import { type Pong, pong } from "./pong.ts";
import { type Reset, reset } from "./reset.ts";
import { type FrameResult, result } from "./result.ts";
import { type Spikes, spikes } from "./spikes.ts";
import { type SpikesRead, spikesRead } from "./spikes_read.ts";
import { type BoardTelemetry, telemetry } from "./telemetry.ts";
import { timeReq, type TimeRequest } from "./time_req.ts";
import { type TimeResponse, timeRsp } from "./time_rsp.ts";

/** The body of each message by its name. */
export interface Bodies {
  readonly hello: Hello;
  readonly caps: Caps;
  readonly bye: Bye;
  readonly error: BoardError;
  readonly ping: Ping;
  readonly pong: Pong;
  readonly time_req: TimeRequest;
  readonly time_rsp: TimeResponse;
  readonly config: LinkConfig;
  readonly reset: Reset;
  readonly image_begin: ImageBegin;
  readonly image_chunk: ImageChunk;
  readonly image_commit: ImageCommit;
  readonly image_status: ImageStatus;
  readonly frame: FrameInput;
  readonly credit: Credit;
  readonly result: FrameResult;
  readonly spikes_read: SpikesRead;
  readonly spikes: Spikes;
  readonly telemetry: BoardTelemetry;
}

/** A message's name. */
export type Kind = keyof Bodies;
/** A message with its name. */
export type Message = { readonly [K in Kind]: { readonly kind: K; readonly body: Bodies[K] } }[Kind];

/** Number and codec of every message. */
export const MESSAGES: { readonly [K in Kind]: { readonly type: number; readonly codec: Codec<Bodies[K]> } } = {
  hello: { type: 0x01, codec: hello },
  caps: { type: 0x02, codec: caps },
  bye: { type: 0x03, codec: bye },
  error: { type: 0x04, codec: error },
  ping: { type: 0x05, codec: ping },
  pong: { type: 0x06, codec: pong },
  time_req: { type: 0x07, codec: timeReq },
  time_rsp: { type: 0x08, codec: timeRsp },
  config: { type: 0x09, codec: config },
  reset: { type: 0x0a, codec: reset },
  image_begin: { type: 0x10, codec: imageBegin },
  image_chunk: { type: 0x11, codec: imageChunk },
  image_commit: { type: 0x12, codec: imageCommit },
  image_status: { type: 0x13, codec: imageStatus },
  frame: { type: 0x20, codec: frame },
  credit: { type: 0x21, codec: credit },
  result: { type: 0x22, codec: result },
  spikes_read: { type: 0x23, codec: spikesRead },
  spikes: { type: 0x24, codec: spikes },
  telemetry: { type: 0x30, codec: telemetry },
};

const KIND_OF_TYPE = new Map((Object.keys(MESSAGES) as Kind[]).map((kind) => [MESSAGES[kind].type, kind]));

/**
 * Writes a body into `writer`, which is reset first; the result is lent until its next use.
 *
 * @throws {LinkError} `link.range` when a value has no place on the wire
 */
export function encodeBody<K extends Kind>(kind: K, body: Bodies[K], writer: ByteWriter): Uint8Array {
  writer.reset();
  MESSAGES[kind].codec.write(writer, body, kind);
  return writer.written;
}

/**
 * Reads a body, all of it. Byte arrays in it are lent: they are part of the packet.
 *
 * @throws {LinkError} `link.unknown_type`; `link.malformed` when the bytes are no such message
 */
export function decodeBody(type: number, bytes: Uint8Array): Message {
  const kind = KIND_OF_TYPE.get(type);
  if (kind === undefined) {
    throw new LinkError("link.unknown_type", `Cannot decode a message as its type must be known: found ${type}`);
  }
  const reader = new ByteReader(bytes);
  const body = MESSAGES[kind].codec.read(reader, kind);
  if (reader.left > 0) throw malformed(kind, "nothing behind its last field", `${reader.left} bytes`);
  return { kind, body } as Message;
}
