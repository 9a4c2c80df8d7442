/** Images of a data set as a network sees them: right size, right colour, planar. */

import type { Frame } from "../core/frame.ts";
import type { Network } from "../core/network.ts";
import type { Dataset } from "../data/dataset.ts";
import { createPreprocessor } from "../preprocess/pipeline.ts";

/** One image, valid until the next is read. */
export interface ReadImage {
  /** `[channels, height, width]`, bytes at the network's input size. */
  bytes: Uint8Array;
  /** Class in the data set, −1 when not known. */
  label: number;
}

/** A function that reads image `index` of `dataset` for `network`; buffers are made once. */
export function createImageReader(dataset: Dataset, network: Network): (index: number) => ReadImage {
  const [height, width, channels] = dataset.shape;
  const preprocessor = createPreprocessor(network.input, { crop: null, resize: "auto", invert: false });
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
  const image: ReadImage = { bytes: new Uint8Array(0), label: -1 };
  return (index) => {
    image.label = dataset.frame(index, pixels);
    image.bytes = preprocessor.run(frame);
    return image;
  };
}
