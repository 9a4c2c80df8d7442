/** The parts of the frame path by themselves: encoder, reference kernel, integer kernel, decoder, on one MNIST digit. */

import { fileURLToPath } from "node:url";
import { openClip } from "../../devices/camera/clip.ts";
import { createInferenceOutput } from "../../src/core/results.ts";
import { openNetwork } from "../../src/model/load.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { createClassification, decode } from "../../src/ttfs/decode.ts";
import { createByteEncoder } from "../../src/ttfs/encode.ts";
import { createTiming } from "../../src/ttfs/timing.ts";

const bundled = (name: string) => fileURLToPath(new URL(`../../models/mnist-lenet/${name}`, import.meta.url));
const network = await openNetwork(bundled("network.safetensors"));
const clip = await openClip(bundled("clip.safetensors.gz"));
const bytes = clip.frames.subarray(0, 784);
const timing = createTiming(network.convention, network.tMax);
const encoder = createByteEncoder(timing, network.input);
const levels = new Int16Array(784);
encoder.encode(bytes, levels);
const output = createInferenceOutput(network);
const result = createClassification(network.labels.length);
const reference = createReferenceKernel(network);
const fast = createFastKernel(network);
reference.run(levels, output);

Deno.bench("encode", { group: "code" }, () => void encoder.encode(bytes, levels));
Deno.bench("decode", { group: "code" }, () => decode(timing, output.levels, network.outputScale, result));
Deno.bench("float64 reference kernel", { group: "kernel", baseline: true }, () => reference.run(levels, output));
Deno.bench("integer kernel, 8 bits", { group: "kernel" }, () => fast.run(levels, output));
