/** When silence is a stall, and when it is not. */

import assert from "node:assert/strict";
import { stallLimitMs, StallWatch } from "../../../devices/camera/stall_watch.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

/** A watch that has seen its first frame, with what became of it. */
async function watchAfterFirstFrame(rateFps: number | null) {
  const clock = createFakeClock();
  const watch = new StallWatch(clock, rateFps);
  const stop = new AbortController();
  const seen: { silenceMs?: number | null } = {};
  const done = watch.stalled(stop.signal).then((ms) => void (seen.silenceMs = ms));
  watch.wait();
  await clock.advance(100);
  watch.arrive();
  const end = async () => {
    stop.abort();
    await done;
    assert.equal(clock.sleepers, 0);
  };
  return { clock, watch, seen, end };
}

Deno.test("the limit is two seconds, or five periods of a slower source", () => {
  assert.deepEqual([null, 30, 2.5, 1, 0.1].map(stallLimitMs), [2000, 2000, 2000, 5000, 50_000]);
});

Deno.test("two seconds without a frame are a stall, a little less is none", async () => {
  const { clock, watch, seen, end } = await watchAfterFirstFrame(30);
  watch.wait();
  await clock.advance(1990);
  assert.equal(seen.silenceMs, undefined);
  watch.arrive();
  watch.wait();
  await clock.advance(1990);
  assert.equal(seen.silenceMs, undefined);
  await clock.advance(2200);
  assert.ok(seen.silenceMs! >= 2000 && seen.silenceMs! <= 2300, `${seen.silenceMs}`);
  await end();
});

Deno.test("the first frame may take fifteen seconds", async () => {
  const clock = createFakeClock();
  const watch = new StallWatch(clock, 30);
  const stop = new AbortController();
  let silenceMs: number | null | undefined;
  const done = watch.stalled(stop.signal).then((ms) => void (silenceMs = ms));
  watch.wait();
  await clock.advance(14_900);
  assert.equal(silenceMs, undefined);
  await clock.advance(300);
  assert.ok(silenceMs! >= 15_000);
  stop.abort();
  await done;
});

Deno.test("a consumer that asks for nothing for an hour is no stall", async () => {
  const { clock, seen, end } = await watchAfterFirstFrame(30);
  await clock.advance(3_600_000);
  assert.equal(seen.silenceMs, undefined);
  await end();
});

Deno.test("a frame that came while the machine was held up is seen before the verdict", async () => {
  const { clock, watch, seen, end } = await watchAfterFirstFrame(30);
  watch.wait();
  await clock.advance(2050); // the timer is due, the frame is about to be read
  watch.arrive();
  watch.wait();
  await clock.advance(1500);
  assert.equal(seen.silenceMs, undefined);
  await end();
});
