/**
 * The shapes of well-known networks, with random weights and fitted BatchNorm, through the whole conversion. Their images get
 * different classes, so agreement means something: guessing gives a fraction of it.
 */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convert } from "../../src/convert/convert.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { runSelfTest } from "../../src/simulator/self_test.ts";
import { fitNorms } from "../support/fit_norms.ts";
import { mobileNet, waveImages } from "../support/mobilenet.ts";
import { NetGrower } from "../support/net_grower.ts";
import { type ModelParts, onnxModel } from "../support/onnx_models.ts";
import "../support/warm_ann.ts";

const SIZE = 24;
const IMAGES = waveImages(SIZE, 40);
const PIXELS = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const CLASSES = 6;

/** Two residual blocks, the second with a projection. */
function resNet(): ModelParts {
  const net = new NetGrower(1, [3, SIZE, SIZE]);
  const stem = net.maxPool(net.conv("x", [3, 12, 7], { stride: 2 }), 3, 2, 1);
  const block = (from: string, channels: number, output: number, stride: number) => {
    const deep = net.conv(net.conv(from, [channels, output, 3], { stride }), [output, output, 3], { act: "none" });
    const short = stride === 1 ? from : net.conv(from, [channels, output, 1], { stride, act: "none" });
    return net.act(net.put("Add", [deep, short]), "relu");
  };
  return net.classify(block(block(stem, 12, 12, 1), 12, 24, 2), 24, CLASSES);
}

/** Fire modules: two branches of one squeezed map, joined. */
function squeezeNet(): ModelParts {
  const net = new NetGrower(2, [3, SIZE, SIZE]);
  const fire = (from: string, channels: number, squeezed: number, each: number) => {
    const narrow = net.conv(from, [channels, squeezed, 1]);
    const branches = [net.conv(narrow, [squeezed, each, 1]), net.conv(narrow, [squeezed, each, 3])];
    return net.put("Concat", branches, { axis: 1 });
  };
  const stem = net.maxPool(net.conv("x", [3, 16, 3], { stride: 2 }));
  return net.classify(net.maxPool(fire(fire(stem, 16, 6, 12), 24, 8, 16)), 32, CLASSES);
}

/** Layers that read all maps before them, BatchNorm and ReLU first: joins of values below zero. */
function denseNet(): ModelParts {
  const net = new NetGrower(3, [3, SIZE, SIZE]);
  const maps = [net.maxPool(net.conv("x", [3, 12, 3], { stride: 2 }))];
  let channels = 12;
  const first = (from: string) => net.act(net.norm(from, channels), "relu");
  for (let i = 0; i < 3; i++) {
    const all = i === 0 ? maps[0] : net.put("Concat", maps, { axis: 1 });
    maps.push(net.conv(net.conv(first(all), [channels, 16, 1]), [16, 8, 3], { norm: false, act: "none" }));
    channels += 8;
  }
  return net.classify(first(net.put("Concat", maps, { axis: 1 })), channels, CLASSES);
}

/** Branches of four depths, one of them a pool, joined. */
function inception(): ModelParts {
  const net = new NetGrower(4, [3, SIZE, SIZE]);
  const stem = net.conv("x", [3, 16, 3], { stride: 2 });
  const branches = [
    net.conv(stem, [16, 8, 1]),
    net.conv(net.conv(stem, [16, 8, 1]), [8, 12, 3]),
    net.conv(net.conv(stem, [16, 4, 1]), [4, 8, 5]),
    net.conv(net.maxPool(stem, 3, 1, 1), [16, 8, 1]),
  ];
  const joined = net.put("Concat", branches, { axis: 1 });
  return net.classify(net.conv(net.maxPool(joined), [36, 32, 3]), 32, CLASSES);
}

const small = { size: SIZE, stem: 8, head: 32, classes: CLASSES, seed: 5 };

/** A network, and the least agreement with it: random scores lie close together, those of 20 layers most of all. */
const NETS: readonly { name: string; parts: ModelParts; agreementMin: number }[] = [
  { name: "ResNet", parts: resNet(), agreementMin: 0.75 },
  { name: "SqueezeNet", parts: squeezeNet(), agreementMin: 0.75 },
  { name: "DenseNet", parts: denseNet(), agreementMin: 0.5 },
  { name: "Inception", parts: inception(), agreementMin: 0.75 },
  { name: "MobileNetV2", parts: mobileNet({ ...small, stages: [[1, 8, 1, 1], [4, 12, 2, 2]] }), agreementMin: 0.5 },
];

for (const { name, parts, agreementMin } of NETS) {
  Deno.test(`convert() of a network of the shape of ${name} answers as the source network does`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "quartz-"));
    try {
      const modelPath = join(folder, "model.onnx");
      await writeFile(modelPath, onnxModel(await fitNorms(parts, IMAGES, 12, PIXELS)));
      const result = await convert({
        modelPath,
        data: IMAGES,
        ...PIXELS,
        tMax: 64,
        exactBias: true,
        measureFrames: 30,
      });
      const { network, calibration, reference, graph, errors } = result;
      const guess = mostFrequent(calibration.predictions);
      assert.ok(guess <= 0.45, `${guess} of the images are of one class`);
      assert.ok(reference.agreement! >= agreementMin, `agreement ${reference.agreement}, by guessing ${guess}`);
      for (const { layer, meanAbsolute } of errors) {
        assert.ok(meanAbsolute < 0.15, `${graph.layers[layer].name} is off by ${meanAbsolute} of its scale`);
      }
      assert.deepEqual(runSelfTest(network, createReferenceKernel(network)), []);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

/** Share of the most frequent class: what guessing would agree on. */
function mostFrequent(predictions: Int32Array): number {
  const counts = new Uint32Array(CLASSES);
  for (const answer of predictions) counts[answer]++;
  return Math.max(...counts) / predictions.length;
}
