/** The seam between commands and the running gateway. */

import type { ModelInfo } from "../core/messages.ts";
import type { Shape } from "../core/shape.ts";

/**
 * What can be done to a gateway while it runs. A `camera` is an id of `cameras`; every method rejects or throws with an
 * `EdgeError` whose code starts with `command.` when it cannot do what it is asked to.
 */
export interface Controls {
  readonly cameras: readonly string[];
  /** Closes the camera until `resume`; fine when it is paused. */
  pause(camera: string): void;
  resume(camera: string): void;
  /** From the next frame on; resolves with the threshold before, 0 to 1. */
  setThreshold(camera: string, threshold: number): number;
  /** The next frame and what it was taken for; waits 2 s for one. */
  snapshot(camera: string): Promise<Snapshot>;
  /** Loads a network that the configuration names and gives the camera to it; the old one serves until that is done. */
  switchNetwork(camera: string, network: string): Promise<Pick<ModelInfo, "id" | "sha256">>;
  /** Ends the program so that its supervisor starts it again. */
  restart(): void;
  /**
   * Reads the configuration again; resolves with what changed, for the answer (`snake_case`), and rejects with an
   * `EdgeError` when nothing was. Null where that is not possible.
   */
  readonly reload: (() => Promise<Readonly<Record<string, unknown>>>) | null;
}

/** A frame as the network saw it. */
export interface Snapshot {
  readonly frameId: number;
  readonly classId: string;
  readonly confidence: number;
  /** `[channels, height, width]`; one or three channels. */
  readonly shape: Shape;
  /** Bytes in the order of `shape`; the receiver's own. */
  readonly bytes: Uint8Array;
}
