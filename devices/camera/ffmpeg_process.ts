/** One ffmpeg as a child process: bytes from its standard output, its last words, and an end that always comes. */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Clock } from "../../src/core/clock.ts";
import { redactSecrets, redactUrl } from "../../src/core/redact.ts";

/** A request to end that is not obeyed in this time is followed by SIGKILL, ms. */
const GOODBYE_MS = 500;
/** Last words that are kept: so many lines, each cut and marked at a length, and a longer line is not even read. */
const LINES_MAX = 8;
const LINE_LENGTH_MAX = 300;
const LINE_READ_MAX = 16_384;
/** Said for every MJPEG camera, and of no consequence, as the colour range is given; and that a line was said again. */
const NOISE = /deprecated pixel format used|^\s*Last message repeated/;

/** How a child ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not be started at all. */
  readonly startError: Error | null;
}

/** Starts a program without a shell. `secrets` are taken out of what it says. */
export function startChild(
  program: string,
  args: readonly string[],
  options: { readonly clock: Clock; readonly secrets: readonly string[] },
): CameraProcess {
  return new CameraProcess(program, args, options);
}

/** A running child. */
export class CameraProcess {
  /** Settles when the process is gone, reaped, and its pipes are closed. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcess | null = null;
  readonly #clock: Clock;
  readonly #secrets: readonly string[];
  readonly #gone = new AbortController();
  readonly #lines: string[] = [];
  #rest = "";
  #wake: (() => void) | null = null;
  #stopping: Promise<void> | null = null;

  constructor(program: string, args: readonly string[], options: Parameters<typeof startChild>[2]) {
    this.#clock = options.clock;
    this.#secrets = options.secrets;
    const { promise, resolve } = Promise.withResolvers<ChildEnd>();
    this.ended = promise;
    const end = (how: ChildEnd) => {
      this.#gone.abort();
      this.#wake?.();
      resolve(how);
    };
    let startError: Error | null = null;
    try {
      // The child gets no more of the environment than it needs: that may hold passwords.
      const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env.PATH ?? "" } });
      this.#child = child;
      child.once("error", (error) => {
        startError ??= error;
        if (child.pid === undefined) end({ code: null, signal: null, startError });
      });
      child.once("close", (code, signal) => end({ code, signal, startError }));
      child.stdin.on("error", () => {}); // it may be gone before it was asked to go
      child.stdout.on("readable", () => this.#wake?.()).on("end", () => this.#wake?.()).on("error", () => {});
      child.stderr.setEncoding("utf8").on("data", (text: string) => this.#listen(text)).on("error", () => {});
    } catch (error) {
      end({ code: null, signal: null, startError: error as Error }); // Deno without the permission to run it
    }
  }

  /** Process id; undefined when it did not start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Its last lines, oldest first, without credentials. */
  get lastWords(): readonly string[] {
    return this.#lines;
  }

  /** The next bytes; null when there are no more, or after `stop`. One caller at a time. */
  async read(): Promise<Uint8Array | null> {
    const stdout = this.#child?.stdout;
    while (stdout && !stdout.destroyed) {
      const chunk = stdout.read() as Uint8Array | null;
      if (chunk !== null) return chunk;
      if (stdout.readableEnded || this.#gone.signal.aborted || this.#stopping !== null) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
    return null;
  }

  /** Asks it to end (ffmpeg takes leave of a camera then), and kills it when it does not; `now`: kills at once. */
  stop(now = false): Promise<void> {
    return this.#stopping ??= this.#stop(now);
  }

  async #stop(now: boolean): Promise<void> {
    const child = this.#child;
    this.#wake?.();
    if (child === null || this.#gone.signal.aborted) return;
    child.stdin!.end("q");
    child.stdout!.destroy(); // a child that waits to write sees a broken pipe
    if (!now) await this.#clock.sleep(GOODBYE_MS, this.#gone.signal);
    // Once only: after any signal Deno takes a child for ended, and sends no second one.
    if (!this.#gone.signal.aborted) child.kill("SIGKILL");
    await this.ended;
  }

  /** Whole lines only, so that no secret is cut in two and missed. */
  #listen(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]+/);
    this.#rest = lines.pop()!;
    if (this.#rest.length > LINE_READ_MAX) this.#rest = "";
    for (const line of lines) {
      if (line.trim() === "" || NOISE.test(line)) continue;
      const clean = redactSecrets(redactUrl(line.trim()), this.#secrets);
      this.#lines.push(clean.length > LINE_LENGTH_MAX ? `${clean.slice(0, LINE_LENGTH_MAX)}…` : clean);
      if (this.#lines.length > LINES_MAX) this.#lines.shift();
    }
  }
}
