/** The network that an image stands for, so that a simulator can be asked the same question as the board. */

import type { Layer, Network } from "../../core/network.ts";
import { toGrid } from "./mantissas.ts";
import { EXACT } from "./recipe.ts";

/**
 * `network` with the weights that the recipe `EXACT` puts on a board, and the board's convention.
 *
 * The weights are even multiples of 1/256, or of a larger power of two where they are large, so that float64 sums are exact: the
 * reference kernel gives the board's levels.
 */
export function boardNetwork(network: Network): Network {
  const layers = network.layers.map((layer): Layer => {
    if (!("weights" in layer)) return layer;
    const { weightUnit, rounding } = EXACT;
    return { ...layer, weights: Float32Array.from(layer.weights, (w) => toGrid(w, weightUnit, rounding) / weightUnit) };
  });
  return { ...network, convention: "quartz-loihi", layers };
}
