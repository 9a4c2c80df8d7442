/** The board's frames of one session: each is run at most once, in the order of arrival, and answered as often as asked. */

import type { Clock } from "../core/clock.ts";
import { LinkError } from "../core/errors.ts";
import { FRAME_SPAN } from "./credit_gate.ts";
import { boardError } from "./board_error.ts";
import type { FrameInput } from "./messages/frame.ts";
import type { FrameResult } from "./messages/result.ts";

/** What a board answers to a frame; the link adds the rest. */
export type BoardAnswer = Omit<FrameResult, "number" | "frameId" | "inputCrc" | "credit">;

/** What frames need of their session. */
export interface AgentFramesOptions {
  readonly clock: Clock;
  /** Frames that may wait or run. */
  readonly queueMax: number;
  /** A frame that takes longer counts as stuck. */
  readonly frameTimeoutMs: number;
  /** Frames of an earlier session that still run; the first of this one waits for them. */
  readonly after: Promise<void>;
  readonly run: (frame: FrameInput, signal: AbortSignal) => Promise<BoardAnswer>;
  /** Makes the answer's bytes and sends them; keeps them for a frame that comes again. */
  readonly answer: (job: FrameJob, answer: BoardAnswer | Error) => Uint8Array;
  readonly resend: (line: Uint8Array) => void;
}

/** A frame on the board. */
export interface FrameJob {
  readonly frame: FrameInput;
  readonly inputCrc: number;
  /** Of its packet, for the reply. */
  readonly seq: number;
}

/** What became of a frame that came. */
export type FrameFate = "taken" | "duplicate" | "busy";

/** Queue and memory of frames. */
export class AgentFrames {
  readonly #options: AgentFramesOptions;
  readonly #ending = new AbortController();
  readonly #queue: FrameJob[] = [];
  /** The answer of each frame of the last `FRAME_SPAN`; null while it waits or runs. */
  readonly #answers = new Map<number, Uint8Array | null>();
  #newest = -1;
  #running: Promise<void>;
  #isRunning = false;
  #unanswered = 0;

  constructor(options: AgentFramesOptions) {
    this.#options = options;
    this.#running = options.after;
  }

  /** Waiting and running, not counting what has been answered: its credit is the host's again. */
  get queued(): number {
    return this.#unanswered;
  }
  /** Resolves when no frame of this session runs any more. */
  get idle(): Promise<void> {
    return this.#running;
  }

  /** Takes a frame, unless it came before; answers it again if it has been answered. */
  take(job: FrameJob): FrameFate {
    const { number } = job.frame;
    const answered = this.#answers.get(number);
    if (answered !== undefined) {
      if (answered !== null) this.#options.resend(answered);
      return "duplicate";
    }
    // Numbers wrap, so ahead is decided by the sign of the difference.
    const ahead = this.#newest < 0 ? 1 : (number - this.#newest) | 0;
    if (ahead <= -FRAME_SPAN) return "duplicate";
    if (this.queued >= this.#options.queueMax) return "busy";
    if (ahead > 0) this.#newest = number;
    this.#forgetOld();
    this.#answers.set(number, null);
    this.#queue.push(job);
    this.#unanswered++;
    if (!this.#isRunning) this.#running = this.#runAll(this.#running);
    return "taken";
  }

  /** No further answers; what waits is dropped, what runs is told to stop. */
  end(): void {
    this.#unanswered -= this.#queue.length;
    this.#queue.length = 0;
    this.#ending.abort();
  }

  #forgetOld(): void {
    for (const number of this.#answers.keys()) {
      if (((number - this.#newest) | 0) <= -FRAME_SPAN) this.#answers.delete(number);
    }
  }

  async #runAll(before: Promise<void>): Promise<void> {
    this.#isRunning = true;
    await before;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) await this.#runOne(job);
    this.#isRunning = false;
  }

  async #runOne(job: FrameJob): Promise<void> {
    const { clock, frameTimeoutMs, run } = this.#options;
    const stop = new AbortController();
    const done = new AbortController();
    const ended = () => stop.abort();
    this.#ending.signal.addEventListener("abort", ended, { once: true });
    // Never rejects, since it may settle after the answer has been given.
    const running = run(job.frame, stop.signal).catch(asError).finally(() => done.abort());
    const stuck = clock.sleep(frameTimeoutMs, done.signal).then(() => {
      if (done.signal.aborted) return null;
      stop.abort();
      return boardError(
        "chip_stuck",
        `Cannot answer frame ${job.frame.frameId} as it must take ${frameTimeoutMs} ms at most`,
      );
    });
    const answer = await Promise.race([running, stuck.then((error) => error ?? running)]);
    this.#unanswered--;
    if (!this.#ending.signal.aborted) {
      const line = this.#options.answer(job, answer);
      if (this.#answers.has(job.frame.number)) this.#answers.set(job.frame.number, line);
    }
    // The chips take the next frame when they have stopped with this one.
    await running;
    await stuck;
    this.#ending.signal.removeEventListener("abort", ended);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function asError(error: unknown): Error {
  return error instanceof Error ? error : new LinkError("link.frame_failed", String(error));
}
