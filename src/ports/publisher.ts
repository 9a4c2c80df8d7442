/** The seam between the runtime and whatever takes its messages away. */

import type { Message, MessageKind, Problem } from "../core/messages.ts";

/**
 * Delivers messages, or keeps them for a while, or counts them as dropped; never in the caller's way.
 *
 * Every message ends in exactly one count, so at any time
 * messages given to `publish` + recovered = published + replaced + queued + dropped.
 *
 * A publisher may have a spool: `result` and `event` messages that cannot be delivered then go to disk, survive the end
 * of the program, and are `recovered` and delivered by the next one. Messages from disk are marked as historical; they
 * arrive in their order, but messages of now go before them.
 *
 * Order: messages that the receiver does not keep (`result`, `event`, `latency`, `power`) arrive in the order of `publish`, each stream by
 * itself; after an outage some may arrive twice, with the same `seq`. Of messages that the receiver keeps (`info`,
 * `health`, `cameraStatus`, `state`) only the newest of a topic is worth sending: a newer one replaces one that still
 * waits, and the newest is sent again whenever the receiver may have forgotten it.
 *
 * A full queue drops the oldest waiting `latency`, then `power`, and only when none waits the oldest waiting `result`. A message that
 * is already on its way is never dropped for another.
 */
export interface Publisher extends AsyncDisposable {
  /** Takes a message. Never throws and never waits; after `stop` the message counts as dropped. */
  publish(message: Message): void;
  /** `connecting` while an attempt is under way, `offline` between attempts and after `stop`. */
  readonly state: PublisherState;
  readonly counts: PublisherCounts;
  /** Why messages are not getting out, or null when they are. Has no secret in it. */
  readonly problem: Problem | null;
  /**
   * Hands over what it can within 3 s, says goodbye, closes. What is left counts as dropped, or stays in the spool and
   * counts as queued. Never rejects; a second call returns the first one's promise. Disposing is the same as stopping.
   */
  stop(): Promise<void>;
}

/** See `Publisher.state`. */
export type PublisherState = "connecting" | "online" | "offline";

/** What became of the messages since the start. */
export interface PublisherCounts {
  /** Found in the spool of an earlier run. */
  readonly recovered: number;
  /** Waiting in memory or on disk, or sent and not yet acknowledged. */
  readonly queued: number;
  /** Acknowledged by the receiver (QoS 1), or written to the socket (QoS 0). */
  readonly published: number;
  /** A newer one of the same topic came before it was delivered. */
  readonly replaced: number;
  /** Lost: queue or spool full, refused by the receiver, not encodable, too old, or left over at `stop`. */
  readonly dropped: number;
  readonly droppedByKind: Readonly<Record<MessageKind, number>>;
}
