/** What the monitor costs a frame: the calls that the frame path makes into it, with nobody looking and with a viewer. */

import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { createInferenceOutput } from "../../src/core/results.ts";
import { frameEvent } from "../../src/monitor/frame_sampler.ts";
import { Monitor } from "../../src/monitor/monitor.ts";
import { createResult } from "../../src/runtime/classifier.ts";
import { drawRaster } from "../../src/monitor/raster.ts";
import { viewerEvent } from "../../src/monitor/viewers.ts";
import { openNetwork } from "../../src/model/load.ts";
import { createFastKernel } from "../../src/simulator/kernel_fast.ts";
import { createByteEncoder } from "../../src/ttfs/encode.ts";
import { createClassification, decode } from "../../src/ttfs/decode.ts";
import { createTiming } from "../../src/ttfs/timing.ts";
import { sampleResult, sampleState } from "../support/sample_messages.ts";

const network = await openNetwork(new URL("../../models/mnist-lenet/network.safetensors", import.meta.url).pathname);
const timing = createTiming(network.convention, network.tMax);
const bytes = network.selfTest!.frames.slice(0, 784);
const levels = new Int16Array(784);
createByteEncoder(timing, network.input).encode(bytes, levels);
const kernel = createFastKernel(network, { keepLevels: true });
const output = createInferenceOutput(network);
kernel.run(levels, output);
const classification = createClassification(network.labels.length);
decode(timing, output.levels, network.outputScale, classification);
const result = {
  ...createResult({ name: "simulator", network }),
  frameId: 1,
  truth: 7,
  capturedAtWallMs: Date.now(),
  latencyUs: 500,
  classification,
  output,
  bytes,
};
const monitor = new Monitor({
  host: "127.0.0.1",
  port: 0,
  token: null,
  hosts: [],
  viewersMax: 200,
  page: true,
  gateway: "bench",
  version: "0",
  kernel: { kind: "fast", weightBits: 8 },
  metrics: true,
  onListening: () => {},
  clock: systemClock,
  random: createRandom(1),
});
const message = sampleResult();
const states = [sampleState("person"), sampleState("dog")];
let n = 0;

Deno.bench("a frame, nobody looks", { group: "frame", baseline: true }, () => {
  monitor.observer.onResult!("digits", result);
  monitor.onMessage(message);
});
Deno.bench("a frame that changes the class, nobody looks", { group: "frame" }, () => {
  monitor.observer.onResult!("digits", result);
  monitor.onMessage(message);
  monitor.onMessage(states[n++ & 1]);
});
Deno.bench("a frame that is shown, at most 4 a second", { group: "shown" }, () => {
  viewerEvent("frame", frameEvent("digits", network, result));
});
Deno.bench("a raster, in the helper's thread, at most 1 a second", { group: "shown" }, () => {
  kernel.run(levels, output);
  drawRaster(network, levels, (layer) => kernel.levelsOf(layer));
});
