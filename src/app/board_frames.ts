/** Images of a data set as the levels that a board takes. */

import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import { openDataset } from "../data/open.ts";
import { createImageReader } from "../evaluate/image_reader.ts";
import { createByteEncoder } from "../ttfs/encode.ts";
import { createTiming } from "../ttfs/timing.ts";
import { imageDecoders } from "./image_decoders.ts";

/** The clip that comes with the program. */
const BUNDLED_CLIP = new URL("../../models/mnist-lenet/clip.safetensors.gz", import.meta.url);

/** Frames in a fixed order. */
export interface BoardFrames {
  readonly name: string;
  readonly count: number;
  /** Puts frame `index`, counted anew after the last, into `levels`. @returns its class, −1 when not known */
  read(index: number, levels: Int16Array): number;
}

/**
 * Opens `data`, the bundled digits when it is null, for a network of convention `quartz-loihi`.
 *
 * @throws {ConfigError} `data.spec`, `data.read`
 */
export async function openBoardFrames(network: Network, data: string | null): Promise<BoardFrames> {
  const dataset = await openDataset(data ?? `clip:${fileURLToPath(BUNDLED_CLIP)}`, imageDecoders);
  if (dataset.count === 0) throw new ConfigError("data.read", `Cannot use ${dataset.name} as it must hold images`);
  const readImage = createImageReader(dataset, network);
  const encoder = createByteEncoder(createTiming(network.convention, network.tMax), network.input);
  return {
    name: dataset.name,
    count: dataset.count,
    read(index, levels) {
      const { bytes, label } = readImage(index % dataset.count);
      encoder.encode(bytes, levels);
      return label;
    },
  };
}
