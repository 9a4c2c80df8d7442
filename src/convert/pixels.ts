/** From image bytes to the model's input: what the caller says of it, and what the model does itself. */

import { ConfigError } from "../core/errors.ts";
import type { Pixels } from "./calibrate.ts";
import type { SourceGraph } from "./graph.ts";

/**
 * Mean and deviation for each channel from what the caller gave: nothing, one number, or one a channel.
 *
 * @throws {ConfigError} `convert.pixels`
 */
export function pixelsOf(
  options: { readonly mean?: readonly number[]; readonly std?: readonly number[] },
  channels: number,
): Pixels {
  const perChannel = (list: readonly number[] | undefined, plain: number, name: string) => {
    const numbers = list ?? [plain];
    const valid = (numbers.length === 1 || numbers.length === channels) && numbers.every(Number.isFinite);
    if (!valid || (name === "std" && numbers.some((value) => value <= 0))) {
      const wanted = name === "std" ? "positive number" : "number";
      const message = `Cannot use ${name} as it must be one ${wanted}, or ${channels}: found [${numbers.join(", ")}]`;
      throw new ConfigError("convert.pixels", message);
    }
    return numbers.length === 1 ? Array<number>(channels).fill(numbers[0]) : numbers;
  };
  return { mean: perChannel(options.mean, 0, "mean"), std: perChannel(options.std, 1, "std") };
}

/** True when the model takes byte / 255 as it is. */
export function isPlain({ mean, std }: Pixels): boolean {
  return mean.every((value) => value === 0) && std.every((value) => value === 1);
}

/** The graph with bytes / 255 as its input: what the caller does to pixels joins what the model does. */
export function foldPixels(graph: SourceGraph, pixels: Pixels): SourceGraph {
  const { scale, offset } = graph.input;
  return {
    ...graph,
    input: {
      ...graph.input,
      scale: scale.map((value, i) => value / pixels.std[i]),
      offset: offset.map((value, i) => value - scale[i] * pixels.mean[i] / pixels.std[i]),
    },
  };
}
