/** The source network beside the spiking one: the class that it gives each frame, for comparing answers. */

import { ModelError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import { sizeOf } from "../core/shape.ts";
import { startAnn } from "./ann.ts";
import { fillInput, inputDims, largest } from "./calibrate.ts";
import { lowerModel } from "./lower/lower.ts";
import { openOnnx } from "./onnx/read.ts";
import { pixelsOf } from "./pixels.ts";

/** A source network that is ready to classify. One frame at a time. */
export interface ShadowAnn extends AsyncDisposable {
  /**
   * Classifies one frame.
   *
   * @param bytes the frame as the network sees it: `[channels, height, width]`, 0 to 255
   * @returns the class, as an index into the network's labels; the lowest of those that tie
   * @throws {ModelError} `convert.ann` when the model fails
   */
  classify(bytes: Uint8Array): Promise<number>;
}

/**
 * Opens the ONNX model that `network` was converted from, or any other with the same input and classes.
 *
 * @param pixels the model's input is (byte / 255 − mean) / std, one number or one a channel; what the network was converted
 *   with by default
 * @throws {ModelError} `onnx.*` and `convert.*` for a model that cannot be read or run; `convert.shadow` when its classes are
 *   not as many as the network's
 * @throws {ConfigError} `convert.pixels`
 */
export async function openShadowAnn(
  modelPath: string,
  network: Network,
  pixels: { readonly mean?: readonly number[]; readonly std?: readonly number[] } = {},
): Promise<ShadowAnn> {
  const { shape } = network.input;
  const [channels] = shape;
  const own = network.provenance.sourcePixels;
  const image = pixelsOf({ mean: pixels.mean ?? own?.mean, std: pixels.std ?? own?.std }, channels);
  const model = await openOnnx(modelPath);
  const graph = lowerModel(model, shape, modelPath);
  const outputs = sizeOf(graph.layers[graph.layers.length - 1].shape);
  if (outputs !== network.labels.length) {
    const message = `Cannot compare with ${JSON.stringify(modelPath)} as it must have ${network.labels.length} ` +
      `outputs, one a class of ${JSON.stringify(network.name)}: found ${outputs}`;
    throw new ModelError("convert.shadow", message, {
      hint: "Give the ONNX model that the network was converted from; `quartz inspect` names it",
      facts: { outputs, classes: network.labels.length },
    });
  }
  const input = new Float32Array(sizeOf(shape));
  const pixelsInRows = new Uint8Array(sizeOf(shape));
  const ann = await startAnn(model, { name: graph.input.name, dims: inputDims(model, graph) }, [graph.output]);
  return {
    async classify(bytes) {
      const area = bytes.length / channels;
      for (let i = 0; i < bytes.length; i++) pixelsInRows[(i % area) * channels + Math.floor(i / area)] = bytes[i];
      fillInput(pixelsInRows, channels, image, graph.input.layout, input);
      return largest((await ann.run(input))[0]);
    },
    [Symbol.asyncDispose]: () => ann[Symbol.asyncDispose](),
  };
}
