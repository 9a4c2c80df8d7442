/**
 * Every operation that converts, against onnxruntime: the source layers are computed in float64 straight from their
 * definition and must give the model's own output on random input. What spikes make of them is another test's business.
 */

import assert from "node:assert/strict";
import { ModelError } from "../../../src/core/errors.ts";
import { createRandom } from "../../../src/core/random.ts";
import type { Shape } from "../../../src/core/shape.ts";
import "../../support/warm_ann.ts";
import { startAnn } from "../../../src/convert/ann.ts";
import { hasScale } from "../../../src/convert/graph.ts";
import { lowerModel } from "../../../src/convert/lower/lower.ts";
import { parseOnnx } from "../../../src/convert/onnx/read.ts";
import { type ModelParts, type NodeParts, onnxModel, type TensorParts } from "../../support/onnx_models.ts";
import { runSource } from "../../support/source_run.ts";

const random = createRandom(7);
const tensor = (...dims: number[]): TensorParts => ({
  dims,
  values: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.between(-1, 1)),
});
const positive = (...dims: number[]): TensorParts => {
  const { values } = tensor(...dims);
  return { dims, values: Float32Array.from(values, (value) => Math.abs(value) + 0.1) };
};
const shape = (...values: number[]): TensorParts => ({ dims: [values.length], values, as: "int64" });
const scalar = (value: number): TensorParts => ({ dims: [], values: [value] });

/** A model on a 3-channel 6x7 map, by its nodes from `x` to `y`. */
interface Case {
  readonly name: string;
  readonly nodes: readonly NodeParts[];
  readonly weights?: Readonly<Record<string, TensorParts>>;
  readonly opset?: number;
  readonly input?: readonly (number | string)[];
  readonly frame?: Shape;
}

const conv = { w: tensor(4, 3, 3, 3), b: tensor(4) };
const ones = { w: tensor(4, 3, 1, 1), b: tensor(4) };
const norm = { g: tensor(4), s: tensor(4), m: tensor(4), v: positive(4) };
const BATCH_NORM: NodeParts = ["BatchNormalization", ["c", "g", "s", "m", "v"], ["y"], { epsilon: { float: 1e-3 } }];
const CONV: NodeParts = ["Conv", ["x", "w", "b"], ["c"]];
const pool = (op: string, attributes: NodeParts[3]): NodeParts[] => [[op, ["x"], ["y"], attributes]];

