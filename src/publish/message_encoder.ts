/** Messages of one run as they go out: numbered, dated, under their topics. */

import { assert } from "../core/assert.ts";
import type { Message } from "../core/messages.ts";
import type { Outgoing } from "./message_store.ts";
import type { CheckedOptions } from "./mqtt_options.ts";
import { type EncodedMessage, encodeMessage } from "./payload.ts";
import { isId, STREAMS, topicOf } from "./topics.ts";

/** Topics kept ready; more are built each time. */
const TOPICS_CACHED_MAX = 4096;

/** Numbers messages from 0. */
export class MessageEncoder {
  /** What the broker was last spoken to in; null before the first connection. */
  protocol: "5" | "3.1.1" | null = null;
  readonly #options: Pick<CheckedOptions, "baseTopic" | "gatewayId" | "boot" | "isSynced" | "clock">;
  readonly #topics = new Map<string, string>();
  #seq = 0;

  constructor(options: Pick<CheckedOptions, "baseTopic" | "gatewayId" | "boot" | "isSynced" | "clock">) {
    this.#options = options;
  }

  /** @throws {Error} when the message has no topic, as its camera has no id; its number is then given to the next one */
  encode(message: Message): Outgoing {
    const { clock, boot, isSynced } = this.#options;
    const encoded = encodeMessage(message, {
      tsWallMs: clock.wallMs(),
      seq: this.#seq,
      boot,
      synced: isSynced(),
      mqttProtocol: this.protocol,
    });
    const outgoing = { topic: this.#topicFor(encoded), message: encoded, acceptedAtUs: clock.nowUs() };
    this.#seq++;
    return outgoing;
  }

  /** Topics are few and used often: each is built, and its camera checked, once. */
  #topicFor({ topicKey, camera }: EncodedMessage): string {
    assert(topicKey !== "response" && topicKey !== "announcement", "it has a topic of its own");
    const cacheKey = `${topicKey} ${camera}`;
    let topic = this.#topics.get(cacheKey);
    if (topic === undefined) {
      const needsCamera = STREAMS[topicKey].path.includes("{camera}");
      if (needsCamera && !isId(camera)) {
        throw new Error(`a camera id must be 1 to 64 of a-z 0-9 _ -: found ${JSON.stringify(camera)}`);
      }
      topic = topicOf(topicKey, this.#options, camera);
      if (this.#topics.size < TOPICS_CACHED_MAX) this.#topics.set(cacheKey, topic);
    }
    return topic;
  }
}
