/**
 * A bad line by seed, around any transport: loses, changes, repeats, splits, joins and delays bytes, stalls, breaks off,
 * and is as slow as a baud rate. For tests, and for trying out a gateway against a twin.
 */

import type { Clock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import type { Random } from "../../src/core/random.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";

/** How likely what is, in each direction; what is absent does not happen. */
export interface Faults {
  /** Of each byte: one of its bits is turned. */
  readonly flip?: number;
  /** Of each byte: it is lost. */
  readonly drop?: number;
  /** Of each chunk: it comes in two. */
  readonly split?: number;
  /** Of each chunk: it waits for the next and comes with it. */
  readonly join?: number;
  /** Of each chunk: it comes twice. */
  readonly duplicate?: number;
  /** Of each chunk: it takes up to `delayMsMax`. */
  readonly delay?: number;
  readonly delayMsMax?: number;
  /** Of each chunk: the line stands still for `stallMs`. */
  readonly stall?: number;
  readonly stallMs?: number;
  /** Of each chunk: the connection breaks. */
  readonly cut?: number;
}

/** What was done to the bytes so far. */
export interface FaultCounts {
  bytes: number;
  flips: number;
  drops: number;
  splits: number;
  joins: number;
  duplicates: number;
  delays: number;
  stalls: number;
  cuts: number;
}

/** A transport with faults. */
export interface FaultyTransport extends Transport {
  readonly written: Readonly<FaultCounts>;
  readonly received: Readonly<FaultCounts>;
  /** From now on other faults, or none. */
  setFaults(faults: Faults): void;
}

/** How to make it bad. */
export interface FaultyOptions {
  readonly faults: Faults;
  readonly random: Random;
  readonly clock: Clock;
  /** 10 bits a byte; as fast as it goes when absent. */
  readonly baudRate?: number;
}

/** Wraps `inner`, which belongs to the wrapper from here on. */
export function createFaultyTransport(inner: Transport, options: FaultyOptions): FaultyTransport {
  return new Faulty(inner, options);
}

// ---------------------------------------------------------------------------------------------------------------------

/** Most bytes that a slow line holds back before it makes its writer wait. */
const AHEAD_US_MAX = 2000;

class Faulty implements FaultyTransport {
  readonly name: string;
  readonly framing: Framing;
  readonly written: FaultCounts = zeroCounts();
  readonly received: FaultCounts = zeroCounts();
  readonly #inner: Transport;
  readonly #options: FaultyOptions;
  readonly #closing = new AbortController();
  readonly #arrived: Uint8Array[] = [];
  readonly #held: { written: Uint8Array; read: Uint8Array } = { written: EMPTY, read: EMPTY };
  #faults: Faults;
  #writing: Promise<void> = Promise.resolve();
  #lost: LinkError | null = null;
  #freeAtUs = 0;

  constructor(inner: Transport, options: FaultyOptions) {
    this.name = inner.name;
    this.framing = inner.framing;
    this.#inner = inner;
    this.#options = options;
    this.#faults = options.faults;
  }

  setFaults(faults: Faults): void {
    this.#faults = faults;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const ready = this.#arrived.shift();
      if (ready !== undefined) return ready;
      const chunk = await this.#inner.read();
      if (this.#lost !== null) throw this.#lost;
      if (chunk === null) return null;
      const pieces = await this.#pass(chunk, "read", this.received);
      if (this.#lost !== null) throw this.#lost;
      if (this.#closing.signal.aborted) return null;
      this.#arrived.push(...pieces);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    const turn = this.#writing.then(async () => {
      if (this.#lost !== null) throw this.#lost;
      for (const piece of await this.#pass(copy, "written", this.written)) {
        await this.#pace(piece.length);
        await this.#inner.write(piece);
      }
      if (this.#lost !== null) throw this.#lost;
    });
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#inner.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What becomes of a chunk; none, one, or more. */
  async #pass(chunk: Uint8Array, way: "written" | "read", counts: FaultCounts): Promise<Uint8Array[]> {
    const { random, clock } = this.#options;
    const faults = this.#faults;
    const signal = this.#closing.signal;
    const happens = (chance = 0) => chance > 0 && random.next() < chance;
    counts.bytes += chunk.length;
    if (happens(faults.cut)) await this.#cut(counts);
    if (happens(faults.stall)) {
      counts.stalls++;
      await clock.sleep(faults.stallMs ?? 500, signal);
    }
    if (happens(faults.delay)) {
      counts.delays++;
      await clock.sleep(random.next() * (faults.delayMsMax ?? 20), signal);
    }
    const bytes = concat(this.#held[way], this.#damage(chunk, counts));
    this.#held[way] = EMPTY;
    if (happens(faults.join)) {
      counts.joins++;
      this.#held[way] = bytes;
      return [];
    }
    if (bytes.length === 0) return [];
    let pieces = [bytes];
    if (bytes.length > 1 && happens(faults.split)) {
      counts.splits++;
      const at = 1 + random.integer(bytes.length - 1);
      pieces = [bytes.subarray(0, at), bytes.subarray(at)];
    }
    if (happens(faults.duplicate)) {
      counts.duplicates++;
      pieces.push(bytes.slice());
    }
    return pieces;
  }

  #damage(chunk: Uint8Array, counts: FaultCounts): Uint8Array {
    const { flip = 0, drop = 0 } = this.#faults;
    if (flip === 0 && drop === 0) return chunk;
    const { random } = this.#options;
    const kept = new Uint8Array(chunk.length);
    let count = 0;
    for (const byte of chunk) {
      if (drop > 0 && random.next() < drop) {
        counts.drops++;
      } else if (flip > 0 && random.next() < flip) {
        counts.flips++;
        kept[count++] = byte ^ (1 << random.integer(8));
      } else kept[count++] = byte;
    }
    return kept.subarray(0, count);
  }

  async #cut(counts: FaultCounts): Promise<void> {
    counts.cuts++;
    this.#lost = new LinkError("link.lost", `Lost ${this.name}: cut by the fault injector`);
    await this.#inner.close();
  }

  /** Makes the writer as slow as the line. */
  async #pace(bytes: number): Promise<void> {
    const { baudRate, clock } = this.#options;
    if (baudRate === undefined) return;
    const nowUs = clock.nowUs();
    this.#freeAtUs = Math.max(this.#freeAtUs, nowUs) + (bytes * 1e7) / baudRate;
    const aheadUs = this.#freeAtUs - nowUs;
    if (aheadUs > AHEAD_US_MAX) await clock.sleep(aheadUs / 1000, this.#closing.signal);
  }
}

const EMPTY = new Uint8Array(0);

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function zeroCounts(): FaultCounts {
  return { bytes: 0, flips: 0, drops: 0, splits: 0, joins: 0, duplicates: 0, delays: 0, stalls: 0, cuts: 0 };
}
