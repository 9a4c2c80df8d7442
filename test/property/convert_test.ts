/**
 * What conversion does to numbers: random networks with everything that makes it hard (branches, no ReLU, padding, input
 * mean and deviation) give the source network's values when levels are real numbers, at every position, borders too.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Issue, ModelError } from "../../src/core/errors.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { buildLayers } from "../../src/convert/build.ts";
import { calibrate } from "../../src/convert/calibrate.ts";
import { foldPixels } from "../../src/convert/pixels.ts";
import { lowerModel } from "../../src/convert/lower/lower.ts";
import { jointScales } from "../../src/convert/normalise.ts";
import { parseOnnx } from "../../src/convert/onnx/read.ts";
import type { SourceLayer } from "../../src/convert/graph.ts";
import type { Part } from "../../src/convert/parts.ts";
import { ungroupWhereSigned } from "../../src/convert/ungroup.ts";
import { planShifts, type ShiftPlan } from "../../src/convert/shifts.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { type NodeParts, onnxModel, type TensorParts } from "../support/onnx_models.ts";
import { runCoded, runSource } from "../support/source_run.ts";
import "../support/warm_ann.ts";

/** Grows a model layer by layer; every value is a map `[channels, size, size]`. */
interface Growth {
  readonly random: Random;
  readonly nodes: NodeParts[];
  readonly weights: Record<string, TensorParts>;
  channels: number;
  size: number;
  value: string;
}

const randomTensor = (random: Random, dims: number[], reach = 1): TensorParts => ({
  dims,
  values: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.between(-reach, reach)),
});

function put(growth: Growth, op: string, inputs: string[], attributes: NodeParts[3] = {}): string {
  const name = `v${growth.nodes.length}`;
  growth.nodes.push([op, inputs, [name], attributes]);
  return name;
}

function conv(growth: Growth, from: string, out: number, kernel: number, group = 1): string {
  const { random, weights } = growth;
  const id = `w${growth.nodes.length}`;
  const pad = Math.floor(kernel / 2);
  weights[id] = randomTensor(random, [out, growth.channels / group, kernel, kernel], 0.7);
  weights[`${id}b`] = randomTensor(random, [out], 0.3);
  return put(growth, "Conv", [from, id, `${id}b`], { group, pads: [pad, pad, pad, pad] });
}

