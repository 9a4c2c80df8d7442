/** The newest message of every topic that the broker keeps, to be sent when new and again after every connect. */

import { type MessageStore, type Outgoing, type Tally, tallyDrop } from "./message_store.ts";

/** Most topics: one `info`, one `health`, two a camera. */
export const RETAINED_TOPICS_MAX = 4096;

/** One slot a topic. */
export interface RetainedSlots extends MessageStore {
  /** The topic's new message; one of the topic that still waited counts as replaced. Announcements are in no count. */
  put(outgoing: Outgoing): void;
  /** The same message in newer words: replaces the topic's content and its place in the counts. */
  reword(outgoing: Outgoing): void;
  /** Makes every topic wait to be sent again: `firstTopic`, then announcements, then the others. */
  resendAll(firstTopic: string): void;
}

/** No topics yet. */
export function createRetainedSlots(tally: Tally): RetainedSlots {
  const slots = new Map<string, Outgoing>();
  const waitingTopics = new Set<string>();
  const lent = new Set<Outgoing>();
  /** Messages that no count has yet; a message sent again after a reconnect must not be counted again. */
  const uncounted = new Set<Outgoing>();

  return {
    get queued() {
      return uncounted.size;
    },
    put(outgoing) {
      const old = slots.get(outgoing.topic);
      if (old === undefined && slots.size >= RETAINED_TOPICS_MAX) {
        if (isCounted(outgoing)) tallyDrop(tally, outgoing.message.topicKey);
        return;
      }
      // An old one that is lent is on its way: it ends in `settle` or `rewind`.
      if (old !== undefined && !lent.has(old) && uncounted.delete(old)) tally.replaced++;
      slots.set(outgoing.topic, outgoing);
      if (isCounted(outgoing)) uncounted.add(outgoing);
      waitingTopics.add(outgoing.topic);
    },
    reword(outgoing) {
      const old = slots.get(outgoing.topic);
      if (old === undefined) return;
      slots.set(outgoing.topic, outgoing);
      if (uncounted.delete(old)) uncounted.add(outgoing);
    },
    resendAll(firstTopic) {
      waitingTopics.clear();
      if (slots.has(firstTopic)) waitingTopics.add(firstTopic);
      for (const [topic, outgoing] of slots) if (!isCounted(outgoing)) waitingTopics.add(topic);
      for (const topic of slots.keys()) waitingTopics.add(topic);
    },
    next() {
      for (const topic of waitingTopics) {
        waitingTopics.delete(topic);
        const outgoing = slots.get(topic);
        if (outgoing === undefined) continue;
        lent.add(outgoing);
        return outgoing;
      }
      return undefined;
    },
    settle(outgoing, delivered) {
      if (!lent.delete(outgoing)) return;
      // An empty payload makes the broker forget the topic: there is nothing to remind it of.
      if (outgoing.message.payload === "" && slots.get(outgoing.topic) === outgoing) slots.delete(outgoing.topic);
      if (!uncounted.delete(outgoing)) return;
      if (delivered) tally.published++;
      else tallyDrop(tally, outgoing.message.topicKey);
    },
    rewind() {
      for (const outgoing of lent) {
        if (slots.get(outgoing.topic) === outgoing) waitingTopics.add(outgoing.topic);
        else if (uncounted.delete(outgoing)) tally.replaced++;
      }
      lent.clear();
    },
    discard() {
      for (const outgoing of uncounted) tallyDrop(tally, outgoing.message.topicKey);
      uncounted.clear();
      waitingTopics.clear();
      lent.clear();
    },
  };
}

// ---

function isCounted({ message }: Outgoing): boolean {
  return message.topicKey !== "announcement";
}
