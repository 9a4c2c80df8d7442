/** Outbox and retained slots against what the port promises, under any order of pushes, loans, answers and lost sessions. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { createTally, type MessageStore, type Outgoing, type Tally } from "../../../src/publish/message_store.ts";
import { createOutbox } from "../../../src/publish/outbox.ts";
import { encodeMessage } from "../../../src/publish/payload.ts";
import { createRetainedSlots } from "../../../src/publish/retained_slots.ts";
import { sampleLatency, sampleResult, sampleState } from "../../support/sample_messages.ts";

type Step = "push" | "push low" | "next" | "settle" | "refuse" | "rewind";
const steps = fc.array(
  fc.constantFrom<Step>("push", "push", "push low", "next", "next", "settle", "refuse", "rewind"),
  { maxLength: 200 },
);

Deno.test("the outbox keeps its limit, its order and its counts", () => {
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 20 }), (sequence, outboxMax) => {
    const tally = createTally();
    const outbox = createOutbox(outboxMax, tally);
    const given = run(sequence, outbox, (seq, low) => outbox.push(outgoing(seq, low)));
    assert.ok(outbox.queued <= outboxMax);
    assertCounted(tally, outbox, given);
    outbox.rewind();
    const seqs: number[] = [];
    for (let one = outbox.next(); one !== undefined; one = outbox.next()) seqs.push(one.message.seq);
    assert.deepEqual(seqs, seqs.toSorted((a, b) => a - b));
    outbox.discard();
    assert.equal(outbox.queued, 0);
    assertCounted(tally, outbox, given);
  }));
});

Deno.test("the outbox lends the oldest first, and the same ones again after a lost session", () => {
  const outbox = createOutbox(10, createTally());
  for (let seq = 0; seq < 6; seq++) outbox.push(outgoing(seq, seq % 2 === 0));
  const lent = [outbox.next(), outbox.next(), outbox.next(), outbox.next()];
  assert.deepEqual(lent.map((one) => one?.message.seq), [0, 1, 2, 3]);
  outbox.settle(lent[1] as Outgoing, true);
  outbox.rewind();
  outbox.settle(lent[0] as Outgoing, true); // too late: no longer lent
  const again = Array.from({ length: 6 }, () => outbox.next()?.message.seq);
  assert.deepEqual(again, [0, 2, 3, 4, 5, undefined]);
});

Deno.test("the retained slots keep the newest of each topic and count each message once", () => {
  fc.assert(fc.property(steps, (sequence) => {
    const tally = createTally();
    const slots = createRetainedSlots(tally);
    const given = run(sequence, slots, (seq, low) => slots.put(retained(seq, low ? "porch" : "door")));
    assertCounted(tally, slots, given);
    slots.rewind();
    slots.resendAll("none");
    while (slots.next() !== undefined);
    assertCounted(tally, slots, given);
  }));
});

Deno.test("the retained slots send a replaced topic's newest message only, and every topic again on request", () => {
  const tally = createTally();
  const slots = createRetainedSlots(tally);
  slots.put(retained(0, "door"));
  slots.put(retained(1, "porch"));
  slots.put(retained(2, "door"));
  assert.deepEqual([slots.queued, tally.replaced], [2, 1]);
  const first = slots.next() as Outgoing;
  assert.equal(first.message.seq, 2);
  slots.settle(first, true);
  slots.rewind();
  slots.resendAll("topic/porch");
  assert.deepEqual([slots.next()?.message.seq, slots.next()?.message.seq, slots.next()], [1, 2, undefined]);
  slots.settle(first, true);
  assert.equal(tally.published, 1);
});

// ---

/** Performs the steps; returns how many messages were given. */
function run(sequence: readonly Step[], store: MessageStore, push: (seq: number, low: boolean) => void): number {
  let seq = 0;
  let lent: Outgoing[] = [];
  for (const step of sequence) {
    if (step === "push") push(seq++, false);
    else if (step === "push low") push(seq++, true);
    else if (step === "next") {
      const one = store.next();
      if (one === undefined) continue;
      assert.ok(!lent.includes(one), "lent twice");
      lent.push(one);
    } else if (step === "rewind") {
      store.rewind();
      lent = [];
    } else {
      const one = lent.shift();
      if (one !== undefined) store.settle(one, step === "settle");
    }
  }
  return seq;
}

function assertCounted(tally: Tally, store: MessageStore, given: number): void {
  assert.equal(tally.published + tally.replaced + tally.dropped + store.queued, given);
}

function outgoing(seq: number, low: boolean): Outgoing {
  const message = low ? sampleLatency() : sampleResult();
  return { topic: "topic", message: encodeMessage(message, { ...AROUND, seq }) };
}

function retained(seq: number, camera: string): Outgoing {
  return { topic: `topic/${camera}`, message: encodeMessage({ ...sampleState(), camera }, { ...AROUND, seq }) };
}

const AROUND = { tsWallMs: 0, boot: "b", synced: false, mqttProtocol: null } as const;