const STEPS: Record<string, (growth: Growth) => void> = {
  "conv, ReLU"(g) {
    g.value = put(g, "Relu", [conv(g, g.value, 3, 3)]);
    g.channels = 3;
  },
  "conv without ReLU"(g) {
    g.value = conv(g, g.value, 2, 1);
    g.channels = 2;
  },
  "inverted bottleneck"(g) {
    const wide = put(g, "Relu", [conv(g, g.value, 4, 1)]);
    const input = g.value;
    const before = g.channels;
    g.channels = 4;
    const deep = put(g, "Relu", [conv(g, wide, 4, 3, 4)]);
    g.value = put(g, "Add", [input, conv(g, deep, before, 1)]);
    g.channels = before;
  },
  "residual block"(g) {
    const inner = put(g, "Relu", [conv(g, g.value, g.channels, 3)]);
    g.value = put(g, "Relu", [put(g, "Add", [conv(g, inner, g.channels, 3), g.value])]);
  },
  "depthwise without ReLU before it"(g) {
    const signed = conv(g, g.value, 4, 1);
    g.channels = 4;
    g.value = put(g, "Relu", [conv(g, signed, 4, 3, g.random.next() < 0.5 ? 4 : 2)]);
  },
  "sum that a depthwise convolution reads"(g) {
    const [signed, other] = [conv(g, g.value, 3, 1), conv(g, g.value, 3, 3)];
    g.channels = 3;
    const deep = put(g, "Relu", [conv(g, signed, 3, 3)]);
    const sum = put(g, "Relu", [put(g, "Add", [signed, put(g, "Add", [other, deep])])]);
    g.value = put(g, "Relu", [conv(g, sum, 3, 3, 3)]);
  },
  "fire module"(g) {
    const squeezed = put(g, "Relu", [conv(g, g.value, 2, 1)]);
    g.channels = 2;
    const branches = [put(g, "Relu", [conv(g, squeezed, 3, 1)]), put(g, "Relu", [conv(g, squeezed, 2, 3)])];
    g.value = put(g, "Concat", branches, { axis: 1 });
    g.channels = 5;
  },
  "dense block"(g) {
    for (let i = 0; i < 2; i++) {
      const grown = put(g, "Relu", [conv(g, g.value, 2, 3)]);
      g.value = put(g, "Concat", [g.value, grown], { axis: 1 });
      g.channels += 2;
    }
  },
  "joined without ReLU"(g) {
    const branches = [conv(g, g.value, 2, 1), conv(g, g.value, 1, 3), g.value];
    g.value = put(g, "Concat", branches, { axis: 1 });
    g.channels += 3;
  },
  "residual over a join"(g) {
    const before = g.channels;
    const wide = put(g, "Concat", [conv(g, g.value, 1, 1), put(g, "Relu", [conv(g, g.value, before, 3)])], { axis: 1 });
    const other = conv(g, g.value, before + 1, 1);
    g.value = put(g, "Relu", [put(g, "Add", [wide, other])]);
    g.channels = before + 1;
  },
  "max pool"(g) {
    if (g.size < 4) return;
    g.value = put(g, "MaxPool", [g.value], { kernel_shape: [2, 2], strides: [2, 2] });
    g.size = Math.floor(g.size / 2);
  },
  "average pool with padding"(g) {
    g.value = put(g, "AveragePool", [g.value], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  },
};

const END: Record<string, (growth: Growth) => void> = {
  flatten(g) {
    const flat = put(g, "Flatten", [g.value]);
    g.weights.end = randomTensor(g.random, [4, g.channels * g.size * g.size]);
    g.value = put(g, "Gemm", [flat, "end"], { transB: 1 });
  },
  "two heads"(g) {
    const flat = put(g, "Flatten", [g.value]);
    const small = put(g, "Flatten", [put(g, "GlobalAveragePool", [g.value])]);
    g.weights.end = randomTensor(g.random, [2, g.channels * g.size * g.size + g.channels]);
    g.weights.other = randomTensor(g.random, [2, g.channels]);
    const both = put(g, "Concat", [flat, small], { axis: 1 });
    const heads = [
      put(g, "Gemm", [both, "end"], { transB: 1 }),
      put(g, "Relu", [put(g, "Gemm", [small, "other"], { transB: 1 })]),
    ];
    g.value = put(g, "Concat", heads, { axis: -1 });
  },
  "global pool"(g) {
    const flat = put(g, "Flatten", [put(g, "GlobalAveragePool", [g.value])]);
    g.weights.end = randomTensor(g.random, [4, g.channels]);
    g.value = put(g, "Gemm", [flat, "end"], { transB: 1 });
  },
};

function randomImages(random: Random, channels: number, size: number, count: number): Dataset {
  const frames = Array.from(
    { length: count },
    () => Uint8Array.from({ length: channels * size * size }, () => random.integer(256)),
  );
  return {
    name: "random",
    count,
    shape: [size, size, channels],
    labels: null,
    frame(index, out) {
      out.set(frames[index]);
      return -1;
    },
  };
}

Deno.test("convert: coded layers stand for the source network's values, borders, branches and signs included", async () => {
  const seen = { built: 0, masked: 0, centred: 0, joined: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(),
        colour: fc.boolean(),
        centred: fc.boolean(),
        exactBias: fc.boolean(),
        steps: fc.array(fc.constantFrom(...Object.keys(STEPS)), { minLength: 1, maxLength: 5 }),
        end: fc.constantFrom(...Object.keys(END)),
        convention: fc.constantFrom("quartz-2023" as const, "quartz-loihi" as const),
      }),
      async ({ seed, colour, centred, exactBias, steps, end, convention }) => {
        const random = createRandom(seed);
        const channels = colour ? 3 : 1;
        const growth: Growth = { random, nodes: [], weights: {}, channels, size: 6, value: "x" };
        // A first convolution, so that no pool or branch reads the raw input.
        STEPS["conv, ReLU"](growth);
        for (const step of steps) STEPS[step](growth);
        END[end](growth);
        const { nodes, weights, value } = growth;
        const file = onnxModel({ input: ["N", channels, 6, 6], nodes, weights, outputs: [value] });
        const model = await parseOnnx(file, "m");
        const pixels = centred
          ? { mean: Array.from({ length: channels }, () => random.between(0.2, 0.7)), std: Array(channels).fill(0.3) }
          : { mean: Array(channels).fill(0), std: Array(channels).fill(1) };
        const source = lowerModel(model, [channels, 6, 6], "m");
        const graph = ungroupWhereSigned(foldPixels(source, pixels));
        const images = { data: randomImages(random, channels, 6, 3), count: 3, pixels };
        const calibration = await calibrate(model, graph, images);
        const issues: Issue[] = [];
        const plan = planShifts(graph, issues, exactBias);
        assert.deepEqual(issues, []);
        const timing = createTiming(convention, 256);
        const scales = scalesOrNull(() => jointScales(graph, plan, calibration, { timing, percentile: 100 }));
        if (scales === null) return;
        const network = buildLayers(graph, plan, scales, timing.unit);
        seen.built++;
        if (plan.masks.some((masks) => masks > 0)) seen.masked++;
        if (plan.inputMasks > 0) seen.centred++;
        if (plan.parts.some((parts) => parts.length > 1)) seen.joined++;
        const bytes = new Uint8Array(channels * 36);
        for (let i = 0; i < images.count; i++) {
          images.data.frame(i, bytes);
          const planar = new Float64Array(bytes.length);
          for (let p = 0; p < bytes.length; p++) {
            planar[(p % channels) * 36 + Math.floor(p / channels)] = bytes[p] / 255;
          }
          const wanted = runSource(graph, planar);
          const coded = runCoded(network, planar);
          graph.layers.forEach((layer, index) => {
            const found = coded[network.places[index]].values;
            const places = placesOf(layer, plan.parts[index], plan);
            wanted[index].values.forEach((value, k) => {
              const { at, part } = places[k];
              const [scale, shift] = [scales.scale[part], scales.shift[part]];
              // Bias channels behind an addition are rounded for spikes, which real numbers are not.
              const error = Math.abs(found[at] * scale - shift - value) / Math.max(scale, Math.abs(value));
              assert.ok(
                error < 1e-3,
                `${layer.name} (${layer.kind}) element ${k}: ${found[at] * scale - shift}, ${value}`,
              );
              assert.ok(found[at] <= 1.001 || layer.kind !== "conv2d", `${layer.name} codes ${found[at]}`);
            });
          });
        }
        for (const layer of network.layers) {
          if (layer.kind !== "conv2d" && layer.kind !== "dense") continue;
          const worst = layer.bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          assert.ok(worst <= (convention === "quartz-loihi" ? 1 : 2), `${layer.name} has a bias of ${worst}`);
        }
      },
    ),
    { numRuns: 80 },
  );
  assert.ok(
    seen.built > 50 && seen.masked > 10 && seen.centred > 10 && seen.joined > 20,
    `too few of a kind: ${JSON.stringify(seen)}`,
  );
});

/** Where each element of a layer stands among its coded ones, and the layer whose scale it has. */
function placesOf(layer: SourceLayer, parts: readonly Part[], plan: ShiftPlan): { at: number; part: number }[] {
  const places: { at: number; part: number }[] = [];
  let at = 0;
  for (const { layer: part, channels, positions } of parts) {
    const each = positions * layer.shape[1] * layer.shape[2];
    for (let i = 0; i < channels * each; i++) places.push({ at: at++, part });
    at += (plan.masks[part] + (plan.biasChannels[part] ? 1 : 0)) * each;
  }
  return places;
}

/** Random layers may be dead, which conversion refuses. */
function scalesOrNull<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    assert.ok(error instanceof ModelError && error.code === "convert.calibration", `${error}`);
    return null;
  }
}
