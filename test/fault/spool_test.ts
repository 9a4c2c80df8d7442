/** A spool on real disks: cut off at every byte, flipped at every bit, on a full one, and with its writer killed. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/core/clock.ts";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import { createRandom } from "../../src/core/random.ts";
import { openSpool, type Spool, SPOOL_BYTES_MIN } from "../../src/spool/spool.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { assertAccounted } from "../conformance/publisher_suite.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { sampleResult } from "../support/sample_messages.ts";
import { makeSpool } from "../support/spools.ts";

const open = (folder: string, lost: number[] = [], ageMaxMs = 3_600_000) =>
  openSpool({
    folder,
    bytesMax: SPOOL_BYTES_MIN,
    ageMaxMs,
    files: nodeFileSystem,
    clock: systemClock,
    onLost: ({ ids }) => lost.push(...ids),
  });

async function readAll(spool: Spool): Promise<string[]> {
  return (await spool.read(Infinity)).map(({ payload }) => new TextDecoder().decode(payload));
}

/** A spool of three records; the bytes of its one segment. */
async function threeRecords(folder: string): Promise<{ readonly path: string; readonly bytes: Uint8Array }> {
  const spool = await open(folder);
  const payloads = ["first", "second", "the third, which is a little longer"];
  for (const payload of payloads) await spool.append([new TextEncoder().encode(payload)]);
  await spool.close();
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".spool"))!);
  return { path, bytes: readFileSync(path) };
}

Deno.test("a segment cut off at every byte of its last record loses that record, is counted, and goes on", async () => {
  using room = makeSpool();
  const { path, bytes } = await threeRecords(room.folder);
  const lastStart = bytes.length - 24 - "the third, which is a little longer".length;
  for (let length = lastStart; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length));
    const spool = await open(room.folder);
    assert.equal(spool.counts.damaged, length === lastStart ? 0 : 1, `cut at ${length}`);
    await spool.append([new TextEncoder().encode("after")]);
    assert.deepEqual(await readAll(spool), ["first", "second", "after"], `cut at ${length}`);
    for (const id of [1, 2, 3, 4]) spool.done(id);
    writeFileSync(path, bytes); // so that closing has something to remove, and the next round something to open
    await spool.close();
    await nodeFileSystem.remove(join(room.folder, "cursor"));
    writeFileSync(path, bytes);
  }
});

Deno.test("every flipped bit of a segment costs one record, and of the cursor none", async () => {
  using room = makeSpool();
  const { path, bytes } = await threeRecords(room.folder);
  const cursorPath = join(room.folder, "cursor");
  const cursor = readFileSync(cursorPath);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    writeFileSync(path, damaged);
    const spool = await open(room.folder);
    assert.deepEqual([spool.pending, spool.counts.damaged], [2, 1], `bit ${bit}`);
  }
  writeFileSync(path, bytes);
  for (let bit = 0; bit < cursor.length * 8; bit++) {
    const damaged = Uint8Array.from(cursor);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    writeFileSync(cursorPath, damaged);
    assert.equal((await readAll(await open(room.folder))).length, 3, `bit ${bit}`);
  }
  for (const content of ["", "\0".repeat(64), "x".repeat(100_000)]) {
    writeFileSync(cursorPath, content);
    assert.equal((await readAll(await open(room.folder))).length, 3);
  }
});

/** 100 with `deno task test:fault:kill`. */
const KILLS = Number(process.env.SPOOL_KILLS ?? 40);

