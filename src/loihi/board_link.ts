/**
 * A board for as long as the program runs: connects, brings the image, and connects again whenever the board has gone.
 * Several callers may have frames under way; each frame is answered once, or fails with a reason, and is never run again.
 */

import { createBackoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { BackendError, EdgeError, LinkError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { Random } from "../core/random.ts";
import { openHostSession } from "../link/host_link.ts";
import type { HostSession, HostTiming } from "../link/host_session.ts";
import type { LinkConfig } from "../link/messages/config.ts";
import type { Caps } from "../link/messages/caps.ts";
import type { FrameResult } from "../link/messages/result.ts";
import type { BoardTelemetry } from "../link/messages/telemetry.ts";
import type { Transport } from "../ports/transport.ts";
import type { Board } from "./board.ts";
import { boardNetwork } from "./compile/board_network.ts";
import { compileForBoard } from "./compile/compile.ts";
import type { BoardImage } from "./compile/image.ts";

/** What a board link tells its owner. */
export type BoardLog = (
  level: "warn" | "info",
  text: string,
  facts: Readonly<Record<string, string | number | boolean>>,
) => void;

/** How to reach a board. */
export interface BoardLinkOptions {
  readonly board: Board;
  /** Opens the line; called again for every connection. */
  readonly openTransport: () => Promise<Transport>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: BoardLog;
  /** This program and its version. */
  readonly name: string;
  /** Longest time for which a frame waits for a board that is away, ms. */
  readonly awayWaitMs: number;
  /** True: a board that cannot be had at once is an error. False: it is waited for, and frames fail meanwhile. */
  readonly mustConnect?: boolean;
  readonly timing?: Partial<HostTiming>;
  /** Power of the rails as it comes; `config` sets how often. */
  readonly onTelemetry?: (telemetry: BoardTelemetry, caps: Caps) => void;
  readonly config?: LinkConfig;
}

/** How often things happened since the start. */
export interface BoardLinkCounts {
  readonly connections: number;
  readonly uploads: number;
  /** Connections at which the board had the image. */
  readonly cachedImages: number;
}

/** A board, there or away. */
export interface BoardLink extends AsyncDisposable {
  /** The network that runs on the board, and that a simulator must run to give the same answers. */
  readonly network: Network;
  readonly image: BoardImage;
  /** The session that takes frames; null while the board is away. */
  readonly session: HostSession | null;
  readonly counts: BoardLinkCounts;
  /**
   * Runs a frame.
   *
   * @param levels `[channels, height, width]`, 0 to t_max; lent until the promise settles
   * @throws {BackendError} `backend.failed` when there was no answer; `backend.closed` after or during dispose
   */
  runFrame(levels: Int16Array): Promise<FrameResult>;
}

/**
 * Compiles `network` and connects; resolves when the first attempt has ended.
 *
 * @throws {ModelError} or {BackendError} when it does not fit the board
 * @throws {LinkError} of the first attempt, with `mustConnect`
 */
export async function openBoardLink(network: Network, options: BoardLinkOptions): Promise<BoardLink> {
  const link = new Link(network, options);
  const error = await link.attempted;
  if (error !== null && options.mustConnect) {
    await link[Symbol.asyncDispose]();
    throw error;
  }
  return link;
}

// ---------------------------------------------------------------------------------------------------------------------

const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 10_000;

class Link implements BoardLink {
  readonly network: Network;
  readonly image: BoardImage;
  /** Resolves with the first attempt's error, null when it worked. */
  readonly attempted: Promise<EdgeError | null>;
  readonly counts = { connections: 0, uploads: 0, cachedImages: 0 };
  readonly #options: BoardLinkOptions;
  readonly #closing = new AbortController();
  readonly #kept: Promise<void>;
  #session: HostSession | null = null;
  #away: EdgeError | null = null;
  /** Aborted when the board has come back; a new one for each time that it is away. */
  #back = new AbortController();
  #frameId = 0;

  constructor(network: Network, options: BoardLinkOptions) {
    this.#options = options;
    this.network = boardNetwork(network);
    this.image = compileForBoard(network, options.board);
    let settle: (error: EdgeError | null) => void = () => {};
    this.attempted = new Promise((resolve) => settle = resolve);
    this.#kept = this.#keep(settle);
  }

  get session(): HostSession | null {
    return this.#session;
  }

  async runFrame(levels: Int16Array): Promise<FrameResult> {
    if (this.#session === null) await this.#options.clock.sleep(this.#options.awayWaitMs, this.#back.signal);
    if (this.#closing.signal.aborted) throw closed();
    const session = this.#session;
    if (session === null) throw failed("the board must be there", this.#away);
    const frameId = this.#frameId;
    this.#frameId = (frameId + 1) >>> 0;
    const { clock } = this.#options;
    try {
      return await session.runFrame({ frameId, capturedAtUs: clock.nowUs(), tMax: this.image.tMax, levels });
    } catch (error) {
      if (this.#closing.signal.aborted) throw closed();
      if (!(error instanceof EdgeError)) throw error;
      // The board was emptied: a new session brings the image again.
      if (error.code === "link.no_image" || error.code === "link.state") await session.close();
      throw failed("it must be answered", error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#back.abort();
    await this.#session?.close();
    await this.#kept;
  }

  /** Connects again and again until the end. */
  async #keep(attempted: (error: EdgeError | null) => void): Promise<void> {
    const { clock, random, log } = this.#options;
    const { signal } = this.#closing;
    const backoff = createBackoff({ minMs: RECONNECT_MS_MIN, maxMs: RECONNECT_MS_MAX, random });
    let logged = "";
    while (!signal.aborted) {
      let session: HostSession | null = null;
      try {
        session = await this.#connect();
        backoff.reset();
        logged = "";
        attempted(null);
        this.#away = await session.ended;
      } catch (error) {
        // Anything else is a bug, and every frame fails with it until somebody looks.
        this.#away = error instanceof EdgeError
          ? error
          : new LinkError("link.internal", error instanceof Error ? error.message : String(error), { cause: error });
        attempted(this.#away);
      }
      if (this.#session !== null) this.#back = new AbortController();
      this.#session = null;
      await session?.close();
      if (signal.aborted) break;
      // Said once for each reason: a board may be away for days.
      if (logged !== this.#away.message) log("warn", this.#away.message, { code: this.#away.code });
      logged = this.#away.message;
      await clock.sleep(backoff.nextMs(), signal);
    }
    this.#back.abort();
  }

  /** A session with the image loaded. */
  async #connect(): Promise<HostSession> {
    const { openTransport, clock, random, name, timing, onTelemetry, config, log } = this.#options;
    // An agent may report before the session is ours; nobody knows then what its rails are.
    let caps: Caps | null = null;
    const session = await openHostSession(await openTransport(), {
      clock,
      random,
      name,
      timing,
      onTelemetry: (telemetry) => caps !== null && onTelemetry?.(telemetry, caps),
    });
    caps = session.caps;
    const close = () => void session.close();
    this.#closing.signal.addEventListener("abort", close, { once: true });
    try {
      const { bytes, sha256 } = this.image;
      const { cached, sentBytes, report } = await session.uploadImage(bytes, sha256);
      if (config !== undefined) await session.configure(config);
      const { boardName, agentName } = session.caps;
      log("info", "board connected", { board: boardName, agent: agentName, cached, sentBytes, report });
      this.counts.connections++;
      if (cached) this.counts.cachedImages++;
      else this.counts.uploads++;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      this.#closing.signal.removeEventListener("abort", close);
    }
    this.#session = session;
    if (this.#closing.signal.aborted) await session.close();
    this.#back.abort();
    return session;
  }
}

function closed(): BackendError {
  return new BackendError("backend.closed", "Cannot run a frame as the link to the board is closed");
}

function failed(expected: string, cause: EdgeError | null): BackendError {
  const why = cause === null ? "no connection yet" : cause.message;
  return new BackendError("backend.failed", `Cannot finish a frame as ${expected}: found ${why}`, {
    cause: cause ?? undefined,
    hint: cause?.hint,
    facts: { link: cause?.code ?? "link.open" },
  });
}
