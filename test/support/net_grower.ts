/** Random networks as an exporter would write them, grown node by node: convolutions with BatchNorm, branches, joins. */

import { createRandom, type Random } from "../../src/core/random.ts";
import type { ModelParts, NodeParts, TensorParts } from "./onnx_models.ts";

/** How a convolution is put in. */
export interface ConvOptions {
  readonly stride?: number;
  readonly groups?: number;
  /** BatchNorm after it; true by default. */
  readonly norm?: boolean;
  /** What follows; ReLU by default. */
  readonly act?: "relu" | "relu6" | "none";
}

/** A model that grows. Values are named by what made them. */
export class NetGrower {
  readonly #random: Random;
  readonly #nodes: NodeParts[] = [];
  readonly #weights: Record<string, TensorParts> = {};
  readonly #input: readonly number[];

  /** @param input `[channels, height, width]` of the value `x` */
  constructor(seed: number, input: readonly number[]) {
    this.#random = createRandom(seed);
    this.#input = input;
  }

  /** Any node; @returns its output's name */
  put(op: string, inputs: readonly string[], attributes: NodeParts[3] = {}): string {
    const name = `${op.toLowerCase()}${this.#nodes.length}`;
    this.#nodes.push([op, [...inputs], [name], attributes]);
    return name;
  }

  /** Convolution with "same" padding, BatchNorm and activation. */
  conv(from: string, [input, output, kernel]: readonly [number, number, number], options: ConvOptions = {}): string {
    const { stride = 1, groups = 1, norm = true, act = "relu" } = options;
    const side = (kernel - 1) / 2;
    const weight = this.#tensor([output, input / groups, kernel, kernel], input / groups * kernel * kernel);
    const attributes = { group: groups, strides: [stride, stride], pads: [side, side, side, side] };
    const made = this.put("Conv", [from, weight], attributes);
    return this.act(norm ? this.norm(made, output) : made, act);
  }

  /** BatchNorm, whose mean and variance are those of nothing yet: see `fit_norms.ts`. */
  norm(from: string, channels: number): string {
    const list = (low: number, high: number) =>
      this.#keep({
        dims: [channels],
        values: Float32Array.from({ length: channels }, () => this.#random.between(low, high)),
      });
    return this.put("BatchNormalization", [from, list(0.7, 1.3), list(-0.3, 0.4), list(0, 0), list(1, 1)]);
  }

  act(from: string, act: "relu" | "relu6" | "none"): string {
    if (act === "none") return from;
    if (act === "relu") return this.put("Relu", [from]);
    this.#weights.low ??= { dims: [], values: [0] };
    this.#weights.high ??= { dims: [], values: [6] };
    return this.put("Clip", [from, "low", "high"]);
  }

  maxPool(from: string, kernel = 2, stride = 2, pad = 0): string {
    return this.put("MaxPool", [from], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  }

  /** Average over the map, and scores. @returns the finished model */
  classify(from: string, channels: number, classes: number): ModelParts {
    const flat = this.put("Flatten", [this.put("GlobalAveragePool", [from])]);
    const bias = this.#keep({ dims: [classes], values: new Float32Array(classes) });
    const scores = this.put("Gemm", [flat, this.#tensor([classes, channels], channels), bias], { transB: 1 });
    return { input: ["N", ...this.#input], nodes: this.#nodes, weights: this.#weights, outputs: [scores] };
  }

  /** Nearly normal, with the deviation that keeps the size of values from layer to layer. */
  #tensor(dims: readonly number[], fanIn: number): string {
    const count = dims.reduce((product, side) => product * side, 1);
    const { next } = this.#random;
    const draw = () => (next() + next() + next() - 1.5) * 2 * Math.sqrt(2 / fanIn);
    return this.#keep({ dims, values: Float32Array.from({ length: count }, draw) });
  }

  #keep(tensor: TensorParts): string {
    const name = `w${Object.keys(this.#weights).length}`;
    this.#weights[name] = tensor;
    return name;
  }
}
