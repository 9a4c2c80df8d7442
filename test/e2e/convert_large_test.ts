/** Larger networks through the whole conversion: MobileNetV2's shape with random weights, and the trained ones in models/. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convert } from "../../src/convert/convert.ts";
import { openClip } from "../../src/data/packed.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { runSelfTest } from "../../src/simulator/self_test.ts";
import { mobileNetModel, waveImages } from "../support/mobilenet.ts";

const MODELS = fileURLToPath(new URL("../../models", import.meta.url));

// onnxruntime keeps a message port of its own for as long as the process lives.
const options = { sanitizeResources: false };

Deno.test("a network of MobileNetV2's shape is converted and runs", options, async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-"));
  try {
    const modelPath = join(folder, "small.onnx");
    const parts = { size: 32, stem: 8, head: 32, classes: 10, seed: 5 };
    await writeFile(modelPath, mobileNetModel({ ...parts, stages: [[1, 8, 1, 1], [4, 12, 2, 2], [4, 16, 2, 2]] }));
    const pixels = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const data = waveImages(32, 32);
    const result = await convert({ modelPath, data, ...pixels, tMax: 64, percentile: 100, exactBias: true });
    assert.ok(result.reference.agreement! >= 0.8, `agreement ${result.reference.agreement}`);
    assert.equal(result.network.layers.at(-1)!.shape[0], 10);
    assert.ok(result.notes.some((note) => note.includes("shifted")), result.notes.join("; "));
  } finally {
    await rm(folder, { recursive: true });
  }
});

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
