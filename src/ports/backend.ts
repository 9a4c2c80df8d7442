/** The seam between the runtime and whatever runs a network: a simulator here, or a board behind a link. */

import type { Network } from "../core/network.ts";
import type { InferenceOutput } from "../core/results.ts";

/**
 * Runs one loaded network, one frame at a time.
 *
 * A back end is opened with its network by a factory, which resolves when it can take frames and rejects with a
 * `BackendError` or `ModelError` otherwise.
 */
export interface Backend extends AsyncDisposable {
  readonly name: "simulator" | "loihi";
  readonly network: Network;
  /** What ran the last frame, where one back end stands in for another; absent: it is always the one of `name`. */
  readonly ranBy?: "simulator" | "loihi";
  /**
   * Runs a frame.
   *
   * @param input levels `[channels, height, width]` of the network's input; read before the promise settles, and the
   *   caller's again after that.
   * @param output filled in place.
   * @throws {BackendError} `backend.busy` when a run is still under way (the running one is not disturbed);
   *   `backend.closed` after or during dispose; `backend.shape` when `input` has the wrong length;
   *   `backend.failed` when this frame failed, after which the back end may be used again; `backend.lost` when the
   *   simulator's thread or the board is gone, after which every run is refused: open another.
   */
  run(input: Int16Array, output: InferenceOutput): Promise<void>;
}
