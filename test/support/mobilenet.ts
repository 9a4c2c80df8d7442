/** Random networks of MobileNetV2's shape, at any size, and images to calibrate them with. */

import { createRandom } from "../../src/core/random.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { type NodeParts, onnxModel, type TensorParts } from "./onnx_models.ts";

/** `[widening, channels, repeats, stride]` of each stage. */
export type Stage = readonly [widen: number, channels: number, repeats: number, stride: number];

/** What is built. */
export interface MobileNetParts {
  /** Height and width of the input. */
  readonly size: number;
  readonly stem: number;
  readonly stages: readonly Stage[];
  readonly head: number;
  readonly classes: number;
  readonly seed: number;
}

/** The published network. */
export const MOBILENET_V2: MobileNetParts = {
  size: 224,
  stem: 32,
  stages: [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]],
  head: 1280,
  classes: 1000,
  seed: 5,
};

/** Bytes of an ONNX file: bottlenecks without ReLU, depthwise convolutions, ReLU6 as Clip, residual additions. */
export function mobileNetModel({ size, stem, stages, head, classes, seed }: MobileNetParts): Uint8Array {
  const random = createRandom(seed);
  const nodes: NodeParts[] = [];
  const weights: Record<string, TensorParts> = { low: { dims: [], values: [0] }, high: { dims: [], values: [6] } };
  const tensor = (dims: readonly number[], fanIn: number): TensorParts => {
    const count = dims.reduce((product, side) => product * side, 1);
    // Nearly normal, with the deviation that keeps the size of values from layer to layer.
    const draw = () => (random.next() + random.next() + random.next() - 1.5) * 2 * Math.sqrt(2 / fanIn);
    return { dims, values: Float32Array.from({ length: count }, draw) };
  };
  let values = 0;
  const conv = (
    from: string,
    shape: readonly [number, number, number],
    stride: number,
    groups: number,
    act: boolean,
  ) => {
    const [input, output, kernel] = shape;
    const name = `w${values}`;
    weights[name] = tensor([output, input / groups, kernel, kernel], input / groups * kernel * kernel);
    weights[`${name}b`] = tensor([output], 400);
    const side = (kernel - 1) / 2;
    const attributes = { group: groups, strides: [stride, stride], pads: [side, side, side, side] };
    nodes.push(["Conv", [from, name, `${name}b`], [`v${values}`], attributes]);
    if (act) nodes.push(["Clip", [`v${values}`, "low", "high"], [`a${values}`]]);
    return `${act ? "a" : "v"}${values++}`;
  };
  let at = conv("x", [3, stem, 3], 2, 1, true);
  let channels = stem;
  for (const [widen, output, repeats, firstStride] of stages) {
    for (let i = 0; i < repeats; i++) {
      const stride = i === 0 ? firstStride : 1;
      const hidden = channels * widen;
      const wide = widen > 1 ? conv(at, [channels, hidden, 1], 1, 1, true) : at;
      const narrow = conv(conv(wide, [hidden, hidden, 3], stride, hidden, true), [hidden, output, 1], 1, 1, false);
      const adds = stride === 1 && channels === output;
      if (adds) nodes.push(["Add", [at, narrow], [`sum${values}`]]);
      at = adds ? `sum${values}` : narrow;
      channels = output;
    }
  }
  at = conv(at, [channels, head, 1], 1, 1, true);
  nodes.push(["GlobalAveragePool", [at], ["mean"]], ["Flatten", ["mean"], ["flat"]]);
  nodes.push(["Gemm", ["flat", "scores"], ["y"], { transB: 1 }]);
  weights.scores = tensor([classes, head], head);
  return onnxModel({ input: ["N", 3, size, size], nodes, weights, outputs: ["y"] });
}

/** Colour images of waves with a little noise, without classes. */
export function waveImages(size: number, count: number): Dataset {
  const images = Array.from({ length: count }, (_, index) => {
    const random = createRandom(index);
    const phase = [0, 1, 2].map(() => random.next() * 6);
    const [down, right] = [random.between(0.02, 0.2), random.between(0.02, 0.2)];
    return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      const wave = Math.sin(down * Math.floor(pixel / size) + right * (pixel % size) + phase[i % 3]);
      return Math.round(127 + 100 * wave + random.between(-20, 20));
    });
  });
  const frame = (index: number, out: Uint8Array) => (out.set(images[index]), -1);
  return { name: "waves", count, shape: [size, size, 3], labels: null, frame };
}
