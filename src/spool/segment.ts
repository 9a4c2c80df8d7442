/** One segment file of a spool as the program knows it, and how it is read back. */

import { join } from "node:path";
import type { FileSystem } from "../core/file_system.ts";
import { IdSet } from "./id_set.ts";
import { RECORD_HEADER_BYTES, type ScannedRecords, scanRecords } from "./record.ts";

/** A file of records with ids from `firstId` on. */
export interface Segment {
  readonly path: string;
  readonly firstId: number;
  /** Above every id in it. */
  nextId: number;
  /** Bytes that count; a failed write may have left more in the file. */
  bytes: number;
  /** When the newest record was written, wall ms. */
  newestWallMs: number;
  /** Wall clock less monotonic clock when this run wrote it, ms; null: an earlier run's. */
  readonly clockOffsetMs: number | null;
  /** Records still to be delivered. */
  readonly pending: IdSet;
}

/** A segment read back from disk, and what was wrong with it. */
export interface FoundSegment {
  readonly segment: Segment;
  /** Ids that should be there and are not. */
  readonly missingIds: readonly number[];
  /** The end of the file is no record: a write was cut off, or its last record is damaged. */
  readonly isTorn: boolean;
}

const NAME = /^(\d{16})\.spool$/;
/** A segment may be longer than today's settings make them, but not by any amount. */
const SEGMENT_BYTES_READ_MAX = 64 * 1024 * 1024;
/** No segment has more records. */
export const SEGMENT_RECORDS_MAX = Math.ceil(SEGMENT_BYTES_READ_MAX / RECORD_HEADER_BYTES);

/** A segment without records yet. */
export function newSegment(folder: string, firstId: number, clockOffsetMs: number | null = null): Segment {
  const path = join(folder, `${String(firstId).padStart(16, "0")}.spool`);
  return { path, firstId, nextId: firstId, bytes: 0, newestWallMs: 0, clockOffsetMs, pending: new IdSet(firstId) };
}

/** First ids of the segments among a folder's names, ascending; other names are passed over. */
export function segmentIds(names: readonly string[]): number[] {
  return names.map((name) => NAME.exec(name)?.[1]).filter((id) => id !== undefined).map(Number).sort((a, b) => a - b);
}

/** Reads a whole segment; every record in it counts as pending. */
export async function findSegment(files: FileSystem, folder: string, firstId: number): Promise<FoundSegment> {
  const segment = newSegment(folder, firstId);
  segment.bytes = Math.min(await files.size(segment.path), SEGMENT_BYTES_READ_MAX);
  const scanned = await readSegment(files, segment);
  const missingIds: number[] = [];
  for (const { id, wallMs } of scanned.records) {
    // A gap is a few records; a jump over more is no gap but a file that was tampered with.
    for (let missing = segment.nextId; missing < Math.min(id, segment.nextId + segment.bytes); missing++) {
      missingIds.push(missing);
    }
    segment.pending.add(id);
    segment.nextId = id + 1;
    segment.newestWallMs = Math.max(segment.newestWallMs, wallMs);
  }
  return { segment, missingIds, isTorn: scanned.tailBytes > 0 };
}

/** The segment's records as they are on disk now. */
export async function readSegment(files: FileSystem, segment: Segment): Promise<ScannedRecords> {
  const bytes = await files.read(segment.path, { offset: 0, lengthMax: segment.bytes });
  return scanRecords(bytes, segment.firstId);
}
