/** A spool gives back what it took, in order, across restarts, within its caps, and counts what it drops. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { crc32c } from "../../../src/core/crc32c.ts";
import { createRandom } from "../../../src/core/random.ts";
import { IdSet } from "../../../src/spool/id_set.ts";
import { encodeRecords, scanRecords } from "../../../src/spool/record.ts";
import { type LostRecords, openSpool, type Spool, SPOOL_BYTES_MIN } from "../../../src/spool/spool.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { createMemoryFiles } from "../../support/memory_files.ts";

const HOUR_MS = 3_600_000;
const text = (payload: Uint8Array) => new TextDecoder().decode(payload);
const bytes = (payload: string) => new TextEncoder().encode(payload);

function harness() {
  const files = createMemoryFiles();
  const clock = createFakeClock();
  const lost: LostRecords[] = [];
  const open = (bytesMax = SPOOL_BYTES_MIN) =>
    openSpool({ folder: "/s", bytesMax, ageMaxMs: HOUR_MS, files, clock, onLost: (one) => lost.push(one) });
  return { files, clock, lost, open };
}

async function readAll(spool: Spool): Promise<string[]> {
  return (await spool.read(Infinity)).map(({ payload }) => text(payload));
}

Deno.test("crc32c() gives the value of its standard", () => {
  assert.equal(crc32c(bytes("123456789")), 0xe3069283);
});

Deno.test("an id set is a set of ids", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 7, max: 300 }), fc.boolean())), (steps) => {
    const ids = new IdSet(7);
    const model = new Set<number>();
    for (const [id, isAdded] of steps) {
      if (isAdded) {
        ids.add(id);
        model.add(id);
      } else assert.equal(ids.delete(id), model.delete(id));
      assert.equal(ids.size, model.size);
    }
    assert.deepEqual([...ids], [...model].sort((a, b) => a - b));
  }));
});

Deno.test("records survive any one damaged byte but their own", () => {
  const payloads = ["one", "", "three", '{"schema":"quartz.result.v1"}'];
  const records = payloads.map((payload, index) => ({ id: 5 + index, wallMs: 1e12 + index, payload: bytes(payload) }));
  const encoded = encodeRecords(records);
  assert.deepEqual(scanRecords(encoded, 5), { records, tailBytes: 0 });
  for (let at = 0; at < encoded.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = encoded.slice();
      damaged[at] ^= 1 << bit;
      assert.equal(scanRecords(damaged, 5).records.length, 3, `byte ${at}, bit ${bit}`);
    }
  }
});

Deno.test("what was appended is read in order, once, and again after a restart unless it was done", async () => {
  const { open } = harness();
  let spool = await open();
  assert.deepEqual(await spool.append(["a", "b", "c"].map(bytes)), [1, 2, 3]);
  await spool.append(["d"].map(bytes));
  assert.deepEqual(await readAll(spool), ["a", "b", "c", "d"]);
  assert.deepEqual(await readAll(spool), []);
  assert.ok(spool.done(1) && spool.done(3) && !spool.done(3));
  assert.equal(spool.pending, 2);
  await spool.close();
  spool = await open();
  assert.equal(spool.pending, 2, "close notes exactly what is done");
  assert.deepEqual(await readAll(spool), ["b", "d"]);
  spool.done(2);
  spool.done(4);
  await spool.close();
  assert.equal((await open()).counts.segments, 0, "an empty spool has no segments");
});

Deno.test("reading stops before an id that its owner still holds", async () => {
  const spool = await harness().open();
  await spool.append(["a", "b", "c"].map(bytes));
  assert.deepEqual((await spool.read(10, 2)).map(({ id }) => id), [1]);
  assert.deepEqual((await spool.read(10, 3)).map(({ id }) => id), [2]);
  assert.deepEqual((await spool.read(10)).map(({ id }) => id), [3]);
});

Deno.test("the byte cap holds, and the oldest go first and are counted exactly", async () => {
  const { open, lost, files } = harness();
  const spool = await open();
  const payload = new Uint8Array(10_000);
  for (let i = 0; i < 1000; i++) {
    await spool.append([payload]);
    assert.ok(files.bytes <= SPOOL_BYTES_MIN, `${files.bytes} bytes after ${i}`);
  }
  const dropped = lost.reduce((sum, { records }) => sum + records.length, 0);
  assert.ok(dropped > 700);
  assert.equal(spool.counts.evicted, dropped);
  assert.equal(spool.pending, 1000 - dropped);
  const ids = (await spool.read(Infinity)).map(({ id }) => id);
  assert.deepEqual(ids, Array.from({ length: 1000 - dropped }, (_, i) => dropped + 1 + i));
  assert.deepEqual(
    lost.flatMap(({ records }) => records.map(({ id }) => id)),
    Array.from({ length: dropped }, (_, i) => i + 1),
  );
});

Deno.test("records over the age cap are dropped and counted, read or not", async () => {
  const { open, lost, clock } = harness();
  const spool = await open();
  await spool.append(["a", "b"].map(bytes));
  await clock.advance(HOUR_MS / 2);
  await spool.append(["c"].map(bytes));
  await clock.advance(HOUR_MS / 2 + 1);
  assert.deepEqual(await readAll(spool), ["c"]);
  assert.deepEqual(lost.map(({ reason, records }) => [reason, records.length]), [["expired", 2]]);
  await clock.advance(HOUR_MS);
  await spool.maintain();
  assert.deepEqual([spool.pending, spool.counts.expired, spool.counts.segments], [0, 3, 0]);
});

Deno.test("a step of the date makes no record old: not from 1970, not by an hour, not by a day back", async () => {
  const files = createMemoryFiles();
  const clock = createFakeClock({ wallMs: 0 }); // no battery, no network yet
  const lost: LostRecords[] = [];
  const open = () =>
    openSpool({
      folder: "/s",
      bytesMax: SPOOL_BYTES_MIN,
      ageMaxMs: HOUR_MS,
      files,
      clock,
      onLost: (one) => lost.push(one),
    });
  let spool = await open();
  await spool.append(["a"].map(bytes));
  for (const stepMs of [Date.UTC(2026, 5, 1), HOUR_MS * 2, -24 * HOUR_MS]) {
    clock.step(stepMs);
    await spool.append([String(stepMs)].map(bytes));
    await spool.maintain();
  }
  assert.deepEqual([spool.pending, lost], [4, []]);
  // In the next run only dates are left. One of 1970 says nothing, one of the future is not old.
  await spool.close();
  spool = await open();
  clock.step(3 * HOUR_MS);
  await spool.maintain();
  assert.deepEqual(await readAll(spool), ["a", String(Date.UTC(2026, 5, 1)), String(HOUR_MS * 2)]);
  assert.deepEqual(lost.map(({ reason, ids }) => [reason, ids]), [["expired", [4]]]);
  // Within a run age is what the monotonic clock says, stepped or not.
  await spool.append(["b"].map(bytes));
  clock.step(-HOUR_MS);
  await clock.advance(HOUR_MS + 1);
  await spool.append(["c"].map(bytes));
  assert.deepEqual(await readAll(spool), ["c"]);
});

Deno.test("a damaged cursor costs repeats, not records; a segment damaged under way is counted", async () => {
  const { open, files, lost } = harness();
  let spool = await open();
  await spool.append(["a", "b", "c"].map(bytes));
  spool.done(1);
  await spool.maintain();
  files.content("/s/cursor").fill(0);
  spool = await open();
  assert.equal(spool.pending, 3);
  const segment = files.paths().find((path) => path.endsWith(".spool"))!;
  files.content(segment)[2 * 24 + 1] ^= 4; // the payload of the second
  assert.deepEqual(await readAll(spool), ["a", "c"]);
  assert.deepEqual(lost, [{ reason: "damaged", ids: [2], records: [] }]);
  assert.deepEqual([spool.pending, spool.counts.damaged], [2, 1]);
});

/** Any sequence of operations, failures and power cuts, against a list. */
Deno.test("a spool keeps its word under failing operations and power cuts", async () => {
  for (let seed = 1; seed <= 300; seed++) await runFaults(seed);
});

