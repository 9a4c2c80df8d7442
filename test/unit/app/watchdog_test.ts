import assert from "node:assert/strict";
import { runWatchdog, watchdogMs } from "../../../src/app/service/watchdog.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

Deno.test("a watchdog is fed while nothing hangs, not while something does, and again after it", async () => {
  const clock = createFakeClock();
  let hanging: string | null = null;
  let fed = 0;
  const told: (string | null)[] = [];
  const ending = new AbortController();
  const running = runWatchdog({
    clock,
    everyMs: 10_000,
    limitMs: 15_000,
    whatHangs: (limitMs) => (assert.equal(limitMs, 15_000), hanging),
    feed: () => (fed++, Promise.resolve()),
    onHang: (what) => told.push(what),
  }, ending.signal);
  await clock.advance(60_000);
  assert.equal(fed, 7);
  hanging = "camera door";
  await clock.advance(300_000);
  assert.equal(fed, 7);
  assert.deepEqual(told, ["camera door"]);
  hanging = null;
  await clock.advance(10_000);
  assert.equal(fed, 8);
  assert.deepEqual(told, ["camera door", null]);
  ending.abort();
  await running;
  assert.equal(clock.sleepers, 0);
});

Deno.test("systemd's period counts only for the process that it is meant for", () => {
  assert.equal(watchdogMs({}, 7), null);
  assert.equal(watchdogMs({ WATCHDOG_USEC: "30000000" }, 7), 30_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7), 30_000);
  assert.equal(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, 7), null);
  for (const usec of ["0", "", "soon", "-1"]) assert.equal(watchdogMs({ WATCHDOG_USEC: usec }, 7), null, usec);
});
