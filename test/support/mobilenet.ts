/** Random networks of MobileNetV2's shape, at any size, and images to calibrate them with. */

import { createRandom } from "../../src/core/random.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { NetGrower } from "./net_grower.ts";
import type { ModelParts } from "./onnx_models.ts";

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

/** Bottlenecks without ReLU, depthwise convolutions, ReLU6 as Clip, residual additions, BatchNorm that is still to be fitted. */
export function mobileNet({ size, stem, stages, head, classes, seed }: MobileNetParts): ModelParts {
  const net = new NetGrower(seed, [3, size, size]);
  let at = net.conv("x", [3, stem, 3], { stride: 2, act: "relu6" });
  let channels = stem;
  for (const [widen, output, repeats, firstStride] of stages) {
    for (let i = 0; i < repeats; i++) {
      const stride = i === 0 ? firstStride : 1;
      const hidden = channels * widen;
      const wide = widen > 1 ? net.conv(at, [channels, hidden, 1], { act: "relu6" }) : at;
      const deep = net.conv(wide, [hidden, hidden, 3], { stride, groups: hidden, act: "relu6" });
      const narrow = net.conv(deep, [hidden, output, 1], { act: "none" });
      at = stride === 1 && channels === output ? net.put("Add", [at, narrow]) : narrow;
      channels = output;
    }
  }
  return net.classify(net.conv(at, [channels, head, 1], { act: "relu6" }), head, classes);
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