Deno.test(`a writer killed at ${KILLS} random points loses nothing that was safe, and keeps the order`, async () => {
  using room = makeSpool();
  const script = fileURLToPath(new URL("../support/spool_child.ts", import.meta.url));
  const random = createRandom(9);
  const start = () => startWriter(script, room.folder);
  let next = start(); // a process takes a while to start: always one ahead
  let first = 0;
  let safeTotal = 0;
  let repeated = 0;
  let lostTotal = 0;
  let done = new Set<number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = next;
    if (kill < KILLS - 1) next = start();
    const said = await writer.runAndKill(first, random.between(0, 60));
    const numbers = (word: string) =>
      said.filter((line) => line.startsWith(word)).map((line) => Number(line.slice(word.length)));
    const lost = new Set(numbers("lost"));
    for (const one of numbers("done")) done.add(one);
    const safe = numbers("safe").at(-1) ?? first - 1;
    const spool = await open(room.folder);
    assert.ok(spool.counts.bytes <= SPOOL_BYTES_MIN);
    const found = (await readAll(spool)).map(Number);
    const last = found.at(-1) ?? safe;
    assert.deepEqual(found, found.toSorted((a, b) => a - b), "in order");
    assert.equal(new Set(found).size, found.length, "none twice");
    const present = new Set(found);
    for (let one = first; one <= safe; one++) {
      assert.ok(
        present.has(one) || done.has(one) || lost.has(one),
        `kill ${kill}: ${one} of ${first}..${safe} is gone`,
      );
    }
    safeTotal += safe - first + 1;
    lostTotal += lost.size;
    repeated += found.filter((one) => done.has(one)).length;
    for (let index = kill % 10 === 9 ? 0 : found.length; index < found.length; index++) done.add(found[index]);
    first = Math.max(safe, last) + 1;
    // What was found is delivered now and then; the rest waits for the next round.
    if (kill % 10 === 9) {
      const again = await open(room.folder);
      for (const { id } of await again.read(Infinity)) again.done(id);
      await again.close();
      done = new Set();
    }
  }
  console.log(
    `${KILLS} kills: ${safeTotal} safe, 0 of them gone, ${lostTotal} evicted and said so, ${repeated} repeated`,
  );
});

const isRoot = process.getuid?.() === 0;

Deno.test({
  name: "a full disk: live results go on, the oldest segments go, and it recovers (needs root for a tmpfs)",
  ignore: !isRoot,
  async fn() {
    using room = makeSpool();
    mkdirSync(room.folder);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", room.folder]);
    assert.equal(mounted.status, 0, String(mounted.stderr));
    try {
      const dead = await openEmbeddedBroker({ port: 0 });
      await dead[Symbol.asyncDispose]();
      const { publisher, logged } = openTestPublisher(dead.url, { spool: room.terms({ bytesMax: SPOOL_BYTES_MIN }) });
      let given = 0;
      const events = () => logged.filter(({ facts }) => facts.code === "publish.spool_dropped").length;
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 100; i++) publisher.publish(sampleResult(given++));
        await new Promise((resolve) => setTimeout(resolve, 25));
        assertAccounted(publisher.counts, given + events());
      }
      await eventually(() => publisher.counts.dropped > 500, "the oldest went");
      await eventually(() => events() === 1, "and that was said");

      // Somebody fills what is left: nothing can be written, and nothing stands still.
      spawnSync("dd", ["if=/dev/zero", `of=${join(room.folder, "ballast")}`, "bs=4096"], { stdio: "ignore" });
      for (let i = 0; i < 2000; i++) publisher.publish(sampleResult(given++));
      await new Promise((resolve) => setTimeout(resolve, 200));
      assertAccounted(publisher.counts, given + events());
      await using broker = await openEmbeddedBroker({ port: dead.port });
      assert.ok(broker.port > 0);
      await eventually(() => publisher.state === "online", "online");
      const published = publisher.counts.published;
      publisher.publish(sampleResult(given++));
      await eventually(() => publisher.counts.published > published, "live results go on");
      await nodeFileSystem.remove(join(room.folder, "ballast"));
      await eventually(() => publisher.counts.queued === 0, "all delivered");
      await eventually(() => publisher.problem === null, "recovered");
      await publisher.stop();
      assertAccounted(publisher.counts, given + events());
      const { dropped, published: arrived } = publisher.counts;
      console.log(`full disk: ${given} given, ${arrived} delivered, ${dropped} dropped and counted`);
    } finally {
      spawnSync("umount", ["-l", room.folder]);
    }
  },
});

// ---

/** A writer that waits for its first number. */
function startWriter(script: string, folder: string) {
  const child = spawn(process.execPath, ["run", "--quiet", "--no-check", "-A", script, folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return {
    /** What it said before it was killed. */
    async runAndKill(first: number, afterMs: number): Promise<string[]> {
      let said = "";
      const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
      const begun = new Promise<void>((resolve) =>
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          resolve();
        })
      );
      child.stdin.write(`${first}\n`);
      await begun;
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill("SIGKILL");
      await closed;
      return said.split("\n").slice(0, -1);
    },
  };
}