async function runFaults(seed: number): Promise<void> {
  const random = createRandom(seed);
  const { files, open, lost, clock } = harness();
  const codes = ["EIO", "ENOSPC", "EROFS"];
  const failShare = [0, 0.02, 0.2][seed % 3];
  let isFailing = true;
  files.fail = () => isFailing && random.next() < failShare ? codes[random.integer(3)] : null;
  files.bytesMax = seed % 2 === 0 ? SPOOL_BYTES_MIN / 8 : Infinity;
  /** Safe records by payload, in order; `done` may come back after a power cut and is then a repeat. */
  const safe: { name: string; isDone: boolean }[] = [];
  const unsafe = new Set<string>();
  let spool = await eventuallyOpen(open);
  let reads: { id: number; name: string }[] = [];
  for (let step = 0; step < 60; step++) {
    const choice = random.integer(10);
    if (choice < 4) {
      const names = Array.from({ length: 1 + random.integer(5) }, (_, i) => `${step}.${i}`);
      const size = [10, 300, 30_000][random.integer(3)];
      try {
        const ids = await spool.append(names.map((name) => bytes(name.padEnd(size))));
        names.slice(0, ids.length).forEach((name) => safe.push({ name, isDone: false }));
      } catch {
        names.forEach((name) => unsafe.add(name));
      }
    } else if (choice < 7) {
      const more = await spool.read(1 + random.integer(10)).catch(() => []);
      reads.push(...more.map(({ id, payload }) => ({ id, name: text(payload).trim() })));
    } else if (choice === 7) {
      for (const { id, name } of reads.splice(0, random.integer(10))) {
        spool.done(id);
        const record = safe.find((one) => one.name === name);
        if (record !== undefined) record.isDone = true;
      }
    } else if (choice === 8) await spool.maintain().catch(() => {});
    else if (random.next() < 0.5) {
      files.crash(random);
      spool = await eventuallyOpen(open);
      reads = [];
    }
    await clock.advance(1);
  }
  files.crash(random);
  isFailing = false;
  spool = await open();
  const read = (await spool.read(Infinity)).map(({ payload }) => text(payload).trim());
  const found = [...new Set(read)];
  // Only a write that failed, could not be cut off again and was repeated may be there twice.
  if (failShare === 0) assert.equal(found.length, read.length, `seed ${seed}: repeated within one run`);
  const dropped = new Set(lost.flatMap(({ records }) => records.map(({ payload }) => text(payload).trim())));
  const unreadable = lost.reduce((sum, { ids, records }) => sum + ids.length - records.length, 0);
  const due = safe.filter(({ name, isDone }) => !isDone && !dropped.has(name)).map(({ name }) => name);
  const missing = due.filter((name) => !found.includes(name));
  assert.ok(missing.length <= unreadable, `seed ${seed}: lost ${missing}; ${unreadable} unreadable`);
  const order = found.filter((name) => due.includes(name));
  assert.deepEqual(order, due.filter((name) => found.includes(name)), `seed ${seed}: order`);
  const known = new Set([...safe.map(({ name }) => name), ...unsafe]);
  assert.deepEqual(found.filter((name) => !known.has(name)), [], `seed ${seed}: invented`);
}

async function eventuallyOpen(open: () => Promise<Spool>): Promise<Spool> {
  for (;;) {
    const spool = await open().catch(() => null);
    if (spool !== null) return spool;
  }
}
