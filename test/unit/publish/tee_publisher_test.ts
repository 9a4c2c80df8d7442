import assert from "node:assert/strict";
import type { Message } from "../../../src/core/messages.ts";
import type { MessageListener } from "../../../src/ports/message_listener.ts";
import { teePublisher } from "../../../src/publish/tee_publisher.ts";
import { keepingPublisher } from "../../support/runtime_parts.ts";
import { sampleEvent, samplePower, sampleResult } from "../../support/sample_messages.ts";

const MESSAGES: readonly Message[] = [sampleResult(), samplePower(), sampleEvent()];

function keepingListener(): MessageListener & { readonly heard: Message[] } {
  const heard: Message[] = [];
  return { heard, onMessage: (message) => void heard.push(message) };
}

Deno.test("teePublisher() hands every message to the publisher and to each listener, in order", () => {
  const publisher = keepingPublisher();
  const [one, other] = [keepingListener(), keepingListener()];
  const tee = teePublisher(publisher, [one, other], () => {});
  for (const message of MESSAGES) tee.publish(message);
  assert.deepEqual(publisher.messages, MESSAGES);
  assert.deepEqual(one.heard, MESSAGES);
  assert.deepEqual(other.heard, MESSAGES);
  assert.equal(tee.counts.published, 3);
  assert.deepEqual([tee.state, tee.problem], ["online", null]);
});

Deno.test("a listener that throws, or rejects, is counted, logged once, and keeps the message from nobody", async () => {
  const publisher = keepingPublisher();
  const logged: string[] = [];
  const throwing: MessageListener = {
    onMessage() {
      throw new Error("disk on fire");
    },
  };
  const rejecting: MessageListener = { onMessage: () => Promise.reject(new Error("too late")) };
  const last = keepingListener();
  const tee = teePublisher(publisher, [throwing, rejecting, last], (_, text) => void logged.push(text));
  for (const message of MESSAGES) tee.publish(message);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(last.heard, MESSAGES);
  assert.deepEqual(publisher.messages, MESSAGES);
  assert.equal(tee.listenerErrors, 6);
  assert.deepEqual(logged, [
    "A listener failed on a message of kind result: disk on fire",
    "A listener failed on a message of kind result: too late",
  ]);
});

Deno.test("teePublisher() stops its publisher once and tells listeners nothing after that", async () => {
  let stops = 0;
  const listener = keepingListener();
  const tee = teePublisher(
    {
      ...keepingPublisher(),
      stop() {
        stops++;
        return Promise.resolve();
      },
    },
    [listener],
    () => {},
  );
  await tee.stop();
  tee.publish(sampleResult());
  assert.deepEqual([stops, listener.heard], [1, []]);
});
