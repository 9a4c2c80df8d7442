/** Writes down what goes over a transport, both ways and when, so that a failure in the field becomes a test. */

import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import type { Transport } from "../../src/ports/transport.ts";
import { entryLine, headLine, RECORDING_BYTES_MAX, type RecordingEntry } from "./recording.ts";

/** Where to write. */
export interface RecorderOptions {
  /** Must not exist yet. */
  readonly path: string;
  readonly clock: Clock;
  /** When the file is so large, recording ends and the link goes on. */
  readonly bytesMax?: number;
}

/**
 * Wraps `inner`, which belongs to the wrapper from here on.
 *
 * @throws {LinkError} `link.open` when the file cannot be made; `inner` is then closed
 */
export async function recordTransport(inner: Transport, options: RecorderOptions): Promise<Transport> {
  const { path, clock } = options;
  const file = await open(path, "wx").catch(async (cause) => {
    await inner.close();
    throw new LinkError("link.open", `Cannot record to ${path} as it must be a new file: found ${cause.message}`, {
      cause,
    });
  });
  const recorder = new Recorder(inner, file, options);
  recorder.append(headLine({ name: inner.name, framing: inner.framing, startedAtWallMs: clock.wallMs() }));
  return recorder;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Most text that waits for the disk; beyond, the link goes at the speed of the disk. */
const WAITING_BYTES_MAX = 2 ** 20;

class Recorder implements Transport {
  readonly name: string;
  readonly framing: Transport["framing"];
  readonly #inner: Transport;
  readonly #file: FileHandle;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #startUs: number;
  #bytes = 0;
  #isOver = false;
  #waiting = "";
  #flushing: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(inner: Transport, file: FileHandle, { clock, bytesMax = RECORDING_BYTES_MAX }: RecorderOptions) {
    this.name = inner.name;
    this.framing = inner.framing;
    this.#inner = inner;
    this.#file = file;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
    this.#startUs = clock.nowUs();
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const bytes = await this.#inner.read();
      if (bytes === null) this.#end(this.#closing === null ? "ended" : "closed");
      else await this.#note({ atUs: this.#atUs(), way: "rx", bytes });
      return bytes;
    } catch (error) {
      this.#end("lost");
      throw error;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const noted = bytes.length > 0 ? this.#note({ atUs: this.#atUs(), way: "tx", bytes }) : null;
    await this.#inner.write(bytes);
    await noted;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Queues text for the file; a disk that fails ends the recording, not the link. */
  append(line: string): void {
    this.#bytes += line.length;
    this.#waiting += line;
    this.#flushing ??= this.#flush();
  }

  async #close(): Promise<void> {
    await this.#inner.close();
    this.#end("closed");
    await this.#flushing;
    await this.#file.close().catch(() => {});
  }

  /** Resolves at once, unless much waits for the disk. */
  #note(entry: RecordingEntry): Promise<void> | null {
    if (this.#isOver) return null;
    const line = entryLine(entry);
    if (this.#bytes + line.length > this.#bytesMax) this.#end("full");
    else this.append(line);
    return this.#waiting.length > WAITING_BYTES_MAX ? this.#flushing : null;
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.append(entryLine({ atUs: this.#atUs(), end: why }));
  }

  async #flush(): Promise<void> {
    while (this.#waiting !== "") {
      const text = this.#waiting;
      this.#waiting = "";
      try {
        await this.#file.write(text);
      } catch {
        this.#isOver = true;
        this.#waiting = "";
      }
    }
    this.#flushing = null;
  }

  #atUs(): number {
    return Math.round(this.#clock.nowUs() - this.#startUs);
  }
}
