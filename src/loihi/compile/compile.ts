/** A network for a board: the whole way from layers to an image. */

import type { Network } from "../../core/network.ts";
import type { Board } from "../board.ts";
import { assemble } from "./assemble.ts";
import type { BoardImage } from "./image.ts";
import { lower } from "./lower.ts";
import { partition } from "./partition.ts";
import { type LayerRange, worstRanges } from "./ranges.ts";
import { EXACT, type Recipe } from "./recipe.ts";

/** How to compile. */
export interface CompileOptions {
  /** `EXACT` by default: the answers of the simulator, spike for spike. */
  readonly recipe?: Recipe;
}

/** An image, and what can be said of it without running it. */
export interface Compilation {
  readonly image: BoardImage;
  readonly ranges: readonly LayerRange[];
}

/**
 * Compiles `network` for `board`. Deterministic: the same three give the same image, byte for byte.
 *
 * The network's own convention does not matter: its normalised weights mean the same in both, and the image always runs
 * `quartz-loihi`. No layer has to be rescaled: weights beyond what a mantissa holds take a larger exponent.
 *
 * @throws {ModelError} `loihi.range` when numbers do not fit the chip's registers
 * @throws {BackendError} `loihi.fit` when the network does not fit the board
 */
export function compileForBoard(network: Network, board: Board, options: CompileOptions = {}): BoardImage {
  return compileWithRanges(network, board, options).image;
}

/** As `compileForBoard`, with the worst cases of every layer's registers. */
export function compileWithRanges(network: Network, board: Board, options: CompileOptions = {}): Compilation {
  const recipe = options.recipe ?? EXACT;
  const circuit = lower(network, recipe);
  const image = assemble(network, recipe, { circuit, cores: partition(circuit, board), board });
  return { image, ranges: worstRanges(circuit, network.tMax) };
}
