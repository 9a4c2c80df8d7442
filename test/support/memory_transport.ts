/** Two transports that are each other's other side, in memory. Waits only for promises, so it goes well with a fake clock. */

import { LinkError } from "../../src/core/errors.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";

/** Most bytes under way in one direction before a writer waits. */
const UNDER_WAY_BYTES_MAX = 2 ** 16;

/** Makes both ends. */
export function createMemoryPair(framing: Framing): [MemoryTransport, MemoryTransport] {
  const a = new MemoryTransport("memory a", framing);
  const b = new MemoryTransport("memory b", framing);
  a.connect(b);
  b.connect(a);
  return [a, b];
}

/** One end. */
export class MemoryTransport implements Transport {
  readonly name: string;
  readonly framing: Framing;
  #other: MemoryTransport | null = null;
  readonly #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #state: "open" | "ended" | "lost" | "closed" = "open";
  #readWake: (() => void) | null = null;
  readonly #writeWakes: (() => void)[] = [];

  constructor(name: string, framing: Framing) {
    this.name = name;
    this.framing = framing;
  }

  connect(other: MemoryTransport): void {
    this.#other = other;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#readWake !== null) throw new Error("one read at a time");
    for (;;) {
      if (this.#state === "closed") return null;
      const chunk = this.#inbox.shift();
      if (chunk !== undefined) {
        this.#inboxBytes -= chunk.length;
        this.#other?.wakeWriters();
        return chunk;
      }
      if (this.#state === "lost") throw new LinkError("link.lost", `Lost ${this.name}: cut`);
      if (this.#state === "ended") return null;
      await new Promise<void>((resolve) => this.#readWake = resolve);
      this.#readWake = null;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (;;) {
      if (this.#state === "closed") throw new LinkError("link.closed", `${this.name} was closed`);
      if (this.#state !== "open") throw new LinkError("link.lost", `Lost ${this.name}`);
      if (this.#other?.accept(bytes)) return;
      await new Promise<void>((resolve) => this.#writeWakes.push(resolve));
    }
  }

  close(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#state = "closed";
    this.#wakeAll();
    this.#other?.peerGone("ended");
    return Promise.resolve();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Both sides lose each other. */
  cut(): void {
    this.#other?.peerGone("lost");
    this.peerGone("lost");
  }

  accept(bytes: Uint8Array): boolean {
    if (this.#inboxBytes > UNDER_WAY_BYTES_MAX) return false;
    if (bytes.length > 0) this.#inbox.push(bytes.slice());
    this.#inboxBytes += bytes.length;
    this.#readWake?.();
    return true;
  }
  peerGone(state: "ended" | "lost"): void {
    if (this.#state === "open") this.#state = state;
    this.#wakeAll();
  }
  wakeWriters(): void {
    for (const wake of this.#writeWakes.splice(0)) wake();
  }

  #wakeAll(): void {
    this.#readWake?.();
    this.wakeWriters();
  }
}
