/** Goal: a raster tells the truth about a frame. Method: the bundled network, against the reference kernel's own levels and counts. */

import assert from "node:assert/strict";
import { systemClock } from "../../../src/core/clock.ts";
import { isSpiking } from "../../../src/core/network.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { sizeOf } from "../../../src/core/shape.ts";
import { openNetwork } from "../../../src/model/load.ts";
import { dequantise, quantise } from "../../../src/model/quantise.ts";
import type { NoRasterEvent, RasterEvent } from "../../../src/monitor/events.ts";
import { drawRaster, EARLY_MAX, ROWS_MAX } from "../../../src/monitor/raster.ts";
import { NETWORK_BYTES_MAX, RasterHelper, type RasterJob } from "../../../src/monitor/raster_helper.ts";
import { createReferenceKernel } from "../../../src/simulator/kernel_reference.ts";
import { createByteEncoder } from "../../../src/ttfs/encode.ts";
import { createTiming, decisionStep } from "../../../src/ttfs/timing.ts";
import { ROOT } from "../../support/program.ts";

const network = await openNetwork(`${ROOT}models/mnist-lenet/network.safetensors`);
const BYTES = network.selfTest!.frames.slice(0, sizeOf(network.input.shape));

/** The frame's levels by the reference kernel over the integers that the simulator runs. */
function reference() {
  const kernel = createReferenceKernel(dequantise(quantise(network, 8)));
  const input = new Int16Array(BYTES.length);
  createByteEncoder(createTiming(network.convention, network.tMax), network.input).encode(BYTES, input);
  const output = createInferenceOutput(network);
  kernel.run(input, output);
  return { kernel, input, output };
}

Deno.test("every shown neuron is at its own step, and counts are of all neurons", () => {
  const { kernel, input, output } = reference();
  const picture = drawRaster(network, input, (layer) => kernel.levelsOf(layer));
  const timing = createTiming(network.convention, network.tMax);
  let depth = 0;
  let at = 0;
  assert.equal(picture.layers[0].name, "input");
  network.layers.forEach((layer, index) => {
    if (isSpiking(layer)) depth++;
    if (layer.kind === "flatten") return;
    const drawn = picture.layers[++at];
    const levels = kernel.levelsOf(index);
    assert.equal(drawn.name, layer.name);
    assert.equal(drawn.neurons, levels.length);
    assert.equal(drawn.every, Math.ceil(levels.length / ROWS_MAX));
    assert.equal(drawn.steps.length, Math.ceil(levels.length / drawn.every));
    drawn.steps.forEach((step, row) => assert.equal(step, decisionStep(timing, depth, 0, levels[row * drawn.every])));
    if (isSpiking(layer)) assert.equal(drawn.early, output.earlySpikesByLayer[index], `early spikes of ${layer.name}`);
    const shownEarly = [...drawn.marks].filter((mark) => mark === "e").length + drawn.early_others.length;
    assert.equal(
      shownEarly,
      Math.min(drawn.early, shownEarly + EARLY_MAX - drawn.early_others.length),
      "all early spikes",
    );
    for (const { neuron, step } of drawn.early_others) {
      assert.equal(step, decisionStep(timing, depth, 0, levels[neuron]));
      assert.ok(step < drawn.readout_step!, "an early spike comes before read-out");
    }
    assert.equal(drawn.zero, levels.filter((level) => level === 0).length);
  });
  const last = picture.layers.at(-1)!;
  assert.equal(last.first_step, output.counters.decisionStep, "the first output spike is the decision");
  for (const { steps } of picture.layers) {
    for (const step of steps) assert.ok(step >= picture.step_min && step <= picture.step_max);
  }
});

function job(change: Partial<RasterJob> = {}): RasterJob {
  const { output } = reference();
  return {
    camera: "door",
    network,
    kernel: { kind: "fast", weightBits: 8 },
    frameId: 7,
    classId: "7",
    decisionStep: output.counters.decisionStep,
    bytes: BYTES,
    levels: output.levels,
    earlySpikes: output.counters.earlySpikes,
    ...change,
  };
}

Deno.test("the helper's second run equals the frame's own, and one that does not is said to differ", async () => {
  const events: (RasterEvent | NoRasterEvent)[] = [];
  let wake = () => {};
  await using helper = new RasterHelper({ ...systemClock, nowUs: () => events.length * 100e6 }, (event) => {
    events.push(event);
    wake();
  });
  const draw = async (change: Partial<RasterJob>) => {
    const done = new Promise<void>((resolve) => wake = resolve);
    assert.ok(helper.isDue("door"));
    helper.take(job(change));
    await done;
    return events.at(-1)!;
  };
  const same = await draw({});
  assert.ok(same.schema === "quartz.page.raster.v1" && same.equal && same.frame.id === 7);
  assert.ok(same.layers.some(({ early }) => early > 0), "some spikes are early");
  const other = await draw({ levels: job().levels.map((level) => level + 1) });
  assert.ok(other.schema === "quartz.page.raster.v1" && !other.equal);
  const board = await draw({
    kernel: { kind: "reference" },
    network: dequantise(quantise(network, 8)),
    earlySpikes: NaN,
  });
  assert.ok(board.schema === "quartz.page.raster.v1" && board.equal);
});

Deno.test("a network that is too large to be held twice gets words in place of a picture", () => {
  const events: (RasterEvent | NoRasterEvent)[] = [];
  const helper = new RasterHelper(systemClock, (event) => events.push(event));
  const layer = { ...network.layers[0], weights: { byteLength: NETWORK_BYTES_MAX + 1 } as unknown as Float32Array };
  helper.take(job({ network: { ...network, layers: [layer as never] } }));
  assert.match((events[0] as NoRasterEvent).text, /64 MB/);
});
