/** The seam between the stream of messages and those who watch it beside the publisher: a page, metrics, history. */

import type { Message } from "../core/messages.ts";

/** Hears every message of the runtime, in its order, whether or not the publisher can deliver it. */
export interface MessageListener {
  /**
   * Never throws and never waits: what takes time is put off. The message is shared and must not be changed; it may be
   * kept. An error is caught and counted, and keeps the message from nobody else.
   */
  onMessage(message: Message): void;
}
