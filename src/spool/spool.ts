/**
 * A queue on disk: append-only segment files, oldest first out, bounded in bytes and age.
 *
 * What `append` resolved for survives SIGKILL and a power cut. What was delivered and not yet noted by the cursor comes
 * again after one. Eviction is `unlink`, the one operation that a full disk allows and that frees space.
 *
 * One owner, one call at a time (`done` excepted, which may come at any time); one folder, one spool.
 */

import { join } from "node:path";
import { assert } from "../core/assert.ts";
import { type Clock, WALL_MS_PLAUSIBLE } from "../core/clock.ts";
import { type FileSystem, type OpenFile, systemCode } from "../core/file_system.ts";
import { type Cursor, readCursor, writeCursor } from "./cursor.ts";
import { encodeRecords, PAYLOAD_BYTES_MAX, RECORD_HEADER_BYTES, type SpoolRecord } from "./record.ts";
import { findSegment, newSegment, readSegment, type Segment, SEGMENT_RECORDS_MAX, segmentIds } from "./segment.ts";

/** Where, and how much. */
export interface SpoolOptions {
  readonly folder: string;
  /** Most bytes of all segments together; at least `SPOOL_BYTES_MIN`. */
  readonly bytesMax: number;
  /** Older records are dropped, ms: this run's by the monotonic clock, earlier ones by their dates where both are plausible. */
  readonly ageMaxMs: number;
  readonly files: FileSystem;
  readonly clock: Clock;
  /** Pending records that will not be delivered any more. */
  readonly onLost: (lost: LostRecords) => void;
}

/** Records that were dropped. */
export interface LostRecords {
  /** `cap`: over `bytesMax`; `full`: the disk is; `expired`: over `ageMaxMs`; `damaged`: what is on disk does not check. */
  readonly reason: "cap" | "full" | "expired" | "damaged";
  readonly ids: readonly number[];
  /** Those of them that could be read. */
  readonly records: readonly SpoolRecord[];
}

/** Since the spool was opened, records; `bytes` and `segments` as they are. */
export interface SpoolCounts {
  readonly written: number;
  readonly evicted: number;
  readonly expired: number;
  readonly damaged: number;
  readonly bytes: number;
  readonly segments: number;
}

/** A difference between the two clocks that grew by this was a step of the date, and no slow correction. */
const CLOCK_STEP_MS = 60_000;
/** Fewer bytes than this would leave no room for a few segments of a few records. */
export const SPOOL_BYTES_MIN = 8 * 4 * PAYLOAD_BYTES_MAX;

/** The cap over this is a segment's length: evicting takes an eighth of the spool at most. */
const SEGMENTS_A_SPOOL = 8;
const SEGMENT_BYTES_MAX = 1024 * 1024;
/** Every start begins a segment, so that their number needs a limit of its own. */
const SEGMENTS_MAX = 1024;
/** Most segments given up for one write: a disk that others fill must not cost the whole spool at once. */
const EVICTIONS_A_WRITE_MAX = 4;
/** After as many failed reads a segment is given up, so that it does not block the ones behind it. */
const READ_ATTEMPTS_MAX = 5;

/**
 * Opens a spool, making its folder when there is none; damaged records are skipped and counted.
 * Rejects with the system's error when the folder or a segment cannot be read; with `skipUnreadable` such a segment is
 * left for the next start instead, so that one bad sector does not keep the rest.
 */
export async function openSpool(options: SpoolOptions, skipUnreadable = false): Promise<Spool> {
  const { files, folder } = options;
  await files.makeFolder(folder);
  const found = await readCursor(files, cursorPath(folder)).catch((error) => {
    if (skipUnreadable) return "damaged" as const;
    throw error;
  });
  const cursor = found === "damaged" ? null : found;
  const spool = new Spool(options, cursor);
  for (const firstId of segmentIds(await files.list(folder))) await spool.adopt(firstId, cursor, skipUnreadable);
  // Ids may start again without a cursor, so that an old one that becomes readable must never be believed.
  if (found === "damaged") await spool.maintain();
  return spool;
}

