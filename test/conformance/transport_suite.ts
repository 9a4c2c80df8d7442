/** What every `Transport` must do. A driver's test calls `transportSuite` with a way to open both ends of a line. */

import assert from "node:assert/strict";
import { createRandom } from "../../src/core/random.ts";
import type { Transport } from "../../src/ports/transport.ts";

/** A line with both its ends. */
export interface TransportLine extends AsyncDisposable {
  /** The end under test, and the other. */
  readonly near: Transport;
  readonly far: Transport;
  /** Breaks the connection so that `near` is lost. */
  readonly sever: () => Promise<void>;
}

/** A driver under test. */
export interface TransportCase {
  /** Stands before each test's name. */
  readonly name: string;
  readonly open: () => TransportLine | Promise<TransportLine>;
  /** Whether one end learns that the other was closed; two ends of a serial line do not. */
  readonly endIsSeen: boolean;
  /** Bytes of the long transfer. */
  readonly volumeBytes?: number;
  readonly ignore?: boolean;
}

/** Registers the suite. */
export function transportSuite(
  { name, open, endIsSeen, volumeBytes = 2_000_000, ignore = false }: TransportCase,
): void {
  const test = (what: string, run: (line: TransportLine) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${what}`,
      ignore,
      fn: async () => {
        await using line = await open();
        await run(line);
      },
    });

  test("every byte arrives, in order, in both directions at a time", async ({ near, far }) => {
    const there = randomBytes(volumeBytes, 1);
    const back = randomBytes(volumeBytes / 2, 2);
    const [received, answered] = await Promise.all([
      readBytes(far, there.length),
      readBytes(near, back.length),
      writePieces(near, there, 3),
      writePieces(far, back, 4),
    ]);
    assert.ok(same(received, there), "there");
    assert.ok(same(answered, back), "back");
  });

  test("single bytes of every value pass, and nothing is added", async ({ near, far }) => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const byte of all) await near.write(Uint8Array.of(byte));
    assert.deepEqual(await readBytes(far, 256), all);
    await near.write(new Uint8Array(0));
    await near.write(Uint8Array.of(7));
    assert.deepEqual(await readBytes(far, 1), Uint8Array.of(7));
  });

  test("close ends a pending read with null, and later calls know it", async ({ near }) => {
    const pending = near.read();
    await settleDown();
    await near.close();
    assert.equal(await pending, null);
    assert.equal(await near.read(), null);
    await assert.rejects(near.write(Uint8Array.of(1)), { code: "link.closed" });
    await near.close();
    await near[Symbol.asyncDispose]();
  });

  test("a writer waits for its reader, and close rejects what still waits", async ({ near, far }) => {
    const megabyte = new Uint8Array(2 ** 20);
    const outcomes: string[] = [];
    const writes = Array.from(
      { length: 24 },
      () => near.write(megabyte).then(() => outcomes.push("done"), (error) => outcomes.push(error.code)),
    );
    for (let quiet = 0, before = -1; quiet < 3; quiet = outcomes.length === before ? quiet + 1 : 0) {
      before = outcomes.length;
      await settleDown();
    }
    assert.ok(outcomes.length < writes.length, "all was taken without a reader");
    await near.close();
    await Promise.all(writes);
    assert.equal(outcomes.length, writes.length);
    assert.deepEqual([...new Set(outcomes.filter((one) => one !== "done"))], ["link.closed"]);
    await far.close();
  });

  test("one read at a time", async ({ near }) => {
    const first = near.read();
    await settleDown();
    await assert.rejects(near.read(), /one read at a time/);
    await near.close();
    assert.equal(await first, null);
  });

  test("a broken connection is link.lost for reads and writes", async ({ near, sever }) => {
    const pending = assert.rejects(near.read(), { code: "link.lost" });
    await settleDown();
    await sever();
    await pending;
    await assert.rejects(near.read(), { code: "link.lost" });
    // The first write may be what finds out.
    await assert.rejects(async () => {
      for (let i = 0; i < 100; i++) await near.write(Uint8Array.of(1));
    }, { code: "link.lost" });
    await near.close();
  });

  if (!endIsSeen) return;
  test("the other end's close comes after its last byte, as null", async ({ near, far }) => {
    await far.write(Uint8Array.of(1, 2, 3));
    await settleDown();
    await far.close();
    assert.deepEqual(await readBytes(near, 3), Uint8Array.of(1, 2, 3));
    assert.equal(await near.read(), null);
    assert.equal(await near.read(), null);
  });
}

/** Reads until `count` bytes are there, which must be all. */
export async function readBytes(transport: Transport, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const chunk = await transport.read();
    assert.ok(chunk !== null, `ended after ${at} of ${count} bytes`);
    assert.ok(chunk.length > 0 && at + chunk.length <= count, `a chunk of ${chunk.length} at ${at} of ${count}`);
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

// ---------------------------------------------------------------------------------------------------------------------

async function writePieces(transport: Transport, bytes: Uint8Array, seed: number): Promise<void> {
  const random = createRandom(seed);
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random.integer(20_000);
    await transport.write(bytes.subarray(at, end));
    at = end;
  }
}

function randomBytes(count: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: count }, () => random.integer(256));
}

/** `deepEqual` of millions of bytes takes seconds. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Time for the operating system: bytes and hang-ups go through it. */
function settleDown(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
