/**
 * Conversion from end to end on the authors' MNIST network: scales, accuracy and early spikes as published.
 *
 * The full set takes half a minute, so fewer images are measured here; `deno task reproduce:mnist` does the rest.
 */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert } from "../../src/convert/convert.ts";
import { openDataset } from "../../src/data/open.ts";
import { decodeImage, IMAGE_NAME } from "../../devices/camera/image_files.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { runSelfTest } from "../../src/simulator/self_test.ts";
import { mnistTestData, originalMnistModel } from "../support/mnist_model.ts";
import "../support/warm_ann.ts";

/** m of each layer at percentile 99, by the authors' own code. */
const PUBLISHED_SCALES = [0.635389, 1.001554, 0.637907, 12.465607];

async function withModel(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "convert-"));
  try {
    const path = join(folder, "mnist.onnx");
    await writeFile(path, originalMnistModel());
    await run(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const openMnist = () => openDataset(mnistTestData(), { pattern: IMAGE_NAME, decode: decodeImage });

Deno.test("convert() by quartz-2023 on all 10,000 test images gives the authors' scales", () =>
  withModel(async (modelPath) => {
    const data = await openMnist();
    const stages = new Set<string>();
    const result = await convert(
      { modelPath, data, percentile: 99, tMax: 16, normalise: "quartz-2023", measureFrames: 300 },
      (stage, done, total) => {
        stages.add(stage);
        assert.ok(done >= 1 && done <= total);
      },
    );
    const scales = result.network.layers.flatMap((layer) => ("scale" in layer ? [layer.scale] : []));
    scales.forEach((scale, i) => {
      const error = Math.abs(scale / PUBLISHED_SCALES[i] - 1);
      assert.ok(error < 2e-5, `layer ${i}: ${scale} instead of ${PUBLISHED_SCALES[i]}`);
    });
    assert.equal(result.calibration.accuracy, 0.9923);
    const { measurement, reference, annAccuracy } = result;
    assert.ok(measurement.accuracy! >= annAccuracy! - 0.01, `${measurement.accuracy} correct, source ${annAccuracy}`);
    assert.ok(reference.agreement! >= 0.98, `${reference.agreement} agreement`);
    assert.equal(result.measurement.synopsAll, 225_840);
    assert.deepEqual([...stages], [
      "calibrating",
      "normalising layer after layer",
      "measuring",
      "measuring by the reference kernel",
    ]);
  }));

Deno.test("convert() jointly makes a file that proves itself and says where it came from", () =>
  withModel(async (modelPath) => {
    const data = await openMnist();
    const result = await convert({ modelPath, data, calibrationFrames: 500, measureFrames: 200, name: "digits" });
    const { network } = result;
    assert.deepEqual([network.name, network.tMax, network.normalisation.percentile], ["digits", 16, 99.9]);
    assert.equal(network.provenance.calibrationFrames, 500);
    assert.equal(network.provenance.source, "mnist.onnx");
    assert.ok(result.measurement.agreement! >= 0.98, `${result.measurement.agreement} agreement`);
    assert.deepEqual(runSelfTest(network, createReferenceKernel(network)), []);
    assert.equal(network.selfTest!.count, 8);
    for (const error of result.errors) assert.ok(error.meanAbsolute < 0.05, `layer ${error.layer} is far off`);
  }));
