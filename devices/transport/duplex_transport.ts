/** A `Transport` over a Node duplex stream: sockets and serial ports are both. */

import type { Duplex } from "node:stream";
import { LinkError } from "../../src/core/errors.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";

/** A stream that is open, and how to be rid of it. */
export interface DuplexOptions {
  readonly name: string;
  readonly framing: Framing;
  readonly stream: Duplex;
  /** Closes at once; resolves when nothing is left open. */
  readonly shut: () => Promise<void>;
  /** What a `close` event means that this side did not ask for: sockets say `end` first, serial ports do not. */
  readonly onClose: "end" | "lost";
}

/** Makes the transport; the stream is its own from here on. */
export function createDuplexTransport(options: DuplexOptions): Transport {
  return new DuplexTransport(options);
}

// ---------------------------------------------------------------------------------------------------------------------

class DuplexTransport implements Transport {
  readonly name: string;
  readonly framing: Framing;
  readonly #options: DuplexOptions;
  readonly #writes = new Set<(error: LinkError) => void>();
  /** Looks again whether there is something to read. */
  #wake: (() => void) | null = null;
  #isOver = false;
  #lost: LinkError | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: DuplexOptions) {
    const { name, framing, stream, onClose } = options;
    this.name = name;
    this.framing = framing;
    this.#options = options;
    stream.on("readable", () => this.#wake?.());
    stream.on("end", () => this.#over(null));
    stream.on("error", (error: Error) => this.#over(error));
    // A serial port gives the reason of a disconnect with this event.
    stream.on("close", (error?: unknown) => {
      if (error instanceof Error) this.#over(error);
      else this.#over(onClose === "lost" ? new Error("the device went away") : null);
    });
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#wake !== null) throw new Error("Assertion failed: one read at a time");
    for (;;) {
      if (this.#closing !== null) return null;
      const chunk = this.#options.stream.read() as Uint8Array | null;
      if (chunk !== null && chunk.length > 0) return chunk;
      if (this.#lost !== null) throw this.#lost;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const refused = this.#refusal();
    if (refused !== null) return Promise.reject(refused);
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null) => {
        this.#writes.delete(settle);
        if (error) reject(this.#refusal() ?? this.#lostError(error));
        else resolve();
      };
      this.#writes.add(settle);
      this.#options.stream.write(bytes, settle);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // One turn later, so that `#closing` is set when the first of the waiting looks.
    await Promise.resolve();
    this.#settleAll();
    await this.#options.shut();
  }

  #over(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error !== null && this.#closing === null) this.#lost = this.#lostError(error);
    this.#settleAll();
  }

  #settleAll(): void {
    this.#wake?.();
    for (const reject of [...this.#writes]) reject(this.#refusal() ?? this.#lostError(new Error("closed")));
  }

  #refusal(): LinkError | null {
    if (this.#closing !== null) {
      return new LinkError("link.closed", `Cannot write to ${this.name} as it must be open: it was closed`);
    }
    if (this.#isOver) return this.#lost ?? this.#lostError(new Error("the other side closed it"));
    return null;
  }

  #lostError(cause: Error): LinkError {
    return new LinkError("link.lost", `Lost ${this.name}: ${cause.message}`, { cause });
  }
}
