/** Conversion that is measured on other images than it is calibrated with. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { convert } from "../../src/convert/convert.ts";
import { ModelError } from "../../src/core/errors.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { openClip } from "../../src/data/packed.ts";

const MODEL = fileURLToPath(new URL("../../models/mnist-lenet", import.meta.url));

// onnxruntime keeps a message port of its own for as long as the process lives.
Deno.test("provenance carries the accuracy on the images to measure with", { sanitizeResources: false }, async () => {
  const clip = await openClip(`${MODEL}/clip.safetensors.gz`);
  const [data, measureData] = [part(clip, 0, 100), part(clip, 100, 60)];
  const { network, measurement } = await convert({ modelPath: `${MODEL}/model.onnx`, data, measureData });
  assert.equal(measurement.frames, 60);
  assert.deepEqual(
    [network.provenance.calibrationFrames, network.provenance.snnAccuracyFrames],
    [100, 60],
  );
  assert.ok(network.provenance.annAccuracy! >= 0.95 && measurement.agreement! >= 0.95);
});

Deno.test("images to measure with must have the size of the others", { sanitizeResources: false }, async () => {
  const clip = await openClip(`${MODEL}/clip.safetensors.gz`);
  const measureData: Dataset = { ...part(clip, 0, 20), shape: [14, 14, 1] };
  const converting = convert({ modelPath: `${MODEL}/model.onnx`, data: part(clip, 0, 20), measureData });
  await assert.rejects(converting, (error) => {
    assert.ok(error instanceof ModelError && error.code === "convert.measure");
    assert.match(error.message, /28x28x1.*found 14x14x1/);
    return true;
  });
});

function part(data: Dataset, start: number, count: number): Dataset {
  const { name, shape, labels } = data;
  return { name, count, shape, labels, frame: (index, out) => data.frame(start + index, out) };
}
