/** A publisher whose messages others hear too. */

import type { Message } from "../core/messages.ts";
import type { MessageListener } from "../ports/message_listener.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { Log } from "./mqtt_options.ts";

/** The publisher, and what went wrong beside it. */
export interface TeePublisher extends Publisher {
  /** Messages that a listener failed on. */
  readonly listenerErrors: number;
}

/**
 * `publisher`, with every message handed to `listeners` as well, after it and in their order.
 *
 * A listener's error is counted, logged once a listener, and disturbs neither the publisher nor the other listeners.
 * Stopping and disposing are the publisher's; listeners hear no message after `stop`.
 */
export function teePublisher(
  publisher: Publisher,
  listeners: readonly MessageListener[],
  log: Log,
): TeePublisher {
  const hasFailed = new Set<MessageListener>();
  let isStopped = false;
  let listenerErrors = 0;

  const fail = (listener: MessageListener, { kind }: Message, error: unknown) => {
    listenerErrors++;
    if (hasFailed.has(listener)) return;
    hasFailed.add(listener);
    const text = error instanceof Error ? error.message : String(error);
    log("error", `A listener failed on a message of kind ${kind}: ${text}`, { code: "publish.listener", kind });
  };

  const stop = () => {
    isStopped = true;
    return publisher.stop();
  };

  return {
    publish(message) {
      publisher.publish(message);
      if (isStopped) return;
      for (const listener of listeners) {
        try {
          // An async function passes for a listener, and its rejection would end the program.
          const outcome: unknown = listener.onMessage(message);
          if (outcome instanceof Promise) outcome.catch((error) => fail(listener, message, error));
        } catch (error) {
          fail(listener, message, error);
        }
      }
    },
    get state() {
      return publisher.state;
    },
    get counts() {
      return publisher.counts;
    },
    get problem() {
      return publisher.problem;
    },
    get listenerErrors() {
      return listenerErrors;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