const CASES: readonly Case[] = [
  { name: "Conv", nodes: [["Conv", ["x", "w", "b"], ["y"]]], weights: conv },
  { name: "Conv without bias, 1x1", nodes: [["Conv", ["x", "w"], ["y"]]], weights: ones },
  {
    name: "Conv strided, dilated, asymmetric pads",
    nodes: [["Conv", ["x", "w", "b"], ["y"], { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 2, 3] }]],
    weights: conv,
  },
  ...["SAME_UPPER", "SAME_LOWER", "VALID"].map((mode) => ({
    name: `Conv auto_pad ${mode}`,
    nodes: [["Conv", ["x", "w", "b"], ["y"], { auto_pad: mode, strides: [2, 2] }]] as NodeParts[],
    weights: { w: tensor(4, 3, 2, 3), b: tensor(4) },
  })),
  {
    name: "Conv depthwise with multiplier",
    nodes: [["Conv", ["x", "w", "b"], ["y"], { group: 3, pads: [1, 1, 1, 1] }]],
    weights: { w: tensor(6, 1, 3, 3), b: tensor(6) },
  },
  {
    name: "Conv grouped",
    nodes: [CONV, ["Conv", ["c", "w2"], ["y"], { group: 2 }]],
    weights: { ...conv, w2: tensor(6, 2, 1, 1) },
  },
  { name: "Conv with BatchNormalization", nodes: [CONV, BATCH_NORM], weights: { ...conv, ...norm } },
  {
    name: "BatchNormalization after ReLU",
    nodes: [["Conv", ["x", "w", "b"], ["r"]], ["Relu", ["r"], ["c"]], BATCH_NORM],
    weights: { ...conv, ...norm },
  },
  { name: "Relu", nodes: [CONV, ["Relu", ["c"], ["y"]]], weights: conv },
  {
    name: "Relu beside another user",
    nodes: [CONV, ["Relu", ["c"], ["r"]], ["Add", ["c", "r"], ["y"]]],
    weights: conv,
  },
  {
    name: "Relu after MaxPool",
    nodes: [CONV, ["MaxPool", ["c"], ["p"], { kernel_shape: [2, 2] }], ["Relu", ["p"], ["y"]]],
    weights: conv,
  },
  {
    name: "Clip by inputs",
    nodes: [CONV, ["Clip", ["c", "low", "high"], ["y"]]],
    weights: { ...conv, low: scalar(0), high: scalar(0.5) },
  },
  {
    name: "Clip by attributes",
    opset: 10,
    nodes: [CONV, ["Clip", ["c"], ["y"], { min: { float: 0 }, max: { float: 0.5 } }]],
    weights: conv,
  },
  {
    name: "Clip without upper bound",
    nodes: [CONV, ["Clip", ["c", "low"], ["y"]]],
    weights: { ...conv, low: scalar(0) },
  },
  { name: "MaxPool", nodes: pool("MaxPool", { kernel_shape: [2, 3], strides: [2, 2], pads: [1, 1, 0, 1] }) },
  { name: "MaxPool ceil", nodes: pool("MaxPool", { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }) },
  { name: "AveragePool", nodes: pool("AveragePool", { kernel_shape: [2, 2], strides: [2, 2] }) },
  {
    name: "AveragePool that leaves padding out",
    nodes: pool("AveragePool", { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    name: "AveragePool that counts padding",
    nodes: pool("AveragePool", { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
  },
  {
    name: "AveragePool ceil",
    nodes: pool("AveragePool", { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  },
  { name: "GlobalAveragePool and Flatten", nodes: [["GlobalAveragePool", ["x"], ["p"]], ["Flatten", ["p"], ["y"]]] },
  { name: "GlobalMaxPool", nodes: [["GlobalMaxPool", ["x"], ["y"]]] },
  { name: "ReduceMean", nodes: [["ReduceMean", ["x"], ["y"], { axes: [2, 3], keepdims: 0 }]] },
  {
    name: "ReduceMean with negative axes as an input",
    opset: 18,
    nodes: [["ReduceMean", ["x", "axes"], ["y"], { keepdims: 1 }]],
    weights: { axes: shape(-1, -2) },
  },
  {
    name: "ReduceMean of flattened rows",
    nodes: [["Reshape", ["x", "to"], ["r"]], ["ReduceMean", ["r"], ["y"], { axes: [2], keepdims: 0 }]],
    weights: { to: shape(0, 3, -1) },
  },
  {
    name: "Flatten and Gemm",
    nodes: [["Flatten", ["x"], ["f"]], ["Gemm", ["f", "w", "b"], ["y"], { transB: 1 }]],
    weights: { w: tensor(5, 126), b: tensor(5) },
  },
  {
    name: "Gemm with alpha and beta",
    nodes: [
      ["Flatten", ["x"], ["f"]],
      ["Gemm", ["f", "w", "b"], ["y"], { alpha: { float: 0.5 }, beta: { float: 2 } }],
    ],
    weights: { w: tensor(126, 5), b: tensor(1) },
  },
  {
    name: "MatMul and Add",
    nodes: [["Flatten", ["x"], ["f"]], ["MatMul", ["f", "w"], ["m"]], ["Add", ["b", "m"], ["y"]]],
    weights: { w: tensor(126, 5), b: tensor(5) },
  },
  {
    name: "transposed weights",
    nodes: [["Flatten", ["x"], ["f"]], ["Transpose", ["w"], ["t"], { perm: [1, 0] }], ["MatMul", ["f", "t"], ["y"]]],
    weights: { w: tensor(5, 126) },
  },
  {
    name: "Reshape by a computed shape",
    nodes: [
      ["Shape", ["x"], ["s"]],
      ["Gather", ["s", "zero"], ["n"]],
      ["Unsqueeze", ["n", "axis"], ["u"]],
      ["Concat", ["u", "rest"], ["to"], { axis: 0 }],
      ["Reshape", ["x", "to"], ["f"]],
      ["MatMul", ["f", "w"], ["y"]],
    ],
    weights: { zero: { dims: [], values: [0], as: "int64" }, axis: shape(0), rest: shape(-1), w: tensor(126, 5) },
  },
  {
    name: "Squeeze and Unsqueeze",
    nodes: [
      ["GlobalAveragePool", ["x"], ["p"]],
      ["Squeeze", ["p", "axes"], ["q"]],
      ["Unsqueeze", ["q", "axes"], ["u"]],
      ["Conv", ["u", "w", "b"], ["y"]],
    ],
    weights: { axes: shape(2, 3), ...ones },
  },
  {
    name: "input normalisation",
    nodes: [
      ["Sub", ["x", "mean"], ["a"]],
      ["Div", ["a", "std"], ["d"]],
      ["Mul", ["d", "half"], ["e"]],
      ["Conv", ["e", "w", "b"], ["y"]],
    ],
    weights: { ...conv, mean: tensor(3, 1, 1), std: positive(1, 3, 1, 1), half: scalar(0.5) },
  },
  {
    name: "Mul, Add, Sub and Div after Conv",
    nodes: [
      CONV,
      ["Mul", ["c", "a"], ["d"]],
      ["Add", ["d", "p"], ["e"]],
      ["Sub", ["one", "e"], ["f"]],
      ["Div", ["f", "p2"], ["y"]],
    ],
    weights: { ...conv, a: tensor(4, 1, 1), p: tensor(1, 4, 1, 1), one: scalar(1), p2: positive(1, 4, 1, 1) },
  },
  {
    name: "residual Add and Sum",
    nodes: [
      CONV,
      ["Conv", ["x", "w2"], ["d"]],
      ["Add", ["c", "d"], ["e"]],
      ["Relu", ["e"], ["f"]],
      ["Sum", ["c", "f", "d"], ["y"]],
    ],
    weights: { ...conv, w2: tensor(4, 3, 3, 3) },
  },
  {
    name: "Concat of branches and the input, nested",
    nodes: [
      ["Conv", ["x", "w", "b"], ["c"], { pads: [1, 1, 1, 1] }],
      ["Relu", ["c"], ["r"]],
      ["Concat", ["r", "x"], ["j"], { axis: 1 }],
      ["Conv", ["j", "w2"], ["d"]],
      ["Concat", ["d", "j", "x"], ["k"], { axis: -3 }],
      ["MaxPool", ["k"], ["p"], { kernel_shape: [2, 2], strides: [2, 2] }],
      ["Flatten", ["p"], ["f"]],
      ["Gemm", ["f", "w3"], ["y"], { transB: 1 }],
    ],
    weights: { ...conv, w2: tensor(2, 7, 1, 1), w3: tensor(5, 108) },
  },
  {
    name: "Concat, BatchNormalization and Relu",
    nodes: [
      ["Conv", ["x", "w1"], ["p"]],
      ["Conv", ["x", "w2"], ["q"]],
      ["Concat", ["p", "q"], ["c"], { axis: 1 }],
      ["BatchNormalization", ["c", "g", "s", "m", "v"], ["n"], { epsilon: { float: 1e-3 } }],
      ["Relu", ["n"], ["y"]],
    ],
    weights: { ...norm, w1: tensor(1, 3, 1, 1), w2: tensor(3, 3, 1, 1) },
  },
  {
    name: "Relu after Concat",
    nodes: [
      ["Conv", ["x", "w1"], ["p"]],
      ["Conv", ["x", "w2"], ["q"]],
      ["Concat", ["p", "q"], ["c"], { axis: 1 }],
      ["Relu", ["c"], ["y"]],
    ],
    weights: { w1: tensor(1, 3, 1, 1), w2: tensor(3, 3, 1, 1) },
  },
  {
    name: "Add of a Concat",
    nodes: [
      CONV,
      ["Conv", ["x", "w1"], ["p"]],
      ["Conv", ["x", "w2"], ["q"]],
      ["Concat", ["p", "q"], ["j"], { axis: 1 }],
      ["Add", ["c", "j"], ["y"]],
    ],
    weights: { ...conv, w1: tensor(1, 3, 3, 3), w2: tensor(3, 3, 3, 3) },
  },
  {
    name: "Concat, channels last",
    input: ["N", 6, 7, 3],
    nodes: [
      ["Transpose", ["x"], ["t"], { perm: [0, 3, 1, 2] }],
      ["Conv", ["t", "w", "b"], ["c"]],
      ["Transpose", ["c"], ["l"], { perm: [0, 2, 3, 1] }],
      ["Relu", ["l"], ["r"]],
      ["Concat", ["r", "r"], ["j"], { axis: 3 }],
      ["Transpose", ["j"], ["k"], { perm: [0, 3, 1, 2] }],
      ["Conv", ["k", "w2"], ["y"]],
    ],
    weights: { ...conv, w2: tensor(2, 8, 1, 1) },
  },
  {
    name: "scores of two heads",
    nodes: [
      ["Flatten", ["x"], ["f"]],
      ["Gemm", ["f", "w1"], ["p"], { transB: 1 }],
      ["Gemm", ["f", "w2"], ["q"], { transB: 1 }],
      ["Concat", ["p", "q"], ["y"], { axis: 1 }],
    ],
    weights: { w1: tensor(2, 126), w2: tensor(3, 126) },
  },
  {
    name: "Pad before Conv",
    nodes: [["Pad", ["x", "pads"], ["p"]], ["Conv", ["p", "w", "b"], ["y"], { strides: [2, 2] }]],
    weights: { ...conv, pads: shape(0, 0, 0, 0, 0, 0, 1, 1) },
  },
  {
    name: "Pad before AveragePool",
    nodes: [["Pad", ["x", "pads"], ["p"]], ["AveragePool", ["p"], ["y"], { kernel_shape: [3, 3], strides: [2, 2] }]],
    weights: { pads: shape(0, 0, 1, 0, 0, 0, 1, 2) },
  },
  {
    name: "Pad of nothing, and Pad before MaxPool",
    nodes: [
      ["Pad", ["x", "none"], ["p"]],
      ["Conv", ["p", "w", "b"], ["c"]],
      ["Relu", ["c"], ["r"]],
      ["Pad", ["r", "pads"], ["q"]],
      ["MaxPool", ["q"], ["y"], { kernel_shape: [2, 2] }],
    ],
    weights: { ...conv, none: shape(0, 0, 0, 0, 0, 0, 0, 0), pads: shape(0, 0, 1, 1, 0, 0, 1, 1) },
  },
  {
    name: "Identity, Dropout, Cast",
    nodes: [["Identity", ["x"], ["a"]], ["Dropout", ["a"], ["b2"]], ["Cast", ["b2"], ["d"], { to: 1 }], [
      "Conv",
      ["d", "w", "b"],
      ["y"],
    ]],
    weights: conv,
  },
  {
    name: "channels last, as Keras exports",
    input: ["N", 6, 7, 3],
    nodes: [
      ["Transpose", ["x"], ["t"], { perm: [0, 3, 1, 2] }],
      ["Conv", ["t", "w", "b"], ["c"]],
      ["Relu", ["c"], ["r"]],
      ["Transpose", ["r"], ["l"], { perm: [0, 2, 3, 1] }],
      ["Reshape", ["l", "to"], ["f"]],
      ["MatMul", ["f", "w2"], ["y"]],
    ],
    weights: { ...conv, to: shape(-1, 80), w2: tensor(80, 5) },
  },
  {
    name: "a vector of grey pixels",
    input: [1, 20],
    frame: [1, 4, 5],
    nodes: [["Gemm", ["x", "w"], ["y"], { transB: 1 }]],
    weights: { w: tensor(3, 20) },
  },
  {
    name: "rows and columns without a channel",
    input: ["N", 4, 5],
    frame: [1, 4, 5],
    nodes: [["Unsqueeze", ["x", "axis"], ["u"]], ["Conv", ["u", "w"], ["y"]]],
    weights: { axis: shape(1), w: tensor(2, 1, 2, 2) },
  },
  {
    name: "sizes that the model leaves open",
    input: ["N", 3, "H", "W"],
    nodes: [CONV, ["GlobalAveragePool", ["c"], ["y"]]],
    weights: conv,
  },
];

for (const item of CASES) {
  Deno.test(`lowerModel() keeps what a model computes: ${item.name}`, async () => {
    const frame = item.frame ?? [3, 6, 7];
    const parts: ModelParts = {
      opset: item.opset ?? 13,
      input: item.input ?? ["N", ...frame],
      nodes: item.nodes,
      weights: item.weights,
      outputs: ["y"],
    };
    const model = await parseOnnx(onnxModel(parts), item.name);
    const graph = lowerModel(model, frame, item.name);
    const dims = parts.input!.map((size, i) => typeof size === "number" ? size : [1, ...frame][i]);
    const values = Float32Array.from({ length: frame[0] * frame[1] * frame[2] }, () => random.between(-1, 1));
    const last = graph.layers[graph.layers.length - 1];
    await using ann = await startAnn(model, { name: "x", dims }, ["y", ...graph.layers.map((layer) => layer.tensor)]);
    const [wanted, ...inner] = await ann.run(values);
    const found = runSource(graph, values);
    assert.equal(last.shape.join(), found[found.length - 1].shape.join());
    graph.layers.forEach((layer, i) => {
      // A ReLU may have moved in front of a pool, whose tensor is then another value.
      if (hasScale(layer)) assertClose(found[i].before, inner[i], layer);
    });
    assertClose(found[found.length - 1].values, wanted, last);
  });
}

Deno.test("lowerModel() lists every node that cannot be converted, and only causes", async () => {
  const model = await parseOnnx(
    onnxModel({
      input: ["N", 3, 6, 7],
      nodes: [
        ["Sigmoid", ["x"], ["a"]],
        ["Relu", ["a"], ["b"]],
        ["LeakyRelu", ["x"], ["c"]],
        ["Conv", ["x", "x"], ["d"]],
        ["Concat", ["b", "c"], ["e"], { axis: 1 }],
        ["MaxPool", ["x"], ["f"], { kernel_shape: [2, 2], dilations: [2, 2] }],
        ["Sum", ["e", "d", "f"], ["y"]],
        ["Tanh", ["x"], ["unused"]],
      ],
      outputs: ["y"],
    }),
    "m",
  );
  assert.throws(() => lowerModel(model, [3, 6, 7], "m.onnx"), (error) => {
    assert.ok(error instanceof ModelError);
    const where = error.issues.map((issue) => issue.where);
    const nodes = ["sigmoid_0", "leakyrelu_2", "conv_3", "maxpool_5"];
    assert.deepEqual(where.map((text) => text.match(/"(.*)"/)?.[1]), nodes);
    assert.match(error.issues[1].hint ?? "", /ReLU/);
    return true;
  });
});

Deno.test("lowerModel() refuses what has no exact counterpart, saying why", async () => {
  const cases: [string, NodeParts[], RegExp, Record<string, TensorParts>?][] = [
    ["softmax inside", [["Flatten", ["x"], ["f"]], ["Softmax", ["f"], ["s"]], ["Relu", ["s"], ["y"]]], /at the end/],
    ["no batch", [["Reshape", ["x", "to"], ["y"]]], /batch/, { to: shape(-1) }],
    ["rows joined", [["Concat", ["x", "x"], ["y"], { axis: 2 }]], /along their channels/],
    ["branches of two sizes", [["MaxPool", ["x"], ["p"], { kernel_shape: [2, 2] }], ["Concat", ["x", "p"], ["y"], {
      axis: 1,
    }]], /one size/],
    ["Clip from below 0", [["Clip", ["x", "a", "b"], ["y"]]], /ReLU6/, { a: scalar(-1), b: scalar(1) }],
    ["other reductions", [["ReduceMean", ["x"], ["y"], { axes: [1] }]], /rows and columns/],
    ["reflected padding", [["Pad", ["x", "p"], ["y"], { mode: "reflect" }]], /padding by 0/, {
      p: shape(0, 0, 1, 1, 0, 0, 1, 1),
    }],
    ["broadcast over rows", [["Mul", ["x", "a"], ["y"]]], /along the channels/, { a: tensor(6, 1) }],
    ["kernels that do not fit", [["Conv", ["x", "w"], ["y"]]], /fits/, { w: tensor(1, 3, 9, 9) }],
    ["NaN", [["Conv", ["x", "w"], ["y"]]], /finite/, { w: { dims: [1, 3, 1, 1], values: [1, NaN, 2] } }],
  ];
  for (const [name, nodes, pattern, weights] of cases) {
    const model = await parseOnnx(
      onnxModel({ opset: 13, input: ["N", 3, 6, 7], nodes, weights, outputs: ["y"] }),
      name,
    );
    assert.throws(() => lowerModel(model, [3, 6, 7], name), (error) => {
      assert.ok(error instanceof ModelError, `${name}: ${error}`);
      assert.match(error.issues.map((issue) => `${issue.expected}, ${issue.found}`).join(), pattern, name);
      return true;
    });
  }
  const batch = await parseOnnx(
    onnxModel({ input: [8, 3, 6, 7], nodes: [["Relu", ["x"], ["y"]]], outputs: ["y"] }),
    "m",
  );
  assert.throws(() => lowerModel(batch, [3, 6, 7], "m"), ModelError);
  const size = await parseOnnx(
    onnxModel({ input: [1, 3, 9, 9], nodes: [["Relu", ["x"], ["y"]]], outputs: ["y"] }),
    "m",
  );
  assert.throws(() => lowerModel(size, [3, 6, 7], "m"), (error) => {
    assert.match((error as ModelError).issues[0].found, /3x6x7/);
    return true;
  });
});

function assertClose(
  found: ArrayLike<number>,
  wanted: Float32Array,
  layer: { name: string; layout: string; shape: Shape },
) {
  const [channels, height, width] = layer.shape;
  assert.equal(found.length, wanted.length, layer.name);
  for (let i = 0; i < wanted.length; i++) {
    const at = layer.layout === "chw" ? i : (i % channels) * height * width + Math.floor(i / channels);
    assert.ok(Math.abs(found[at] - wanted[i]) <= 1e-4, `${layer.name} element ${i}: ${found[at]}, wanted ${wanted[i]}`);
  }
}
