/** Answers to commands on their way out: few, in order, and forgotten with the session that they belong to. */

import type { MessageStore, Outgoing } from "./message_store.ts";
import { commandTopics } from "./topics.ts";

/** Most answers that wait; those over it are lost, as their askers ask faster than the broker takes answers. */
export const RESPONSES_MAX = 64;
/** Longest topic that an asker may want its answer on, bytes. */
const RESPONSE_TOPIC_BYTES_MAX = 512;

/** The queue; `push` is for its owner, the rest for the publisher's session. */
export interface Responses extends MessageStore {
  push(topic: string, answer: string, correlation: Uint8Array | null): void;
}

/** An empty queue. Answers are no messages of the runtime: no tally counts them. */
export function createResponses(): Responses {
  let waiting: Outgoing[] = [];
  return {
    queued: 0,
    push(topic, answer, correlation) {
      if (waiting.length >= RESPONSES_MAX) return;
      const message = {
        topicKey: "response" as const,
        camera: "",
        seq: 0,
        qos: 1 as const,
        retain: false,
        payload: answer,
        contentType: "application/json" as const,
        schema: "quartz.response.v1",
        expiryS: null,
      };
      waiting.push({ topic, message, ...(correlation === null ? {} : { correlation }) });
    },
    next: () => waiting.shift(),
    settle() {},
    rewind() {
      waiting = [];
    },
    discard() {
      waiting = [];
    },
  };
}

/**
 * Where an answer goes: the topic that the asker named, if a gateway may be talked into publishing there, else `fallback`.
 * Below the base topic only this gateway's own answers are allowed, so that nobody commands one gateway through another.
 */
export function responseTopic(
  wanted: string | undefined,
  verb: string,
  root: { readonly baseTopic: string; readonly gatewayId: string },
): string {
  const { responsePrefix } = commandTopics(root);
  const fallback = responsePrefix + verb;
  if (wanted === undefined || wanted === "" || Buffer.byteLength(wanted) > RESPONSE_TOPIC_BYTES_MAX) return fallback;
  if (/[+#\0]/.test(wanted) || wanted.startsWith("$")) return fallback;
  const isOurs = wanted === root.baseTopic || wanted.startsWith(`${root.baseTopic}/`);
  return !isOurs || wanted.startsWith(responsePrefix) ? wanted : fallback;
}
