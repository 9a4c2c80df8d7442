/** The source network beside the spiking one, on the bundled digits. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openShadowAnn } from "../../../src/convert/shadow.ts";
import { ModelError } from "../../../src/core/errors.ts";
import { frameValues } from "../../../src/data/dataset.ts";
import { openClip } from "../../../src/data/packed.ts";
import { openNetwork } from "../../../src/model/load.ts";

const FOLDER = fileURLToPath(new URL("../../../models/mnist-lenet", import.meta.url));

// onnxruntime keeps a message port of its own for as long as the process lives.
Deno.test("shadow: the source network classifies the clip's digits", { sanitizeResources: false }, async () => {
  const network = await openNetwork(`${FOLDER}/network.safetensors`);
  const clip = await openClip(`${FOLDER}/clip.safetensors.gz`);
  const bytes = new Uint8Array(frameValues(clip));
  await using ann = await openShadowAnn(`${FOLDER}/model.onnx`, network);
  let correct = 0;
  for (let i = 0; i < 100; i++) {
    const label = clip.frame(i, bytes);
    if (await ann.classify(bytes) === label) correct++;
  }
  assert.ok(correct >= 98, `${correct} of 100`);
});

Deno.test("shadow: a model with other classes is refused", async () => {
  const network = await openNetwork(`${FOLDER}/network.safetensors`);
  const two = { ...network, labels: ["a", "b"] };
  await assert.rejects(openShadowAnn(`${FOLDER}/model.onnx`, two), (error) => {
    assert.ok(error instanceof ModelError);
    assert.equal(error.code, "convert.shadow");
    assert.match(error.message, /must have 2 outputs.*found 10/);
    return true;
  });
});

Deno.test(
  "shadow: the source network sees pixels as it did when it was converted",
  { sanitizeResources: false },
  async () => {
    const folder = fileURLToPath(new URL("../../../models", import.meta.url));
    const network = await openNetwork(`${folder}/fashion-lenet/network.safetensors`);
    const clip = await openClip(`${folder}/fashion-lenet/clip.safetensors.gz`);
    const provenance = { ...network.provenance, sourcePixels: { mean: [0.286], std: [0.353] } };
    const bytes = new Uint8Array(frameValues(clip));
    const correct = async (from: typeof network) => {
      await using ann = await openShadowAnn(`${folder}/fashion-vgg/model.onnx`, from);
      let count = 0;
      for (let i = 0; i < 100; i++) {
        const label = clip.frame(i, bytes);
        if (await ann.classify(bytes) === label) count++;
      }
      return count;
    };
    const [centred, plain] = [await correct({ ...network, provenance }), await correct(network)];
    assert.ok(centred >= 85 && plain < centred, `${centred} with mean and deviation, ${plain} without`);
  },
);
