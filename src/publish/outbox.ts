/** A bounded queue in memory for messages that the broker does not keep. */

import type { MessageKind } from "../core/messages.ts";
import { type MessageStore, type Outgoing, type Tally, tallyDrop } from "./message_store.ts";

/** Who goes first when the queue is full: the oldest waiting message of the first of these that has one. */
export const OUTBOX_DROP_ORDER = ["latency", "power", "result", "event"] as const satisfies readonly MessageKind[];

/** The queue; `push` is for its owner, the rest for the publisher's session. */
export interface Outbox extends MessageStore {
  /** Takes a message; when that makes one too many, drops one by `OUTBOX_DROP_ORDER`. Lent ones are never dropped. */
  push(outgoing: Outgoing): void;
}

/** An empty queue of at most `outboxMax` messages, lent ones included. */
export function createOutbox(outboxMax: number, tally: Tally): Outbox {
  // One queue a rank of OUTBOX_DROP_ORDER, so that dropping is as cheap as sending.
  const waiting = OUTBOX_DROP_ORDER.map(() => new Fifo<Outgoing>());
  const lent = new Set<Outgoing>();
  const count = () => waiting.reduce((sum, fifo) => sum + fifo.length, lent.size);
  const fifoOf = (outgoing: Outgoing) => {
    const rank = OUTBOX_DROP_ORDER.indexOf(outgoing.message.topicKey as (typeof OUTBOX_DROP_ORDER)[number]);
    return waiting[rank < 0 ? waiting.length - 1 : rank];
  };

  return {
    get queued() {
      return count();
    },
    push(outgoing) {
      fifoOf(outgoing).push(outgoing);
      if (count() <= outboxMax) return;
      const victim = waiting.find((fifo) => fifo.length > 0)?.shift();
      if (victim !== undefined) tallyDrop(tally, victim.message.topicKey);
    },
    next() {
      let oldest: Fifo<Outgoing> | undefined;
      for (const fifo of waiting) {
        const seq = fifo.first?.message.seq;
        if (seq !== undefined && seq < (oldest?.first?.message.seq ?? Infinity)) oldest = fifo;
      }
      const outgoing = oldest?.shift();
      if (outgoing !== undefined) lent.add(outgoing);
      return outgoing;
    },
    settle(outgoing, delivered) {
      if (!lent.delete(outgoing)) return;
      if (delivered) tally.published++;
      else tallyDrop(tally, outgoing.message.topicKey);
    },
    rewind() {
      for (const outgoing of [...lent].reverse()) fifoOf(outgoing).unshift(outgoing);
      lent.clear();
    },
    discard() {
      this.rewind();
      for (const fifo of waiting) {
        for (let gone = fifo.shift(); gone !== undefined; gone = fifo.shift()) tallyDrop(tally, gone.message.topicKey);
      }
    },
  };
}

// ---

/** A queue over an array with a moving head: `Array.shift` would move every element of a long outage. */
class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }
  get first(): Item | undefined {
    return this.#items[this.#head];
  }
  push(item: Item): void {
    this.#items.push(item);
  }
  unshift(item: Item): void {
    if (this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.unshift(item);
  }
  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }
}
