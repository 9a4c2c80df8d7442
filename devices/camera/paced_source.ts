/** A `CameraSource` over pictures that are made when asked for: pacing and ids in one place. */

import type { Clock } from "../../src/core/clock.ts";
import { CameraError, type Issue } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";
import { createCameraSource } from "./camera_shell.ts";

/** One image of a source, before it has an id and a time. `pixels` may be overwritten by the next one. */
export type Picture = Pick<Frame, "width" | "height" | "channels" | "pixels" | "truth">;
/** An image that could not be used, and why. */
export interface BadPicture {
  readonly reason: string;
}

/** What every such source is opened with. */
export interface PacedOptions {
  /** `[a-z0-9_-]{1,64}`. */
  readonly id: string;
  /**
   * Frames a second: frame k is due at start + k / rate, without drift, and a consumer that came late gets its frames
   * in order and at once until it has caught up. Null: `on_demand`, as fast as asked.
   */
  readonly rateFps: number | null;
  /** Ends after so many frames; endless, or as long as the pictures last, when absent. */
  readonly limit?: number;
  readonly clock: Clock;
}

/** Fastest rate; a timer does not wake more often. */
const RATE_FPS_MAX = 1000;

/** Everything wrong with the options, for `openProblems`. */
export function checkPacedOptions(options: PacedOptions, issues: Issue[]): void {
  const { id, rateFps, limit } = options;
  if (!/^[a-z0-9_-]{1,64}$/.test(id)) {
    issues.push({ where: "id", expected: "1 to 64 of a-z, 0-9, _ and -", found: JSON.stringify(id) });
  }
  if (rateFps !== null && !(rateFps > 0 && rateFps <= RATE_FPS_MAX)) {
    issues.push({ where: "rate_fps", expected: `above 0, at most ${RATE_FPS_MAX}, or null`, found: `${rateFps}` });
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    issues.push({ where: "limit", expected: "a whole number from 1", found: `${limit}` });
  }
}

/** The error for options that were refused: `camera.open` with all of `issues`. */
export function openProblems(id: string, issues: readonly Issue[], hint?: string): CameraError {
  const message = `Cannot open camera ${JSON.stringify(id)}: ${issues.length} problem(s)`;
  return new CameraError("camera.open", message, { issues, hint });
}

/**
 * Makes a camera of a function that gives one picture after another, and null after the last.
 *
 * `next` is never called twice at a time, and not after dispose; an error of its ends the source with that error.
 */
export function createPacedSource(
  options: PacedOptions,
  next: () => Picture | BadPicture | null | Promise<Picture | BadPicture | null>,
): CameraSource {
  return createCameraSource({
    id: options.id,
    pacing: options.rateFps === null ? "on_demand" : "live",
    run: (signal) => run(options, next, signal),
  });
}

// ---------------------------------------------------------------------------------------------------------------------

async function* run(
  options: PacedOptions,
  next: Parameters<typeof createPacedSource>[1],
  signal: AbortSignal,
): AsyncGenerator<Frame | MalformedFrame> {
  const { clock, rateFps, limit = Infinity } = options;
  const startUs = clock.nowUs();
  for (let id = 0; id < limit && !signal.aborted; id++) {
    const picture = await next();
    if (picture === null) return;
    const dueUs = rateFps === null ? 0 : startUs + Math.round((id * 1e6) / rateFps);
    // A timer may be early by the part of a millisecond that it rounded off, hence a loop.
    for (let nowUs = clock.nowUs(); nowUs < dueUs && !signal.aborted; nowUs = clock.nowUs()) {
      await clock.sleep((dueUs - nowUs) / 1000, signal);
    }
    if (signal.aborted) return;
    if ("reason" in picture) {
      yield { id, malformed: true, reason: picture.reason };
    } else {
      yield { id, capturedAtUs: clock.nowUs(), capturedAtWallMs: clock.wallMs(), ...picture };
    }
  }
}
