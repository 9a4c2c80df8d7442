/**
 * Finds the message on which a broker closes the connection, so that it does not hold up everything behind it for ever.
 *
 * MQTT 3.1.1 has no other way to refuse a message, and some brokers of MQTT 5 know none. A broker that dies, or a line
 * that breaks, looks the same from here. Hence a message is given up only when it was the first one unanswered in
 * `STRIKES_MAX` sessions in a row, in all of which other messages were answered.
 */

import type { Outgoing } from "./message_store.ts";

/** Sessions that a message may end before it is given up. */
export const STRIKES_MAX = 5;
/**
 * After so many closed connections messages go one at a time, until so many were answered: answers that were on their
 * way are lost with a connection, so that of many messages under way any may look like the first one unanswered.
 */
const CAREFUL_CLOSINGS = 2;
const CAREFUL_MESSAGES = 256;
/** As long, messages at least as long on the same topic are refused without trying. */
const REFUSED_US = 600e6;
const REFUSED_TOPICS_MAX = 256;

/** What one publisher knows of such messages. */
export class PoisonWatch {
  #suspect: string | null = null;
  #strikes = 0;
  /** Connections closed since so many messages were answered. */
  #closings = 0;
  #answered = 0;
  /** By topic. */
  readonly #refused = new Map<string, { readonly leastLength: number; readonly untilUs: number }>();

  /** True while one message at a time should be under way. */
  get isCareful(): boolean {
    return this.#closings >= CAREFUL_CLOSINGS;
  }

  /** The broker answered: whatever was thought of this message was wrong. */
  answered(outgoing: Outgoing): void {
    if (this.#closings > 0 && ++this.#answered >= CAREFUL_MESSAGES) this.#closings = this.#answered = 0;
    if (this.#suspect === null || keyOf(outgoing) !== this.#suspect) return;
    this.#suspect = null;
    this.#strikes = 0;
  }

  /** The broker closed the connection with `first` as the first one unanswered. True: it is to be given up. */
  strike(first: Outgoing, nowUs: number): boolean {
    const key = keyOf(first);
    this.#strikes = key === this.#suspect ? this.#strikes + 1 : 1;
    this.#suspect = key;
    this.#closings++;
    this.#answered = 0;
    if (this.#strikes < STRIKES_MAX) return false;
    this.#suspect = null;
    this.#strikes = this.#closings = 0;
    const [oldest] = this.#refused.keys();
    if (this.#refused.size >= REFUSED_TOPICS_MAX) this.#refused.delete(oldest);
    this.#refused.set(first.topic, { leastLength: first.message.payload.length, untilUs: nowUs + REFUSED_US });
    return true;
  }

  /** True for a message that is no better than one that was given up. */
  refuses({ topic, message }: Outgoing, nowUs: number): boolean {
    if (this.#refused.size === 0) return false;
    const refused = this.#refused.get(topic);
    return refused !== undefined && nowUs < refused.untilUs && message.payload.length >= refused.leastLength;
  }
}

// ---

/** A kept topic is one message, however often it is worded anew. */
function keyOf({ topic, message }: Outgoing): string {
  return message.retain ? topic : `${topic} ${message.seq}`;
}
