/** Messages as spool records: the payload itself, which says what it is, and on the way back says that it is historical. */

import type { MessageKind } from "../core/messages.ts";
import type { Outgoing } from "./message_store.ts";
import type { Payload } from "./payload_schema.ts";
import { isId, STREAMS, topicOf } from "./topics.ts";

/** The kinds that a spool keeps; all of one quality of service, as a mix would lose the order. */
export const SPOOLED_KINDS = ["result", "event"] as const satisfies readonly MessageKind[];

/** One of `SPOOLED_KINDS`. */
export type SpooledKind = (typeof SPOOLED_KINDS)[number];

/** The kind of a record; null for what this version does not know. */
export function recordKind(record: Uint8Array): SpooledKind | null {
  return parse(record)?.kind ?? null;
}

/** A record as it goes over the wire, on the topic that it has today; null for what this version does not know. */
export function fromRecord(
  record: Uint8Array,
  root: { readonly baseTopic: string; readonly gatewayId: string },
): Outgoing | null {
  const parsed = parse(record);
  if (parsed === null) return null;
  const { kind, payload } = parsed;
  const camera = kind === "result" ? String(payload.camera) : "";
  if (kind === "result" && !isId(camera)) return null;
  const { schema, ts, seq, boot, synced, ...rest } = payload;
  return {
    topic: topicOf(kind, root, camera),
    message: {
      topicKey: kind,
      camera,
      seq,
      qos: STREAMS[kind].qos,
      retain: STREAMS[kind].retain,
      payload: JSON.stringify({ schema, ts, seq, boot, synced, historical: true, ...rest }),
      contentType: "application/json",
      schema,
      expiryS: null,
    },
  };
}

// ---

/** The checksum says that these are the bytes that were written, but another version may have written them. */
function parse(record: Uint8Array): { kind: SpooledKind; payload: Payload<SpooledKind> } | null {
  try {
    const payload = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(record));
    const kind = SPOOLED_KINDS.find((one) => payload.schema === `quartz.${one}.v1`);
    return kind === undefined ? null : { kind, payload };
  } catch {
    return null;
  }
}
