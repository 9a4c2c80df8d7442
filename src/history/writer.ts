/** Hands rows to the thread that writes them, keeps what could not be written, and says what is wrong. */

import { Worker } from "node:worker_threads";
import type { Clock } from "../core/clock.ts";
import type { HistoryTerms } from "./history_file.ts";
import type { HistoryReply, HistoryRequest } from "./history_worker.ts";
import type { KeptRow } from "./tables.ts";

/** What a writer is made of. */
export interface WriterOptions extends HistoryTerms {
  readonly clock: Clock;
  /** Told when writing begins to fail (why), and with null when it works again. */
  readonly onProblem: (text: string | null) => void;
  /** Told what happened once, for the log. */
  readonly onNote: (text: string) => void;
}

/** Most rows that wait; the oldest go first, and are counted. */
export const WAITING_ROWS_MAX = 20_000;
/** How long closing waits for the last rows, ms. */
const CLOSE_MS_MAX = 3000;

/** Never throws and never waits, but for disposing, which writes what waits. */
export class HistoryWriter implements AsyncDisposable {
  readonly #options: WriterOptions;
  #worker: Worker | null = null;
  #waiting: KeptRow[] = [];
  /** Rows under way. */
  #sent: readonly KeptRow[] | null = null;
  #onIdle: (() => void) | null = null;
  #isClosing = false;
  #dropped = 0;
  #written = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    // Ahead of the first rows: a slow machine takes a while to start a thread.
    this.#worker = this.#startThread();
  }

  /** Rows that never reached the file. */
  get dropped(): number {
    return this.#dropped;
  }
  get written(): number {
    return this.#written;
  }

  /** Takes rows; they go out with the next request. */
  write(rows: readonly KeptRow[]): void {
    if (this.#isClosing) {
      this.#dropped += rows.length;
      return;
    }
    this.#waiting.push(...rows);
    this.#cut();
    this.#send();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#send();
    this.#isClosing = true;
    if (this.#sent !== null) await this.#within(new Promise((resolve) => this.#onIdle = resolve));
    this.#dropped += this.#waiting.length + (this.#sent?.length ?? 0);
    if (this.#dropped > 0) this.#options.onNote(`${this.#dropped} rows of the history were not written`);
    await this.#closeFile();
  }

  /** Closes the database, so that its log is folded in; a thread that does not answer is ended all the same. */
  async #closeFile(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    const closed = new Promise<void>((resolve) => worker.once("message", () => resolve()));
    worker.postMessage({ rows: null, nowMs: 0 } satisfies HistoryRequest);
    await this.#within(closed);
    await worker.terminate();
  }

  /** Waits for `done`, but not for ever. */
  async #within(done: Promise<void>): Promise<void> {
    const cancel = new AbortController();
    await Promise.race([done, this.#options.clock.sleep(CLOSE_MS_MAX, cancel.signal)]);
    cancel.abort();
  }

  #send(): void {
    if (this.#sent !== null || this.#waiting.length === 0) return;
    this.#sent = this.#waiting;
    this.#waiting = [];
    this.#worker ??= this.#startThread();
    this.#worker.postMessage({ rows: this.#sent, nowMs: this.#options.clock.wallMs() } satisfies HistoryRequest);
  }

  #startThread(): Worker {
    const { path, daysMax, bytesMax } = this.#options;
    const worker = new Worker(new URL("./history_worker.ts", import.meta.url), {
      workerData: { path, daysMax, bytesMax } satisfies HistoryTerms,
    });
    worker.on("message", (reply: HistoryReply) => this.#settle(reply));
    // The next rows start another one.
    worker.on("error", (error) => {
      this.#worker = null;
      if (this.#sent !== null) {
        this.#settle({ failure: `its thread ended: ${error instanceof Error ? error.message : error}` });
      }
    });
    return worker;
  }

  #settle(reply: HistoryReply): void {
    const sent = this.#sent;
    if (sent === null) return;
    this.#sent = null;
    const { path, onProblem, onNote } = this.#options;
    if (reply.failure !== null) {
      // They go out again with the next rows.
      this.#waiting = [...sent, ...this.#waiting];
      this.#cut();
      onProblem(`Cannot write the history ${JSON.stringify(path)}: ${reply.failure}`);
    } else {
      this.#written += reply.written;
      onProblem(null);
      if (reply.damage !== null) {
        onNote(`The history ${path} was damaged (${reply.damage}): it is ${path}.damaged now, and a new one begins`);
      }
      if (this.#isClosing) this.#send();
    }
    if (this.#sent === null) this.#onIdle?.();
  }

  #cut(): void {
    const surplus = this.#waiting.length - WAITING_ROWS_MAX;
    if (surplus <= 0) return;
    this.#waiting.splice(0, surplus);
    this.#dropped += surplus;
  }
}
