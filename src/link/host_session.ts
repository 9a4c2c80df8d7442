/** A session with a board as the host sees it: what it is opened with and what it can do. Types, and the usual waits. */

import type { Clock } from "../core/clock.ts";
import type { LinkError } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import type { UploadReport } from "./image_upload.ts";
import type { LinkStats } from "./link_stats.ts";
import type { Caps } from "./messages/caps.ts";
import type { LinkConfig } from "./messages/config.ts";
import type { BoardError } from "./messages/error.ts";
import type { ResetScope } from "./messages/reset.ts";
import type { FrameResult } from "./messages/result.ts";
import type { BoardTelemetry } from "./messages/telemetry.ts";
import type { BoardTime } from "./time_sync.ts";

/** How a session is opened. */
export interface HostOptions {
  readonly clock: Clock;
  /** For the session's number. */
  readonly random: Random;
  /** This program and its version, for the board's log. */
  readonly name: string;
  /** Power of the rails, as it comes; CONFIG sets how often. */
  readonly onTelemetry?: (telemetry: BoardTelemetry) => void;
  /** An error that answers no request. */
  readonly onBoardError?: (error: BoardError) => void;
  readonly timing?: Partial<HostTiming>;
}

/** Every wait of a session, ms, and how often things are tried. */
export interface HostTiming {
  /** One attempt of an ordinary request, and how many. */
  readonly requestTimeoutMs: number;
  readonly requestAttemptsMax: number;
  /** One attempt of a frame, and how many; all are the same frame to the board. */
  readonly frameTimeoutMs: number;
  readonly frameAttemptsMax: number;
  /** Longest wait of a frame for credit. */
  readonly creditTimeoutMs: number;
  /** Longest wait for an image to load after its upload. */
  readonly loadTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** The link counts as lost when nothing good came for so long. */
  readonly silenceMsMax: number;
}

/** `HostTiming` unless told otherwise. */
export const HOST_TIMING: HostTiming = {
  requestTimeoutMs: 500,
  requestAttemptsMax: 6,
  frameTimeoutMs: 1000,
  frameAttemptsMax: 4,
  creditTimeoutMs: 10_000,
  loadTimeoutMs: 120_000,
  pingIntervalMs: 1000,
  silenceMsMax: 4000,
};

/** What to run. */
export interface HostFrame {
  /** The caller's name for it, 0 to 2^32 − 1; comes back in the result. */
  readonly frameId: number;
  /** Host's monotonic clock, µs. */
  readonly capturedAtUs: number;
  readonly tMax: number;
  /** One an input, 0 to `tMax`; lent until the promise of `runFrame` settles. */
  readonly levels: ArrayLike<number>;
}

/** Where a session is: `open` has no image, `loading` is getting one, `running` takes frames, `closed` is over. */
export type HostState = "open" | "loading" | "running" | "closed";

/** A session with a board. Every promise of it settles; after the end, with the reason of the end. */
export interface HostSession extends AsyncDisposable {
  readonly state: HostState;
  /** As of hello; `imageSha256` tells what was loaded then. */
  readonly caps: Caps;
  readonly sessionId: number;
  readonly stats: Readonly<LinkStats>;
  /** The board's clock; null until the first exchange worked. */
  readonly time: BoardTime | null;
  readonly framesInFlight: number;
  /** Resolves with the reason when the session is over: `link.closed` by `close`, else `link.lost`, `link.session`, … */
  readonly ended: Promise<LinkError>;
  /**
   * Sends an image unless the board has it, and loads it. One at a time. Resumes where an earlier upload broke off.
   *
   * @throws {LinkError} `link.image_*` when the board refuses; `link.state` while frames or an upload are under way
   */
  uploadImage(
    bytes: Uint8Array,
    sha256: string,
    onProgress?: (doneBytes: number, totalBytes: number) => void,
  ): Promise<UploadReport>;
  /** Sets options; resolves with what is in force. */
  configure(config: LinkConfig): Promise<LinkConfig>;
  /**
   * Runs a frame; several may be under way, and go out as credit allows.
   *
   * @throws {LinkError} `link.state` before an image is loaded; `link.timeout` without an answer, in which case the
   *   board may have run it; `link.frame_*`, `link.chip_stuck`, … as the board says; `link.range`; `link.busy`
   */
  runFrame(frame: HostFrame): Promise<FrameResult>;
  /**
   * First spikes of all neurons of a layer in one of the last frames, `[neurons]`, steps, 0xFFFF for none.
   *
   * @param number of the frame's result
   */
  readSpikes(number: number, layer: number): Promise<Uint16Array>;
  /** Forgets currents and voltages, or the image too. */
  reset(scope: ResetScope): Promise<void>;
  /** Exchanges time stamps a few times and keeps the quickest; `time` holds it too. Null when none came through. */
  syncTime(): Promise<BoardTime | null>;
  /** Says goodbye and closes the transport. What is under way fails with `link.closed`. Never rejects. */
  close(): Promise<void>;
}
