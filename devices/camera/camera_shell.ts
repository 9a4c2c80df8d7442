/** What every driver needs around its frames: they may be asked for once, abort and dispose both end them. */

import { CameraError } from "../../src/core/errors.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";

/** A driver's own part. */
export interface CameraShell {
  readonly id: string;
  readonly pacing: CameraSource["pacing"];
  /** Yields frames until the source ends or `signal`, the consumer's and dispose's together, is aborted. */
  run(signal: AbortSignal): AsyncIterable<Frame | MalformedFrame>;
  /** Lets go of what `run` holds open, whether or not the consumer still iterates; called at dispose, more than once. */
  close?(): Promise<void>;
}

/** The driver's part as a `CameraSource`. */
export function createCameraSource(shell: CameraShell): CameraSource {
  const { id, pacing } = shell;
  const closed = new AbortController();
  let isStarted = false;
  return {
    id,
    pacing,
    frames(signal) {
      const state = closed.signal.aborted ? "closed" : isStarted ? "started already" : null;
      if (state !== null) {
        throw new CameraError("camera.open", `Cannot start camera ${JSON.stringify(id)} as it is ${state}`, {
          hint: "Open it again: a camera's frames can be asked for once",
        });
      }
      isStarted = true;
      return shell.run(AbortSignal.any([signal, closed.signal]));
    },
    async [Symbol.asyncDispose]() {
      closed.abort();
      await shell.close?.();
    },
  };
}
