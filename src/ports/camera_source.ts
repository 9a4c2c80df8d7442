/** The seam between the runtime and anything that yields images. */

import type { Frame } from "../core/frame.ts";

/**
 * A source of frames.
 *
 * `live` sources run at their own speed: the runtime keeps the newest frame only and counts the others as dropped.
 * `on_demand` sources make the next frame when they are asked for it, so no frame of theirs is ever dropped as busy.
 */
export interface CameraSource extends AsyncDisposable {
  /** Id from the configuration, `[a-z0-9_-]{1,64}`. */
  readonly id: string;
  readonly pacing: "live" | "on_demand";
  /**
   * Starts the source and yields frames until it ends (a clip played once) or `signal` is aborted; both end the
   * iteration without an error. May be called once.
   *
   * A frame's pixels are lent until the next `next()`. A single unreadable image does not end the source: it yields
   * a `MalformedFrame` in its place, which the runtime counts.
   *
   * @throws {CameraError} `camera.open` when the source cannot start at all; `camera.lost` when it went away.
   */
  frames(signal: AbortSignal): AsyncIterable<Frame | MalformedFrame>;
}

/** An image that was captured but cannot be used. */
export interface MalformedFrame {
  readonly id: number;
  readonly malformed: true;
  /** Why, for the log: what was expected and what was found. */
  readonly reason: string;
}
