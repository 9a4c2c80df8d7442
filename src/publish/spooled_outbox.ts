/**
 * The queue of messages that must arrive, over a spool on disk.
 *
 * A message waits in memory first. What the broker has not acknowledged when the next sync comes is written to the spool,
 * many with one fsync; with a broker that answers nothing is ever written. What has still not been sent at the sync after
 * that is the spool's alone: *backlog*, which is read back, marked as historical and sent behind the messages of now and
 * no faster than a given rate. So a crash costs at most the messages since the last sync.
 */

import { assert } from "../core/assert.ts";
import { Busy } from "../core/busy.ts";
import type { Clock } from "../core/clock.ts";
import { type FileSystem, nodeFileSystem, systemCode } from "../core/file_system.ts";
import type { Problem } from "../core/messages.ts";
import { lockFolder } from "../spool/folder_lock.ts";
import { PAYLOAD_BYTES_MAX, type SpoolRecord } from "../spool/record.ts";
import { type LostRecords, openSpool, type Spool, type SpoolCounts } from "../spool/spool.ts";
import { type MessageStore, type Outgoing, type Tally, tallyDrop } from "./message_store.ts";
import type { Log } from "./mqtt_options.ts";
import { fromRecord, recordKind } from "./spooled_payload.ts";

/** Where the spool is and how it is used. */
export interface SpoolTerms {
  /** Of this gateway alone; made when it is not there. */
  readonly folder: string;
  readonly bytesMax: number;
  readonly ageMaxMs: number;
  /** Time between two writes; what a crash may cost. */
  readonly syncEveryMs: number;
  /** Most historical messages sent a second. */
  readonly backlogPerS: number;
  /** The machine's own by default, which other gateways may use as well: only there the folder is locked. */
  readonly files?: FileSystem;
}

/** What the queue needs besides. */
export interface SpooledOutboxParts {
  readonly terms: SpoolTerms;
  /** Most messages in memory: with a disk that does not take them, older ones are dropped and counted. */
  readonly outboxMax: number;
  readonly root: { readonly baseTopic: string; readonly gatewayId: string };
  readonly tally: Tally;
  readonly clock: Clock;
  readonly log: Log;
  /** There may be something to send. */
  readonly onReady: () => void;
  /** Messages on disk were dropped since it was last called, once a minute at most. */
  readonly onDropped: (count: number, reason: LostRecords["reason"]) => void;
}

interface Entry {
  readonly outgoing: Outgoing;
  /** In the spool; null while only in memory. */
  id: number | null;
  readonly isBacklog: boolean;
  /** Answered, or dropped. */
  isSettled: boolean;
  /** Its record is gone from the disk while it was on its way. */
  isOrphan: boolean;
}

const BACKLOG_EVERY_MS = 100;
const DROPPED_EVERY_US = 60e6;
/** After as many failures to open, segments that cannot be read are passed over. */
const OPEN_ATTEMPTS_MAX = 5;

/** See the head of this file. Starts working when made. */
export class SpooledOutbox implements MessageStore {
  /** Waiting for the disk. */
  readonly busy: Busy;
  readonly #parts: SpooledOutboxParts;
  readonly #loop: Promise<void>;
  #spool: Spool | null = null;
  #lock: Disposable | null = null;
  /** Not sent yet, oldest first. */
  #live: Entry[] = [];
  /** Read back from the spool, not sent yet, oldest first. */
  #backlog: Entry[] = [];
  readonly #lent = new Map<Outgoing, Entry>();
  #queued = 0;
  #wake = new AbortController();
  #isClosing = false;
  /** A session asked for backlog and there was none in memory. */
  #isBacklogWanted = false;
  #nextSyncUs: number;
  #nextBacklogUs = 0;
  #openFailures = 0;
  #problem: Problem | null = null;
  #dropped = { count: 0, reason: "cap" as LostRecords["reason"], toldUs: -Infinity };

  constructor(parts: SpooledOutboxParts) {
    this.#parts = parts;
    this.busy = new Busy(parts.clock);
    this.#nextSyncUs = parts.clock.nowUs(); // an earlier run's messages are wanted at once
    this.#loop = this.#run();
  }

  get queued(): number {
    return this.#queued;
  }
  /** Why messages do not reach the disk, or null. */
  get problem(): Problem | null {
    return this.#problem;
  }
  /** Null until the spool could be opened. */
  get spoolCounts(): SpoolCounts | null {
    return this.#spool?.counts ?? null;
  }

