/** A board as a back end: levels go out as spike times and first spikes come back as levels. */

import { BackendError } from "../core/errors.ts";
import { hasNeurons, inputShapeOf, type Network } from "../core/network.ts";
import { pathOf, synapseCount } from "../core/geometry.ts";
import type { InferenceOutput } from "../core/results.ts";
import { sizeOf } from "../core/shape.ts";
import { type FrameResult, NO_SPIKE } from "../link/messages/result.ts";
import type { Backend } from "../ports/backend.ts";
import { createTiming, decisionStep } from "../ttfs/timing.ts";
import { type BoardLink, type BoardLinkOptions, openBoardLink } from "./board_link.ts";

/** Counters that a board cannot fill, as they are about single spikes inside it; they are NaN. */
export const UNCOUNTED_BY_BOARDS = [
  "earlySpikes",
  "rectifiedSpikes",
  "saturatedSpikes",
  "synopsEvents",
  "synopsReference",
  "operations",
  "memoryReads",
  "memoryWrites",
] as const;

/**
 * Opens a board of its own for `network`, as `openBoardLink` does; disposing the back end closes the link.
 *
 * The back end's `network` is what the board runs: the same layers with weights on the board's grid.
 */
export async function openBoardBackend(network: Network, options: BoardLinkOptions): Promise<Backend> {
  const link = await openBoardLink(network, options);
  const backend = createBoardBackend(link);
  return {
    name: backend.name,
    network: backend.network,
    run: (input, output) => backend.run(input, output),
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** One caller's way to a board that others may use too; disposing it leaves the link open. */
export function createBoardBackend(link: BoardLink): Backend {
  return new BoardBackend(link);
}

/** Levels of the outputs, from when each fired. A neuron that never did has the lowest level, 1 − t_max. */
export function levelsOfSteps(link: Pick<BoardLink, "image">, firstSteps: Uint16Array, levels: Int16Array): void {
  const { layers, tMax } = link.image;
  const { zeroStep } = layers[layers.length - 1];
  for (let i = 0; i < levels.length; i++) {
    levels[i] = firstSteps[i] === NO_SPIKE ? 1 - tMax : Math.max(1 - tMax, zeroStep - firstSteps[i]);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

class BoardBackend implements Backend {
  readonly name = "loihi";
  readonly network: Network;
  readonly #link: BoardLink;
  readonly #inputs: number;
  readonly #counts: (output: InferenceOutput) => void;
  readonly #closing = new AbortController();
  /** Rejects when the back end is closed. */
  readonly #closed: Promise<never>;
  #isRunning = false;

  constructor(link: BoardLink) {
    this.#link = link;
    this.network = link.network;
    this.#inputs = sizeOf(link.network.input.shape);
    this.#counts = createCounts(link.network);
    this.#closed = new Promise((_, reject) => {
      this.#closing.signal.addEventListener("abort", () => reject(closed()), { once: true });
    });
    this.#closed.catch(() => {});
  }

  async run(input: Int16Array, output: InferenceOutput): Promise<void> {
    if (this.#closing.signal.aborted) throw closed();
    if (this.#isRunning) throw new BackendError("backend.busy", "Cannot run a frame as one is still under way");
    if (input.length !== this.#inputs) {
      const message = `Cannot run a frame as it must have ${this.#inputs} levels: found ${input.length}`;
      throw new BackendError("backend.shape", message);
    }
    this.#isRunning = true;
    try {
      this.#fill(await Promise.race([this.#link.runFrame(input), this.#closed]), output);
    } finally {
      this.#isRunning = false;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  #fill(result: FrameResult, output: InferenceOutput): void {
    const { levels, counters } = output;
    if (result.firstSteps.length !== levels.length) {
      const text = `Cannot use an answer as it must have ${levels.length} outputs: found ${result.firstSteps.length}`;
      throw new BackendError("backend.failed", text, { hint: "This is a bug in the board's agent" });
    }
    levelsOfSteps(this.#link, result.firstSteps, levels);
    this.#counts(output);
    const { injectUs, runUs, readoutUs, resetUs } = result.durations;
    counters.runUs = injectUs + runUs + readoutUs + resetUs;
  }
}

/** Fills the counters: most follow from the network, as every neuron spikes once. */
function createCounts(network: Network): (output: InferenceOutput) => void {
  const timing = createTiming(network.convention, network.tMax);
  const { depth, pools } = pathOf(network.layers);
  let spikes = 0;
  let synopsAll = 0;
  for (const layer of network.layers) {
    if (!hasNeurons(layer)) continue;
    spikes += sizeOf(layer.shape);
    // A max-pool has no weights: the simulator counts no synapses for it either.
    if (layer.kind !== "max_pool") synopsAll += synapseCount(layer, inputShapeOf(network, layer));
  }
  return ({ levels, counters, earlySpikesByLayer }) => {
    earlySpikesByLayer.fill(NaN);
    for (const name of UNCOUNTED_BY_BOARDS) counters[name] = NaN;
    counters.spikes = spikes;
    counters.synopsAll = synopsAll;
    counters.decisionStep = decisionStep(timing, depth, pools, levels.reduce((most, level) => Math.max(most, level)));
  };
}

function closed(): BackendError {
  return new BackendError("backend.closed", "Cannot run a frame as the back end is closed");
}
