/** The report and the search, end to end on a small random network with a hostile name. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, ModelError } from "../../src/core/errors.ts";
import { createRandom } from "../../src/core/random.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { convert, type ConvertOptions } from "../../src/convert/convert.ts";
import { reportHtml } from "../../src/convert/report.ts";
import { tradeOffText } from "../../src/convert/trade_off.ts";
import { type ModelParts, type NodeParts, onnxModel } from "../support/onnx_models.ts";
import "../support/warm_ann.ts";

const random = createRandom(11);
const numbers = (...dims: number[]) => ({
  dims,
  values: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.between(-1, 1)),
});

const NODES: NodeParts[] = [
  ["Conv", ["x", "w", "b"], ["<script>alert(1)</script>"], { pads: [1, 1, 1, 1] }],
  ["Relu", ["<script>alert(1)</script>"], ["r"]],
  ["Conv", ["r", "w2"], ["signed"]],
  ["Conv", ["signed", "w3"], ["c"], { pads: [1, 1, 1, 1] }],
  ["Relu", ["c"], ["d"]],
  ["Flatten", ["d"], ["f"]],
  ["Gemm", ["f", "w4"], ["y"], { transB: 1 }],
];
const PARTS: ModelParts = {
  input: ["N", 1, 5, 5],
  nodes: NODES,
  weights: {
    w: numbers(4, 1, 3, 3),
    b: numbers(4),
    w2: numbers(3, 4, 1, 1),
    w3: numbers(4, 3, 3, 3),
    w4: numbers(3, 100),
  },
  outputs: ["y"],
};

/** Random grey images; a class for each, which means nothing. */
function images(count: number, shape: readonly [number, number, number] = [5, 5, 1]): Dataset {
  const frames = Array.from(
    { length: count },
    () => Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.integer(256)),
  );
  return {
    name: "random",
    count,
    shape,
    labels: null,
    frame(index, out) {
      out.set(frames[index]);
      return index % 3;
    },
  };
}

async function convertParts(parts: ModelParts, options: Partial<ConvertOptions>) {
  const folder = await mkdtemp(join(tmpdir(), "convert-"));
  try {
    const modelPath = join(folder, "<img src=x onerror=alert(1)>.onnx");
    await writeFile(modelPath, onnxModel(parts));
    return await convert({ modelPath, data: images(40), ...options });
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("convert() with percentile and t_max auto tries all and reports what it took", async () => {
  const result = await convertParts(PARTS, {
    percentile: "auto",
    tMax: "auto",
    searchFrames: 20,
    mean: [0.4],
    std: [0.5],
  });
  assert.equal(result.trials.length, 25);
  const { network } = result;
  assert.deepEqual(network.provenance.sourcePixels, { mean: [0.4], std: [0.5] });
  const taken = result.trials.filter(({ percentile, tMax }) =>
    percentile === network.normalisation.percentile && tMax === network.tMax
  );
  assert.equal(taken.length, 1);
  const text = tradeOffText(result.trials, result.trialTarget);
  assert.equal(text.split("\n").length, 27);
  const html = reportHtml(result);
  for (const part of ["Accuracy", "Trade-off", "estimated", "early spikes", network.digest, "<svg"]) {
    assert.ok(html.includes(part), `the report lacks ${part}`);
  }
  assert.doesNotMatch(html, /<script|<img/, "names from the model are escaped");
});

Deno.test("convert() at t_max 256 agrees with the source network layer by layer, signed layers included", async () => {
  const result = await convertParts(PARTS, { percentile: 100, tMax: 256, mean: [0.4], std: [0.5] });
  const { reference, errors, graph } = result;
  assert.ok(reference.agreement! >= 0.9, `${reference.agreement} agreement`);
  for (const { layer, meanAbsolute } of errors) {
    assert.ok(meanAbsolute < 0.03, `${graph.layers[layer].name}: mean error ${meanAbsolute}`);
  }
});

Deno.test("convert() refuses what cannot give a trusted network, naming it", async () => {
  const dead = {
    ...PARTS,
    weights: {
      ...PARTS.weights,
      w: { dims: [4, 1, 3, 3], values: new Float32Array(36) },
      b: { dims: [4], values: [0, 0, 0, -1] },
    },
  };
  const infinite = {
    ...PARTS,
    weights: { ...PARTS.weights, big: { dims: [1], values: [3e38] } },
    nodes: [...NODES.slice(0, 6), ["Mul", ["f", "big"], ["g"]], ["Mul", ["g", "big"], ["h"]], ["Gemm", ["h", "w4"], [
      "y",
    ], { transB: 1 }]] as NodeParts[],
  };
  const cases: [string, ModelParts, Partial<ConvertOptions>, RegExp][] = [
    ["convert.frames", PARTS, { data: images(3) }, /at least 16 images: found 3/],
    ["convert.unsupported", PARTS, { data: images(20, [6, 6, 1]) }, /input "x"/],
    ["convert.unsupported", PARTS, { data: images(20, [5, 5, 3]) }, /input "x"/],
    ["convert.calibration", dead, {}, /conv_0/],
    ["convert.activation", infinite, {}, /mul_7|mul_6/],
    ["convert.labels", PARTS, { labels: ["a", "b"] }, /3 different labels/],
    ["convert.labels", PARTS, { labels: ["a", "b", "B"] }, /"b" twice/],
    ["convert.pixels", PARTS, { std: [0] }, /positive/],
    ["convert.pixels", PARTS, { mean: [0, 0] }, /one number, or 1/],
    ["data.classes", { ...PARTS, weights: { ...PARTS.weights, w4: numbers(2, 100) } }, {}, /class 2/],
  ];
  for (const [code, parts, options, pattern] of cases) {
    await assert.rejects(convertParts(parts, options), (error) => {
      assert.ok(error instanceof ModelError || error instanceof ConfigError, `${code}: ${error}`);
      assert.equal(error.code, code, error.message);
      assert.match(`${error.message} ${error.issues.map((issue) => issue.where).join()}`, pattern);
      return true;
    });
  }
});

Deno.test("convert() by quartz-2023 refuses networks for which there is no such rule", async () => {
  await assert.rejects(convertParts(PARTS, { normalise: "quartz-2023" }), /Use|chain of layers/);
});
