/** A network as the plain ANN that it codes, in ONNX: what the peers run. */

import { inputShapeOf, isSpiking, type Layer, type Network } from "../../../src/core/network.ts";
import { type AttributeValue, type NodeParts, onnxModel, type TensorParts } from "../../support/onnx_models.ts";

/** Bytes of a model with input `x` `[1, channels, height, width]` and output `y`. */
export function networkToOnnx(network: Network): Uint8Array {
  const nodes: NodeParts[] = [];
  const weights: Record<string, TensorParts> = {};
  const last = network.layers.length - 1;
  const nameOf = (index: number) => (index < 0 ? "x" : index === last ? "y" : `v${index}`);
  network.layers.forEach((layer, index) => {
    const relu = isSpiking(layer) && layer.rectify;
    const output = relu ? `${nameOf(index)}_raw` : nameOf(index);
    nodes.push(...toNodes(network, layer, { index, inputs: layer.inputs.map(nameOf), output, weights }));
    if (relu) nodes.push(["Relu", [output], [nameOf(index)]]);
  });
  return onnxModel({ input: [1, ...network.input.shape], nodes, weights, outputs: ["y"] });
}

// ---------------------------------------------------------------------------------------------------------------------

interface Place {
  readonly index: number;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly weights: Record<string, TensorParts>;
}

function toNodes(network: Network, layer: Layer, place: Place): NodeParts[] {
  const { index, inputs, output, weights } = place;
  const [w, b] = [`w${index}`, `b${index}`];
  if (layer.kind === "conv2d" || layer.kind === "dense") {
    weights[b] = { dims: [layer.shape[0]], values: layer.bias };
  }
  switch (layer.kind) {
    case "conv2d": {
      const dims = [layer.shape[0], inputShapeOf(network, layer)[0] / layer.groups, ...layer.kernel];
      weights[w] = { dims, values: layer.weights };
      const attributes: Record<string, AttributeValue> = { ...windowOf(layer), dilations: layer.dilation };
      return [["Conv", [inputs[0], w, b], [output], { ...attributes, group: layer.groups }]];
    }
    case "dense": {
      weights[w] = { dims: [layer.shape[0], layer.weights.length / layer.shape[0]], values: layer.weights };
      return [["Flatten", [inputs[0]], [`${output}_flat`]], ["Gemm", [`${output}_flat`, w, b], [output], {
        transB: 1,
      }]];
    }
    case "max_pool":
      return [["MaxPool", inputs, [output], windowOf(layer)]];
    case "avg_pool":
      return [["AveragePool", inputs, [output], { ...windowOf(layer), count_include_pad: layer.countPadding ? 1 : 0 }]];
    case "global_avg_pool":
      return [["GlobalAveragePool", inputs, [output]]];
    case "flatten":
      return [["Flatten", inputs, [output]]];
    case "concat":
      return [["Concat", inputs, [output], { axis: 1 }]];
    case "add":
      return [["Add", inputs, [output]]];
  }
}

function windowOf(layer: Extract<Layer, { kernel: unknown }>): Record<string, AttributeValue> {
  return { kernel_shape: layer.kernel, strides: layer.stride, pads: layer.padding };
}