  /** Takes a message. */
  push(outgoing: Outgoing): void {
    const { outboxMax, tally } = this.#parts;
    if (Buffer.byteLength(outgoing.message.payload) > PAYLOAD_BYTES_MAX) {
      return tallyDrop(tally, outgoing.message.topicKey);
    }
    this.#queued++;
    this.#live.push({ outgoing, id: null, isBacklog: false, isSettled: false, isOrphan: false });
    if (this.#live.length * 2 === outboxMax) this.#syncNow();
    if (this.#live.length <= outboxMax) return;
    const oldest = this.#live.shift()!;
    if (oldest.id === null) this.#drop(oldest); // else it is backlog a little earlier
  }

  next(): Outgoing | undefined {
    const entry = this.#live.shift() ?? this.#backlog.shift();
    if (entry === undefined) {
      if (!this.#isBacklogWanted && (this.#spool?.pending ?? 0) > 0) {
        this.#isBacklogWanted = true;
        this.#wake.abort();
      }
      return undefined;
    }
    this.#lent.set(entry.outgoing, entry);
    return entry.outgoing;
  }

  settle(outgoing: Outgoing, delivered: boolean): void {
    const entry = this.#lent.get(outgoing);
    if (entry === undefined) return;
    this.#lent.delete(outgoing);
    if (!delivered) return this.#drop(entry);
    this.#parts.tally.published++;
    this.#forget(entry);
  }

  rewind(): void {
    this.#isBacklogWanted = false;
    const lent = [...this.#lent.values()];
    this.#lent.clear();
    for (const entry of lent) if (entry.isOrphan) this.#drop(entry);
    const waiting = lent.filter(({ isOrphan }) => !isOrphan);
    this.#live.unshift(...waiting.filter(({ isBacklog }) => !isBacklog));
    this.#backlog.unshift(...waiting.filter(({ isBacklog }) => isBacklog));
  }

  discard(): void {
    this.rewind();
    for (const entry of this.#live.splice(0)) if (entry.id === null) this.#drop(entry);
    this.#backlog = [];
  }

  /** Writes what is left, and lets go of the disk; `queued` is then what the spool keeps. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#wake.abort();
    await this.#loop;
    this.rewind();
    await this.#sync();
    await this.#spool?.close().catch((error) => this.#setProblem(error));
    this.#lock?.[Symbol.dispose]();
    this.discard();
  }

  // ---

  /** The only place where the spool is waited for, one call after the other. */
  async #run(): Promise<void> {
    const { clock, terms } = this.#parts;
    while (!this.#isClosing) {
      const untilUs = this.#isBacklogWanted ? Math.min(this.#nextSyncUs, this.#nextBacklogUs) : this.#nextSyncUs;
      await clock.sleep(Math.max(0, (untilUs - clock.nowUs()) / 1000), this.#wake.signal);
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      if (clock.nowUs() >= this.#nextSyncUs && !this.#isClosing) {
        this.busy.begin();
        await this.#sync();
        this.busy.end();
        this.#nextSyncUs = clock.nowUs() + terms.syncEveryMs * 1000;
      }
      if (this.#isBacklogWanted && clock.nowUs() >= this.#nextBacklogUs) {
        this.busy.begin();
        await this.#readBacklog();
        this.busy.end();
      }
    }
  }

  #syncNow(): void {
    this.#nextSyncUs = this.#parts.clock.nowUs();
    this.#wake.abort();
  }

  /** What waited through the last sync becomes backlog, what came since goes to the disk. */
  async #sync(): Promise<void> {
    try {
      if (this.#spool === null) {
        this.#spool = await this.#open();
        this.#parts.onReady();
      }
      this.#live = this.#live.filter(({ id }) => id === null);
      let waiting = [...this.#lent.values(), ...this.#live].filter(({ id, isOrphan }) => id === null && !isOrphan);
      while (waiting.length > 0) {
        const ids = await this.#spool.append(waiting.map(({ outgoing }) => encoder.encode(outgoing.message.payload)));
        ids.forEach((id, index) => {
          waiting[index].id = id;
          if (waiting[index].isSettled) this.#spool!.done(id);
        });
        waiting = waiting.slice(ids.length).filter(({ isSettled }) => !isSettled);
      }
      await this.#spool.maintain();
      this.#setProblem(null);
    } catch (error) {
      this.#setProblem(error);
    }
    this.#tellDropped();
  }

  async #open(): Promise<Spool> {
    const { terms, clock, tally } = this.#parts;
    const { folder, bytesMax, ageMaxMs, files = nodeFileSystem } = terms;
    const onLost = (lost: LostRecords) => this.#onLost(lost);
    await files.makeFolder(folder);
    if (files === nodeFileSystem) this.#lock ??= await lockFolder(folder);
    const skipUnreadable = this.#openFailures++ >= OPEN_ATTEMPTS_MAX;
    const spool = await openSpool({ folder, bytesMax, ageMaxMs, files, clock, onLost }, skipUnreadable);
    tally.recovered += spool.pending;
    this.#queued += spool.pending;
    const { damaged } = spool.counts;
    if (damaged > 0) this.#parts.log("warn", `${damaged} damaged records in the spool were passed over`, { folder });
    return spool;
  }

  async #readBacklog(): Promise<void> {
    const { terms, root, clock, onReady } = this.#parts;
    const everyMs = Math.max(BACKLOG_EVERY_MS, 1000 / terms.backlogPerS);
    this.#nextBacklogUs = clock.nowUs() + everyMs * 1000;
    this.#isBacklogWanted = false;
    try {
      const records = await this.#spool!.read(Math.round(terms.backlogPerS * everyMs / 1000), this.#heldId());
      for (const record of records) {
        const outgoing = fromRecord(record.payload, root);
        const entry = { outgoing, id: record.id, isBacklog: true, isSettled: false, isOrphan: false };
        if (outgoing === null) this.#dropRecord(record);
        else this.#backlog.push(entry as Entry);
      }
    } catch (error) {
      this.#setProblem(error);
    }
    onReady();
  }

  /** The first id that is still in memory, too: reading must wait for what becomes of it. */
  #heldId(): number {
    let least = Infinity;
    for (const { id, isBacklog } of [...this.#lent.values(), ...this.#live]) {
      if (id !== null && !isBacklog) least = Math.min(least, id);
    }
    return least;
  }

  /** Records are gone from the disk: those that wait are dropped, those on their way may still arrive. */
  #onLost({ reason, ids, records }: LostRecords): void {
    const gone = new Set(ids);
    for (const entry of this.#lent.values()) {
      if (entry.id === null || !gone.delete(entry.id)) continue;
      entry.isOrphan = true;
      entry.id = null;
    }
    const stays = ({ id }: Entry) => id === null || !gone.has(id);
    this.#live = this.#live.filter(stays);
    this.#backlog = this.#backlog.filter(stays);
    const kinds = new Map(records.map(({ id, payload }) => [id, recordKind(payload)]));
    for (const id of gone) tallyDrop(this.#parts.tally, kinds.get(id) ?? "result");
    this.#queued -= gone.size;
    this.#dropped.count += gone.size;
    this.#dropped.reason = reason;
  }

  #tellDropped(): void {
    const { clock, onDropped } = this.#parts;
    const { count, reason, toldUs } = this.#dropped;
    if (count === 0 || clock.nowUs() - toldUs < DROPPED_EVERY_US) return;
    this.#dropped = { count: 0, reason, toldUs: clock.nowUs() };
    onDropped(count, reason);
  }

