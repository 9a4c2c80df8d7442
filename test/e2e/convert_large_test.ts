/** The larger trained networks of models/ through the whole conversion. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { convert } from "../../src/convert/convert.ts";
import { openClip } from "../../src/data/packed.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { runSelfTest } from "../../src/simulator/self_test.ts";

const MODELS = fileURLToPath(new URL("../../models", import.meta.url));

// onnxruntime keeps a message port of its own for as long as the process lives.
const options = { sanitizeResources: false };

for (const name of ["fashion-vgg", "fashion-mobilenet"]) {
  Deno.test(`models/${name} answers as its source network on the clip`, options, async () => {
    const data = await openClip(`${MODELS}/fashion-lenet/clip.safetensors.gz`);
    const pixels = { mean: [0.286], std: [0.353] };
    const frames = { calibrationFrames: 100, measureFrames: 30 };
    const modelPath = `${MODELS}/${name}/model.onnx`;
    const result = await convert({ modelPath, data, ...pixels, ...frames, tMax: 32, exactBias: true });
    assert.ok(result.reference.agreement! >= 0.9, `agreement ${result.reference.agreement}`);
    assert.deepEqual(runSelfTest(result.network, createReferenceKernel(result.network)), []);
  });
}
