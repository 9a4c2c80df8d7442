/** A recorded link as a transport: what was received comes again, once as much has been sent as then. */

import { readFile, stat } from "node:fs/promises";
import type { Clock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";
import { parseRecording, RECORDING_BYTES_MAX, type RecordingEntry } from "./recording.ts";

/** What to replay and how. */
export interface ReplayOptions {
  readonly path: string;
  readonly clock: Clock;
  /** `recorded`: no chunk before its time. `fast`: as soon as what went before it has been sent. */
  readonly pacing: "recorded" | "fast";
  /** Fails when something else is sent than then; otherwise only how much counts. On unless told otherwise. */
  readonly strict?: boolean;
}

/** Opens a recording. @throws {LinkError} `link.open` when it cannot be read, `link.replay` when it is no recording */
export async function replayTransport(options: ReplayOptions): Promise<Transport> {
  const { path } = options;
  const fail = (found: string, cause?: unknown) =>
    new LinkError(
      "link.open",
      `Cannot replay ${path} as it must be a recording of at most ${RECORDING_BYTES_MAX} bytes: found ${found}`,
      { cause },
    );
  const info = await stat(path).catch((cause) => {
    throw fail(cause.message, cause);
  });
  if (!info.isFile() || info.size > RECORDING_BYTES_MAX) throw fail(info.isFile() ? `${info.size} bytes` : "no file");
  const { head, entries } = parseRecording(await readFile(path, "utf8"));
  return new Replay(head.framing, entries, options);
}

// ---------------------------------------------------------------------------------------------------------------------

class Replay implements Transport {
  readonly name: string;
  readonly framing: Framing;
  readonly #options: ReplayOptions;
  readonly #entries: readonly RecordingEntry[];
  readonly #startUs: number;
  readonly #closing = new AbortController();
  /** Everything that was sent then, in one piece, to compare with. */
  readonly #sentThen: Uint8Array;
  #next = 0;
  /** How much had been sent before the next entry. */
  #sentBefore = 0;
  #sent = 0;
  #wake: (() => void) | null = null;
  #lost: LinkError | null = null;

  constructor(framing: Framing, entries: readonly RecordingEntry[], options: ReplayOptions) {
    this.name = `replay ${options.path}`;
    this.framing = framing;
    this.#entries = entries;
    this.#options = options;
    this.#startUs = options.clock.nowUs();
    const sent = entries.flatMap((entry) => ("way" in entry && entry.way === "tx" ? [entry.bytes] : []));
    this.#sentThen = new Uint8Array(sent.reduce((sum, { length }) => sum + length, 0));
    sent.reduce((at, bytes) => (this.#sentThen.set(bytes, at), at + bytes.length), 0);
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#closing.signal.aborted) return null;
      if (this.#lost !== null) throw this.#lost;
      const entry = this.#entries[this.#next];
      // A recording that was broken off ends like one that was closed.
      if (entry === undefined) return null;
      if ("way" in entry && entry.way === "tx") {
        this.#sentBefore += entry.bytes.length;
        this.#next++;
        continue;
      }
      if (!(await this.#isDue(entry.atUs))) continue;
      if ("end" in entry) {
        if (entry.end === "lost") this.#lost = new LinkError("link.lost", `Lost ${this.name}: as recorded`);
        else return null;
        continue;
      }
      this.#next++;
      return entry.bytes.slice();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    const refused = this.#check(bytes);
    if (refused !== null) return Promise.reject(refused);
    this.#sent += bytes.length;
    this.#wake?.();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#wake?.();
    return Promise.resolve();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** False when it had to wait and things must be looked at again. */
  async #isDue(atUs: number): Promise<boolean> {
    if (this.#sent < this.#sentBefore) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
      return false;
    }
    const { clock, pacing } = this.#options;
    const waitMs = (this.#startUs + atUs - clock.nowUs()) / 1000;
    if (pacing === "fast" || waitMs <= 0) return true;
    await clock.sleep(waitMs, this.#closing.signal);
    return false;
  }

  #check(bytes: Uint8Array): LinkError | null {
    if (this.#closing.signal.aborted) {
      return new LinkError("link.closed", `Cannot write to ${this.name} as it must be open: it was closed`);
    }
    if (this.#lost !== null || this.#options.strict === false) return this.#lost;
    const then = this.#sentThen.subarray(this.#sent, this.#sent + bytes.length);
    const at = then.length < bytes.length ? then.length : bytes.findIndex((byte, i) => byte !== then[i]);
    if (at < 0) return null;
    const text = `Cannot replay as the same bytes must be sent: found another at ${
      this.#sent + at
    } of ${this.#sentThen.length}`;
    this.#lost = new LinkError("link.replay", text, {
      hint: "Use the same seed and clock as in the recording, or a replay that is not strict",
    });
    this.#wake?.();
    return this.#lost;
  }
}