  #drop(entry: Entry): void {
    tallyDrop(this.#parts.tally, entry.outgoing.message.topicKey);
    this.#forget(entry);
  }

  /** A record of another version of this program. */
  #dropRecord({ id }: SpoolRecord): void {
    this.#spool?.done(id);
    tallyDrop(this.#parts.tally, "result");
    this.#queued--;
  }

  #forget(entry: Entry): void {
    assert(!entry.isSettled, "a message was settled twice");
    entry.isSettled = true;
    this.#queued--;
    if (entry.id !== null) this.#spool?.done(entry.id);
  }

  /** Tells of a new problem once, and of its end. */
  #setProblem(error: unknown): void {
    const { clock, log, terms: { folder } } = this.#parts;
    if (error === null) {
      if (this.#problem !== null) log("info", `The spool in ${folder} works again`, { folder });
      this.#problem = null;
      return;
    }
    const found = error instanceof Error ? error.message : String(error);
    const text = `Cannot keep messages on disk as ${folder} must be this gateway's to write: found ${found}`;
    if (this.#problem?.text !== text) log("warn", text, { code: "publish.spool", found: systemCode(error) });
    this.#problem = { what: "spool", sinceWallMs: this.#problem?.sinceWallMs ?? clock.wallMs(), text };
  }
}

const encoder = new TextEncoder();
