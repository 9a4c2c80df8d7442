import assert from "node:assert/strict";
import { createFakeClock } from "../../support/fake_clock.ts";

Deno.test("advance() wakes sleepers in due order, each at its own time", async () => {
  const clock = createFakeClock({ nowUs: 0 });
  const woken: string[] = [];
  const sleeper = async (name: string, periodsMs: number[]) => {
    for (const periodMs of periodsMs) {
      await clock.sleep(periodMs);
      woken.push(`${name}@${clock.nowUs() / 1000}`);
    }
  };
  const all = Promise.all([sleeper("a", [10, 10, 10]), sleeper("b", [15, 5]), sleeper("c", [0])]);
  await clock.advance(25);
  assert.deepEqual(woken, ["c@0", "a@10", "b@15", "a@20", "b@20"]);
  assert.equal(clock.sleepers, 1);
  await clock.advance(5);
  await all;
  assert.equal(woken.at(-1), "a@30");
  assert.equal(clock.sleepers, 0);
});

Deno.test("an aborted sleep() ends at once, without time passing", async () => {
  const clock = createFakeClock();
  const abort = new AbortController();
  const before = clock.nowUs();
  const asleep = clock.sleep(1000, abort.signal);
  abort.abort();
  await asleep;
  await clock.sleep(1000, abort.signal);
  assert.equal(clock.nowUs(), before);
  assert.equal(clock.sleepers, 0);
});

Deno.test("the wall clock moves with the monotonic one", async () => {
  const clock = createFakeClock({ nowUs: 5, wallMs: 1000 });
  await clock.advance(100 / 3);
  assert.equal(clock.nowUs(), 5 + 33_333);
  assert.equal(clock.wallMs(), 1033.333);
});