/** See `openSpool`. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #segmentBytesMax: number;
  /** Ascending ids, no overlap; the last may be the active one. */
  readonly #segments: Segment[] = [];
  #active: { readonly segment: Segment; readonly file: OpenFile } | null = null;
  #nextId = 1;
  #pending = 0;
  /** Records read ahead, and the id from which to read on. */
  #readAhead: SpoolRecord[] = [];
  #readId = 0;
  #readFailures = 0;
  #savedNextId: number;
  /** First id of a segment that was left for the next start: the cursor must not pass it. */
  #skippedId = Infinity;
  #written = 0;
  readonly #lost = { cap: 0, full: 0, expired: 0, damaged: 0 };

  /** For `openSpool`. */
  constructor(options: SpoolOptions, cursor: Cursor | null) {
    assert(options.bytesMax >= SPOOL_BYTES_MIN, `a spool of ${options.bytesMax} bytes is too small`);
    this.#options = options;
    this.#segmentBytesMax = Math.min(SEGMENT_BYTES_MAX, Math.floor(options.bytesMax / SEGMENTS_A_SPOOL));
    this.#nextId = Math.max(1, cursor?.nextId ?? 1, ...(cursor?.ahead ?? []).map(([, to]) => to));
    this.#savedNextId = cursor?.nextId ?? 0; // 0: never equal, so that the first `maintain` writes one
  }

  /** Records not yet delivered. */
  get pending(): number {
    return this.#pending;
  }
  get counts(): SpoolCounts {
    const { cap, full, expired, damaged } = this.#lost;
    const { length: segments } = this.#segments;
    return { written: this.#written, evicted: cap + full, expired, damaged, bytes: this.#bytes, segments };
  }

  /** For `openSpool`: takes in a segment of an earlier run. */
  async adopt(firstId: number, cursor: Cursor | null, skipUnreadable: boolean): Promise<void> {
    const { files, folder } = this.#options;
    const found = await findSegment(files, folder, firstId).catch((error) => error as Error);
    if (found instanceof Error) {
      if (!skipUnreadable) throw found;
      this.#nextId = Math.max(this.#nextId, firstId + SEGMENT_RECORDS_MAX);
      this.#skippedId = Math.min(this.#skippedId, firstId);
      return;
    }
    const { segment, missingIds, isTorn } = found;
    const isDone = (id: number) =>
      cursor !== null && (id < cursor.nextId || cursor.ahead.some(([from, to]) => id >= from && id < to));
    for (const id of [...segment.pending].filter(isDone)) segment.pending.delete(id);
    this.#lost.damaged += missingIds.filter((id) => !isDone(id)).length + (isTorn ? 1 : 0);
    this.#nextId = Math.max(this.#nextId, segment.nextId);
    if (segment.pending.size === 0) {
      await files.remove(segment.path).catch(() => {}); // it will be found and removed again
      return;
    }
    this.#pending += segment.pending.size;
    this.#segments.push(segment);
  }

  /**
   * Appends as many of `payloads` as one write takes, at least the first, and resolves with their ids when they are safe.
   * Rejects with the system's error when none is: on a full disk only after giving up old segments did not help.
   */
  async append(payloads: readonly Uint8Array[]): Promise<number[]> {
    let bytes = 0;
    const fits = ({ length }: Uint8Array) => (bytes += RECORD_HEADER_BYTES + length) <= this.#segmentBytesMax;
    const end = payloads.findIndex((payload) => !fits(payload));
    const batch = end < 0 ? payloads : payloads.slice(0, Math.max(1, end));
    for (let evictions = 0;; evictions++) {
      try {
        return await this.#write(batch);
      } catch (error) {
        const isFull = ["ENOSPC", "EDQUOT"].includes(systemCode(error));
        if (!isFull || evictions >= EVICTIONS_A_WRITE_MAX || !await this.#evictOldest("full")) throw error;
      }
    }
  }

  /**
   * The next records to deliver, oldest first, each once; fewer than `countMax` when there are no more below `beforeId`.
   * Rejects with the system's error; a segment that fails again and again is given up and counted as damaged.
   */
  async read(countMax: number, beforeId = Infinity): Promise<SpoolRecord[]> {
    const found: SpoolRecord[] = [];
    const expired: SpoolRecord[] = [];
    while (found.length < countMax) {
      if (this.#readAhead.length === 0 && !await this.#readOn()) break;
      const record = this.#readAhead[0];
      if (record.id >= beforeId) break;
      this.#readAhead.shift(); // at most a segment's records, and those are few
      const segment = this.#segmentOf(record.id);
      if (segment === undefined || !segment.pending.has(record.id)) continue;
      if (this.#ageMs(segment, record.wallMs) <= this.#options.ageMaxMs) found.push(record);
      else if (this.done(record.id)) expired.push(record);
    }
    if (expired.length > 0) this.#report({ reason: "expired", ids: expired.map(({ id }) => id), records: expired });
    return found;
  }

  /** The record was delivered, or is not wanted any more. False when it was not pending (evicted meanwhile, say). */
  done(id: number): boolean {
    const wasPending = this.#segmentOf(id)?.pending.delete(id) ?? false;
    if (wasPending) this.#pending--;
    return wasPending;
  }

  /** Removes what is done or too old, and notes how far delivery has come. Rejects with the system's error. */
  async maintain(): Promise<void> {
    const { files, folder, ageMaxMs } = this.#options;
    for (const segment of [...this.#segments]) {
      if (segment.pending.size > 0 || segment === this.#active?.segment) continue;
      await files.remove(segment.path);
      this.#forget(segment);
    }
    while (this.#segments.length > 0 && this.#ageMs(this.#segments[0], this.#segments[0].newestWallMs) > ageMaxMs) {
      if (this.#segments[0] === this.#active?.segment) await this.#closeActive();
      await this.#drop(this.#segments[0], "expired");
    }
    const nextId = this.#firstPendingId();
    if (nextId === this.#savedNextId) return;
    await writeCursor(files, cursorPath(folder), { nextId, ahead: [] });
    this.#savedNextId = nextId;
  }

  /** Notes exactly what is done and lets go of the files. Rejects with the system's error, having let go all the same. */
  async close(): Promise<void> {
    const { files, folder } = this.#options;
    await this.#closeActive();
    for (const segment of this.#segments.filter(({ pending }) => pending.size === 0)) await files.remove(segment.path);
    await writeCursor(files, cursorPath(folder), this.#cursor());
  }

  // ---

  get #bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #segmentOf(id: number): Segment | undefined {
    return this.#segments.findLast(({ firstId }) => firstId <= id);
  }

  /** How long ago a record was written, ms, as far as the clocks know: a step of the date makes nothing old. */
  #ageMs({ clockOffsetMs }: Segment, writtenWallMs: number): number {
    const { clock } = this.#options;
    if (clockOffsetMs !== null) return clock.nowUs() / 1000 + clockOffsetMs - writtenWallMs;
    const isKnown = writtenWallMs >= WALL_MS_PLAUSIBLE && clock.wallMs() >= WALL_MS_PLAUSIBLE;
    return isKnown ? clock.wallMs() - writtenWallMs : 0;
  }

  /** Writes and syncs a batch; ids that were tried are never used again, whatever became of them. */
  async #write(payloads: readonly Uint8Array[]): Promise<number[]> {
    const { bytesMax, clock } = this.#options;
    const wallMs = clock.wallMs();
    const clockOffsetMs = wallMs - clock.nowUs() / 1000;
    const records = payloads.map((payload) => {
      assert(payload.length <= PAYLOAD_BYTES_MAX, `a record of ${payload.length} bytes`);
      return { id: this.#nextId++, wallMs, payload };
    });
    const bytes = encodeRecords(records);
    const last = this.#active?.segment;
    const isStepped = last !== undefined && Math.abs(last.clockOffsetMs! - clockOffsetMs) > CLOCK_STEP_MS;
    if (isStepped || (last !== undefined && last.bytes + bytes.length > this.#segmentBytesMax)) {
      await this.#closeActive();
    }
    while (this.#bytes + bytes.length > bytesMax || this.#segments.length >= SEGMENTS_MAX) {
      if (!await this.#evictOldest("cap")) break;
    }
    const { segment, file } = this.#active ??= await this.#begin(records[0].id, clockOffsetMs);
    try {
      await file.append(bytes);
      await file.sync();
    } catch (error) {
      await this.#abandonActive();
      throw error;
    }
    for (const { id } of records) segment.pending.add(id);
    segment.bytes += bytes.length;
    segment.nextId = this.#nextId;
    segment.newestWallMs = Math.max(segment.newestWallMs, wallMs);
    this.#pending += records.length;
    this.#written += records.length;
    return records.map(({ id }) => id);
  }

  async #begin(firstId: number, clockOffsetMs: number): Promise<{ segment: Segment; file: OpenFile }> {
    const { files, folder } = this.#options;
    const segment = newSegment(folder, firstId, clockOffsetMs);
    const file = await files.create(segment.path);
    try {
      await files.syncFolder(folder);
    } catch (error) {
      await file.close().catch(() => {});
      await files.remove(segment.path).catch(() => {});
      throw error;
    }
    this.#segments.push(segment);
    return { segment, file };
  }

  async #closeActive(): Promise<void> {
    const active = this.#active;
    this.#active = null;
    await active?.file.close().catch(() => {}); // all of it was synced
  }

  /** After a failed write nobody knows what the file's end holds: it is cut off, and the next write begins a new file. */
  async #abandonActive(): Promise<void> {
    const { segment, file } = this.#active!;
    await file.truncate(segment.bytes).catch(() => {});
    await this.#closeActive();
    if (segment.bytes > 0) return;
    await this.#options.files.remove(segment.path).catch(() => {});
    this.#forget(segment);
  }

  /** False when there is nothing to evict: the active segment stays. */
  async #evictOldest(reason: "cap" | "full"): Promise<boolean> {
    const oldest = this.#segments[0];
    if (oldest === undefined || oldest === this.#active?.segment) return false;
    await this.#drop(oldest, reason);
    return true;
  }

  async #drop(segment: Segment, reason: LostRecords["reason"]): Promise<void> {
    const { files } = this.#options;
    const scanned = segment.pending.size === 0 ? null : await readSegment(files, segment).catch(() => null);
    await files.remove(segment.path);
    const records = (scanned?.records ?? []).filter(({ id }) => segment.pending.has(id));
    const ids = [...segment.pending];
    this.#forget(segment);
    if (ids.length > 0) this.#report({ reason, ids, records });
  }

  #forget(segment: Segment): void {
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#pending -= segment.pending.size;
    this.#readAhead = this.#readAhead.filter(({ id }) => id < segment.firstId || id >= segment.nextId);
  }

  #report(lost: LostRecords): void {
    this.#lost[lost.reason] += lost.ids.length;
    this.#options.onLost(lost);
  }

  /** Reads the next segment that has unread records; false when there is none. */
  async #readOn(): Promise<boolean> {
    const segment = this.#segments.find(({ nextId, pending }) => nextId > this.#readId && pending.size > 0);
    if (segment === undefined) return false;
    const { nextId } = segment;
    let records: readonly SpoolRecord[];
    try {
      ({ records } = await readSegment(this.#options.files, segment));
      this.#readFailures = 0;
    } catch (error) {
      if (++this.#readFailures < READ_ATTEMPTS_MAX) throw error;
      this.#readFailures = 0;
      records = [];
    }
    const present = new Set(records.map(({ id }) => id));
    const fromId = Math.max(this.#readId, segment.firstId);
    const gone = [...segment.pending].filter((id) => id >= fromId && id < nextId && !present.has(id));
    for (const id of gone) this.done(id);
    this.#readAhead = records.filter(({ id }) => id >= fromId && id < nextId);
    this.#readId = nextId;
    if (gone.length > 0) this.#report({ reason: "damaged", ids: gone, records: [] });
    return this.#readAhead.length > 0 || await this.#readOn();
  }

  /** Everything below it is done. */
  #firstPendingId(): number {
    for (const { pending } of this.#segments) {
      for (const id of pending) return Math.min(id, this.#skippedId);
    }
    return Math.min(this.#nextId, this.#skippedId);
  }

  /** What is done, exactly. */
  #cursor(): Cursor {
    const nextId = this.#firstPendingId();
    const ahead: [number, number][] = [];
    if (this.#skippedId < Infinity) return { nextId, ahead };
    let from = nextId;
    for (const { pending } of this.#segments) {
      for (const id of pending) {
        if (id > from) ahead.push([from, id]);
        from = id + 1;
      }
    }
    if (from < this.#nextId) ahead.push([from, this.#nextId]);
    return { nextId, ahead };
  }
}

function cursorPath(folder: string): string {
  return join(folder, "cursor");
}
