/** Images of a data set as the levels that a board takes. */

import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.ts";
import type { Frame } from "../core/frame.ts";
import type { Network } from "../core/network.ts";
import { openDataset } from "../data/open.ts";
import { createPreprocessor } from "../preprocess/pipeline.ts";
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
  const [height, width, channels] = dataset.shape;
  if (dataset.count === 0) throw new ConfigError("data.read", `Cannot use ${dataset.name} as it must hold images`);
  const preprocessor = createPreprocessor(network.input, { crop: null, resize: "auto", invert: false });
  const encoder = createByteEncoder(createTiming(network.convention, network.tMax), network.input);
  const pixels = new Uint8Array(height * width * channels);
  const frame: Frame = {
    id: 0,
    capturedAtUs: 0,
    capturedAtWallMs: 0,
    width,
    height,
    channels: channels === 3 ? 3 : 1,
    pixels,
    truth: -1,
  };
  return {
    name: dataset.name,
    count: dataset.count,
    read(index, levels) {
      const truth = dataset.frame(index % dataset.count, pixels);
      encoder.encode(preprocessor.run(frame), levels);
      return truth;
    },
  };
}
