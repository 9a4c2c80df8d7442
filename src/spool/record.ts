/**
 * Records of a spool segment: bytes to and from disk, no I/O.
 *
 * ```
 * crc32c u32 | length u32 | id u64 | wallMs u64 | payload          (little-endian; the checksum covers all after itself)
 * ```
 *
 * A segment is nothing but records, ids going up by one. What does not check is skipped byte by byte until something
 * checks again, so one flipped bit costs one record, wherever it is.
 */

import { crc32c } from "../core/crc32c.ts";

/** One record. */
export interface SpoolRecord {
  /** Goes up by one from record to record, over all segments. */
  readonly id: number;
  /** Wall clock when it was written, ms since 1970 UTC. */
  readonly wallMs: number;
  readonly payload: Uint8Array;
}

/** A segment's content. */
export interface ScannedRecords {
  readonly records: readonly SpoolRecord[];
  /** Bytes that are no record, after the last one: a write that was cut off, or a last record that is damaged. */
  readonly tailBytes: number;
}

/** Bytes of a record besides its payload. */
export const RECORD_HEADER_BYTES = 24;
/** Longest payload, bytes. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;

/** Records one after the other in one buffer. */
export function encodeRecords(records: readonly SpoolRecord[]): Uint8Array {
  const length = records.reduce((sum, { payload }) => sum + RECORD_HEADER_BYTES + payload.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { id, wallMs, payload } of records) {
    const end = at + RECORD_HEADER_BYTES + payload.length;
    view.setUint32(at + 4, payload.length, true);
    view.setBigUint64(at + 8, BigInt(id), true);
    view.setBigUint64(at + 16, BigInt(Math.max(0, Math.trunc(wallMs))), true);
    bytes.set(payload, at + RECORD_HEADER_BYTES);
    view.setUint32(at, crc32c(bytes.subarray(at + 4, end)), true);
    at = end;
  }
  return bytes;
}

/** Every record that checks and whose id is at least `firstId` and above the one before it; payloads are views of `bytes`. */
export function scanRecords(bytes: Uint8Array, firstId: number): ScannedRecords {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: SpoolRecord[] = [];
  let leastId = firstId;
  let end = 0;
  for (let at = 0; at < bytes.length;) {
    const record = recordAt(bytes, view, at);
    if (record !== null && record.id >= leastId) {
      records.push(record);
      leastId = record.id + 1;
      end = at += RECORD_HEADER_BYTES + record.payload.length;
    } else at++;
  }
  return { records, tailBytes: bytes.length - end };
}

// ---

/** The record that starts at `at`, or null. Text read as a length is far too long, so a search through it is cheap. */
function recordAt(bytes: Uint8Array, view: DataView, at: number): SpoolRecord | null {
  if (at + RECORD_HEADER_BYTES > bytes.length) return null;
  const length = view.getUint32(at + 4, true);
  const end = at + RECORD_HEADER_BYTES + length;
  if (length > PAYLOAD_BYTES_MAX || end > bytes.length) return null;
  if (view.getUint32(at, true) !== crc32c(bytes.subarray(at + 4, end))) return null;
  const id = Number(view.getBigUint64(at + 8, true));
  const wallMs = Number(view.getBigUint64(at + 16, true));
  return Number.isSafeInteger(id) ? { id, wallMs, payload: bytes.subarray(at + RECORD_HEADER_BYTES, end) } : null;
}
