/** Requests and their replies: each request settles, with its own reply, a reason, or the end of the link. */

import type { Clock } from "../core/clock.ts";
import { LinkError } from "../core/errors.ts";
import { assert } from "../core/assert.ts";
import { fromBoardError } from "./board_error.ts";
import type { Channel } from "./channel.ts";
import type { Bodies, Kind, Message } from "./messages/all.ts";

/** How long and how often a request is tried. */
export interface RequestLimits {
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** Attempts in all; more than one only for what may be repeated. */
  readonly attemptsMax: number;
}

/** Most requests under way at a time. */
export const REQUESTS_MAX = 256;
/** Pause before asking again a board that said "later". */
const BUSY_PAUSE_MS = 20;

interface Pending {
  reply: Message | null;
  /** Ends the wait of the present attempt. */
  timer: AbortController;
}

/** The requests of one session. A retry is the same bytes again, so the other side can tell it from a new request. */
export class Requests {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #session: number;
  readonly #pending = new Map<number, Pending>();
  #seq = 0;
  #end: LinkError | null = null;

  constructor(channel: Channel, options: { readonly clock: Clock; readonly session: number }) {
    this.#channel = channel;
    this.#clock = options.clock;
    this.#session = options.session;
  }

  /** The number of the next packet. */
  nextSeq(): number {
    const seq = this.#seq;
    this.#seq = (seq + 1) >>> 0;
    return seq;
  }

  /**
   * Sends a message and waits for its reply.
   *
   * @param check sees the encoded body before it is sent; for the frames' checksum
   * @throws {LinkError} `link.timeout` after the last attempt; `link.CODE` when the board answered with an error;
   *   `link.range`; `link.busy` with too many requests under way; the reason of the end once the link has ended
   */
  async request<K extends Kind, R extends Kind>(
    kind: K,
    body: Bodies[K],
    replyKind: R,
    limits: RequestLimits,
    check?: (body: Uint8Array) => void,
  ): Promise<Bodies[R]> {
    if (this.#end !== null) throw this.#end;
    if (this.#pending.size >= REQUESTS_MAX) {
      throw new LinkError("link.busy", `Cannot send ${kind} as at most ${REQUESTS_MAX} requests may be under way`);
    }
    const seq = this.nextSeq();
    const encoded = this.#channel.encode(kind, body, { seq, session: this.#session, flags: 0 });
    check?.(encoded.body);
    const pending: Pending = { reply: null, timer: new AbortController() };
    assert(!this.#pending.has(seq), "a request's number is free");
    this.#pending.set(seq, pending);
    this.#channel.stats.requests++;
    try {
      const reply = await this.#attempts(kind, encoded.line, pending, limits);
      if (reply.kind === replyKind) return reply.body as Bodies[R];
      throw new LinkError(
        "link.protocol",
        `Cannot use the reply to ${kind} as it must be ${replyKind}: found ${reply.kind}`,
      );
    } finally {
      this.#pending.delete(seq);
    }
  }

  /** Hands a reply to the request that waits for it; false when none does. */
  deliver(seq: number, reply: Message): boolean {
    const pending = this.#pending.get(seq);
    if (pending === undefined || pending.reply !== null) return false;
    pending.reply = reply;
    pending.timer.abort();
    return true;
  }

  /** The link is over: every request fails with `reason`. */
  end(reason: LinkError): void {
    this.#end ??= reason;
    for (const { timer } of this.#pending.values()) timer.abort();
  }

  async #attempts(kind: Kind, line: Uint8Array, pending: Pending, limits: RequestLimits): Promise<Message> {
    const { stats } = this.#channel;
    let busy: LinkError | null = null;
    for (let attempt = 1; attempt <= limits.attemptsMax; attempt++) {
      if (attempt > 1) stats.retries++;
      this.#channel.sendBytes(line);
      await this.#clock.sleep(limits.timeoutMs, pending.timer.signal);
      if (this.#end !== null) throw this.#end;
      const { reply } = pending;
      if (reply === null) {
        stats.timeouts++;
        busy = null;
        continue;
      }
      if (reply.kind !== "error") return reply;
      busy = fromBoardError(reply.body);
      if (!reply.body.marks.retryable) throw busy;
      // Listening goes on during the pause, for the answer to an earlier attempt.
      pending.timer = new AbortController();
      pending.reply = null;
      await this.#clock.sleep(BUSY_PAUSE_MS, pending.timer.signal);
      if (this.#end !== null) throw this.#end;
      const late = pending.reply as Message | null;
      if (late !== null && late.kind !== "error") return late;
      pending.timer = new AbortController();
      pending.reply = null;
    }
    if (busy !== null) throw busy;
    const waitedMs = limits.timeoutMs * limits.attemptsMax;
    throw new LinkError(
      "link.timeout",
      `Cannot get an answer to ${kind} as it must come within ${waitedMs} ms: found none after ${limits.attemptsMax} attempt(s)`,
      { facts: { kind, attempts: limits.attemptsMax, waitedMs } },
    );
  }
}
