/** A look into a spool's folder that changes nothing: what waits there, and what of it is damaged. */

import { join } from "node:path";
import type { FileSystem } from "../core/file_system.ts";
import { readCursor } from "./cursor.ts";
import type { SpoolRecord } from "./record.ts";
import { findSegment, readSegment, segmentIds } from "./segment.ts";

/** What a folder holds. */
export interface SpoolContent {
  readonly segments: number;
  readonly records: number;
  /** Records that are still to be delivered. */
  readonly pending: number;
  /** Records that should be there and are not, and segments that end in what is no record. */
  readonly damaged: number;
  readonly bytes: number;
  readonly cursor: "none" | "good" | "damaged";
}

/**
 * Reads every segment. `onPending` is given each record that is still to be delivered, oldest first.
 * Rejects with the system's error, `ENOENT` when there is no such folder.
 */
export async function inspectSpool(
  files: FileSystem,
  folder: string,
  onPending: (record: SpoolRecord) => void = () => {},
): Promise<SpoolContent> {
  const names = await files.list(folder);
  const found = await readCursor(files, join(folder, "cursor"));
  const cursor = found === null || found === "damaged" ? { nextId: 0, ahead: [] } : found;
  const isDone = (id: number) => id < cursor.nextId || cursor.ahead.some(([from, to]) => id >= from && id < to);
  let records = 0;
  let pending = 0;
  let damaged = 0;
  let bytes = 0;
  const ids = segmentIds(names);
  for (const firstId of ids) {
    const { segment, missingIds, isTorn } = await findSegment(files, folder, firstId);
    damaged += missingIds.filter((id) => !isDone(id)).length + (isTorn ? 1 : 0);
    bytes += segment.bytes;
    for (const record of (await readSegment(files, segment)).records) {
      records++;
      if (isDone(record.id)) continue;
      pending++;
      onPending(record);
    }
  }
  const state = found === null ? "none" : found === "damaged" ? "damaged" : "good";
  return { segments: ids.length, records, pending, damaged, bytes, cursor: state };
}
