/** What a session was sent and has not answered, and, when the broker closes it, whether one of these messages is to blame. */

import type { MessageStore, Outgoing } from "./message_store.ts";
import { PoisonWatch } from "./poison_watch.ts";

/** A message and the store that lent it. */
export interface Lent {
  readonly outgoing: Outgoing;
  readonly store: MessageStore;
}

/** Of one publisher, over all its sessions. */
export class UnderWay {
  readonly #poison = new PoisonWatch();
  /** Oldest first. */
  readonly #sent = new Map<Outgoing, MessageStore>();
  /** What this session has answered so far. */
  #hasStatus = false;
  #hasMessage = false;

  /** Most messages that should be under way, where the session takes `sessionMax`. */
  most(sessionMax: number): number {
    return this.#poison.isCareful ? 1 : sessionMax;
  }

  /** True for a message that is not to be tried. */
  refuses(outgoing: Outgoing, nowUs: number): boolean {
    return this.#poison.refuses(outgoing, nowUs);
  }

  /** A session begins. */
  begin(): void {
    this.#sent.clear();
    this.#hasStatus = this.#hasMessage = false;
  }

  add({ outgoing, store }: Lent): void {
    this.#sent.set(outgoing, store);
  }

  /** The session's own status was answered. */
  answeredStatus(): void {
    this.#hasStatus = true;
  }

  answered(outgoing: Outgoing): void {
    this.#sent.delete(outgoing);
    if (outgoing.message.qos > 0) this.#hasMessage = true; // else it was only the socket
    this.#poison.answered(outgoing);
  }

  /** The session was closed because of a message, perhaps; gives the one that is to be given up for it. */
  blame(nowUs: number): Lent | null {
    const [first] = this.#sent;
    if (first === undefined) return null;
    const [outgoing, store] = first;
    // A session that answered nothing else says nothing about this message.
    const isTelling = outgoing.message.retain ? this.#hasStatus : this.#hasMessage;
    return isTelling && this.#poison.strike(outgoing, nowUs) ? { outgoing, store } : null;
  }
}
