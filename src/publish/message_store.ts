/** Where messages wait for the broker: the seam between the publisher and its queues (memory now, a disk spool beside it). */

import { assert } from "../core/assert.ts";
import type { MessageKind } from "../core/messages.ts";
import type { EncodedMessage, StreamKey } from "./payload.ts";

/** One encoded message and its full topic. Compared by identity. */
export interface Outgoing {
  readonly topic: string;
  readonly message: EncodedMessage;
  /** Of an answer: what the asker knows it by (MQTT 5 only). */
  readonly correlation?: Uint8Array;
  /** When `publish` took it, µs of the monotonic clock; absent when that was in an earlier run, or it came from disk. */
  readonly acceptedAtUs?: number;
}

/**
 * Messages that wait, and messages that are lent to a session until it settles them.
 *
 * The publisher calls `next` whenever its session has room, `settle` once for each message that the broker answered, and
 * `rewind` when a session ended, whose unsettled messages then wait again, in front of the others and in their order.
 */
export interface MessageStore {
  /** Waiting and lent ones. */
  readonly queued: number;
  /** Lends the message whose turn it is; undefined when none waits. */
  next(): Outgoing | undefined;
  /** Ends a loan: delivered, or refused for good. A message that is not lent is passed over. */
  settle(outgoing: Outgoing, delivered: boolean): void;
  rewind(): void;
  /** Drops and counts everything that does not outlive the program. */
  discard(): void;
}

/** What became of messages that no longer wait; shared by the stores of one publisher. */
export interface Tally {
  /** Of an earlier run, found on disk. */
  recovered: number;
  published: number;
  replaced: number;
  dropped: number;
  readonly droppedByKind: Record<MessageKind, number>;
}

/** All at 0. */
export function createTally(): Tally {
  return {
    recovered: 0,
    published: 0,
    replaced: 0,
    dropped: 0,
    droppedByKind: { info: 0, health: 0, latency: 0, power: 0, cameraStatus: 0, state: 0, result: 0, event: 0 },
  };
}

/** Counts one dropped message. */
export function tallyDrop(tally: Tally, kind: StreamKey): void {
  assert(kind !== "response" && kind !== "announcement", "what is no message of the runtime was counted as one");
  tally.dropped++;
  tally.droppedByKind[kind]++;
}
