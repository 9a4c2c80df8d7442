/**
 * A meter that writes lines of text on a serial line or a socket: the first number of a line that matches is its power.
 *
 * Lines come at the meter's own pace; a reading is the newest since the last one, with the time at which it came.
 */

import { createBackoff } from "../../src/core/backoff.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Random } from "../../src/core/random.ts";
import type { PowerChannel, PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";
import type { Transport } from "../../src/ports/transport.ts";

/** Where the lines come from and what to read in them. */
export interface LineMeterOptions {
  readonly id: string;
  /** For `info`: `serial:/dev/ttyUSB0?baud=9600`. */
  readonly address: string;
  readonly openTransport: () => Promise<Transport>;
  /** What stands before the number: `P=`; "": the line begins with it. */
  readonly prefix: string;
  /** What the number is multiplied by to be W. */
  readonly scale: number;
  readonly scope: "board" | "rail" | "accelerator";
  readonly clock: Clock;
  readonly random: Random;
}

/** Longest line, bytes; what is longer is passed over. */
const LINE_BYTES_MAX = 1024;
const REOPEN_MS_MIN = 1000;
const REOPEN_MS_MAX = 60_000;
const NUMBER = /^\s*([+-]?\d+(?:\.\d+)?)/;

/** A meter; it opens the line at once, and again whenever it was lost. */
export function createLineMeter(options: LineMeterOptions): PowerMeter {
  return new LineMeter(options);
}

// ---------------------------------------------------------------------------------------------------------------------

class LineMeter implements PowerMeter {
  readonly name: string;
  readonly everyMs = 0;
  readonly channels: readonly PowerChannel[];
  readonly #options: LineMeterOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #transport: Transport | null = null;
  #newest: PowerReading | null = null;
  #text = "";
  /** The start of this line was passed over. */
  #isTooLong = false;

  constructor(options: LineMeterOptions) {
    const { id, address, scope } = options;
    this.#options = options;
    this.name = `line meter ${id}`;
    this.channels = [{
      id,
      kind: "serial",
      scope,
      method: "measured",
      detail: `lines from ${address}`,
      coversGateway: scope === "board",
      counter: null,
    }];
    this.#running = this.#run();
  }

  read(): Promise<readonly (PowerReading | null)[]> {
    if (this.#closing.signal.aborted) return Promise.resolve([{ fault: "the meter is closed" }]);
    const newest = this.#newest;
    // A fault stands until a line comes; a value is told once.
    if (newest !== null && !("fault" in newest)) this.#newest = null;
    return Promise.resolve([newest]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#transport?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, openTransport } = this.#options;
    const { signal } = this.#closing;
    const backoff = createBackoff({ minMs: REOPEN_MS_MIN, maxMs: REOPEN_MS_MAX, random });
    while (!signal.aborted) {
      try {
        this.#transport = await openTransport();
        if (!signal.aborted) await this.#listen(this.#transport, backoff.reset);
        this.#newest = { fault: "the line has ended" };
      } catch (error) {
        this.#newest = { fault: error instanceof Error ? error.message : String(error) };
      }
      await this.#transport?.close();
      this.#transport = null;
      await clock.sleep(backoff.nextMs(), signal);
    }
  }

  async #listen(transport: Transport, onLine: () => void): Promise<void> {
    const decoder = new TextDecoder();
    // Nobody knows where in a line listening begins.
    this.#text = "";
    this.#isTooLong = true;
    for (let bytes = await transport.read(); bytes !== null; bytes = await transport.read()) {
      const lines = (this.#text + decoder.decode(bytes, { stream: true })).split(/[\r\n]+/);
      this.#text = lines.pop()!;
      for (const line of lines) {
        if (this.#isTooLong) this.#isTooLong = false;
        else if (this.#take(line)) onLine();
      }
      if (this.#text.length > LINE_BYTES_MAX) {
        this.#text = "";
        this.#isTooLong = true;
      }
    }
  }

  /** True for a line with a number. */
  #take(line: string): boolean {
    const { prefix, scale, clock } = this.#options;
    const start = line.indexOf(prefix);
    if (start < 0) return false;
    const [, number] = NUMBER.exec(line.slice(start + prefix.length)) ?? [];
    if (number === undefined) return false;
    this.#newest = { powerW: Number(number) * scale, atUs: clock.nowUs() };
    return true;
  }
}
