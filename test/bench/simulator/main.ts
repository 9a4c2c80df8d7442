/** Times the simulator against its peers. `--json`: last line is one object; `--write`: table and plot beside this folder; `--quick`: few rounds. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Network } from "../../../src/core/network.ts";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { sizeOf } from "../../../src/core/shape.ts";
import { createFastKernel } from "../../../src/simulator/kernel_fast.ts";
import { createReferenceKernel } from "../../../src/simulator/kernel_reference.ts";
import { createByteEncoder } from "../../../src/ttfs/encode.ts";
import { createTiming } from "../../../src/ttfs/timing.ts";
import { goldenMnistNetwork } from "../../support/networks.ts";
import { mnistFolder } from "../../support/mnist_model.ts";
import { interleave, median, pairedRatio } from "./measure.ts";
import { type Density, mnistLenet, mobilenet, randomFrame, vgg11 } from "./networks.ts";
import { createPeak } from "./peak.ts";
import { kernelPeer, ortNodePeer, ortWebPeer, type Peer } from "./peers.ts";
import { type Row, startUpLines, threadLine, writeReport } from "./report.ts";
import { measureStartUp } from "./start_up.ts";
import { type ThreadRow, timeThreads } from "./threads.ts";

const MNIST_FRAMES = 64;
const flags = new Set(process.argv.slice(2));
/** `--only=mobilenet-224-16`: only networks whose name, t_max and density contain this. */
const only = process.argv.find((flag) => flag.startsWith("--only="))?.slice(7);
const quick = flags.has("--quick");
const rows: Row[] = [];
const peak = await createPeak();

const mnist = await mnistLenet();
const vgg = vgg11(0.3);
const mobile = mobilenet(0.3);
await time(mnist, { reference: true, density: "MNIST" });
// The authors' own network is a third of the bundled one's size; published figures are for it.
await time(goldenMnistNetwork(), { reference: true, density: "MNIST" });
await time(vgg, { density: 0.3 });
await time(mobile, { density: 0.3 });
for (const tMax of [8, 32, 64]) {
  await time({ ...mnist, tMax }, { reference: true, density: "MNIST", side: true });
  await time({ ...vgg, tMax }, { density: 0.3, side: true });
  await time({ ...mobile, tMax }, { density: 0.3, side: true });
}
for (const density of [0.1, 0.6] as const) await time(vgg11(density), { density, side: true });
const threads: ThreadRow[] = [];
if (only === undefined) {
  for (const network of [vgg, mobile]) {
    threads.push(await timeThreads(network, { rounds: quick ? 3 : 11, batchMs: quick ? 30 : 100 }));
  }
}
const startUp = only === undefined ? await measureStartUp() : null;
for (const line of [...threads.map(threadLine), ...(startUp === null ? [] : startUpLines(startUp))]) console.log(line);

if (flags.has("--write")) writeReport({ rows, threads, startUp });
if (flags.has("--json")) {
  const [{ usPerFrame, ratioOrtWeb, ratioOrtNode, ratioReference, percentOfPeak }] = rows;
  const figures = { usPerFrame, ratioOrtWeb, ratioOrtNode, ratioReference, percentOfPeak };
  console.log(JSON.stringify({ net: rows[0].network, tMax: rows[0].tMax, ...figures, rows, threads, startUp }));
}
// onnxruntime keeps handles open.
process.exit(0);

/** Times one network and adds its row. @param options.side a point of the plot: fewer rounds, no layers */
async function time(
  network: Network,
  options: { reference?: boolean; density: Density | "MNIST"; side?: boolean },
): Promise<void> {
  if (only !== undefined && !`${network.name}-${network.tMax}-${options.density}`.includes(only)) return;
  const frames = options.density === "MNIST"
    ? mnistFrames(network)
    : Array.from({ length: 4 }, (_, frame) => randomFrame(network, frame + 1));
  const fast = createFastKernel(network);
  const peers: Peer[] = [kernelPeer("simulator", network, fast, frames), await ortWebPeer(network, frames)];
  const node = await ortNodePeer(network, frames);
  if (node !== null) peers.push(node);
  if (options.reference) {
    peers.push(kernelPeer("reference", network, createReferenceKernel(network), frames.slice(0, 2)));
  }
  const peaks: number[] = [];
  peers.push({ name: "peak", run: () => void peaks.push(peak()) });
  const times = await interleave(peers, {
    rounds: quick ? 5 : options.side ? 11 : 21,
    batchMs: quick ? 30 : 100,
  });
  const find = (name: string) => times.find((peer) => peer.name === name);
  const usPerFrame = median(times[0].rounds);
  const counters = countersOf(network, frames);
  const synopsPerSecond = counters.synops / (usPerFrame / 1e6);
  const row: Row = {
    network: network.name,
    tMax: network.tMax,
    density: options.density,
    neurons: counters.neurons,
    multiplyAdds: counters.multiplyAdds,
    synops: counters.synops,
    usPerFrame,
    framesPerSecond: 1e6 / usPerFrame,
    usOrtWeb: median(find("onnxruntime-web")!.rounds),
    ratioOrtWeb: pairedRatio(times[0], find("onnxruntime-web"))!,
    ratioOrtNode: pairedRatio(times[0], find("onnxruntime-node")),
    ratioReference: pairedRatio(times[0], find("reference")),
    percentOfPeak: 100 * synopsPerSecond / median(peaks),
    memoryBytes: fast.describe().memoryBytes,
    layers: !options.side && (flags.has("--layers") || flags.has("--write")) ? await layerShares(network, frames) : [],
  };
  rows.push(row);
  const ratio = (value: number | null) => (value === null ? "-" : value.toFixed(3));
  console.log(
    `${row.network} t_max ${row.tMax} density ${row.density}: ${usPerFrame.toFixed(1)} us a frame, ` +
      `of onnxruntime-web ${ratio(row.ratioOrtWeb)}, of onnxruntime-node ${ratio(row.ratioOrtNode)}, ` +
      `of the reference ${ratio(row.ratioReference)}, ${row.percentOfPeak.toFixed(1)} % of peak`,
  );
  for (const layer of row.layers) {
    console.log(`    ${layer.name.padEnd(12)} ${layer.us.toFixed(1).padStart(9)} us  ${layer.kernel}`);
  }
}

function mnistFrames(network: Network): Int16Array[] {
  const images = readFileSync(join(mnistFolder(), "t10k-images-idx3-ubyte")).subarray(16);
  const encoder = createByteEncoder(createTiming(network.convention, network.tMax), network.input);
  return Array.from({ length: MNIST_FRAMES }, (_, frame) => {
    const levels = new Int16Array(784);
    encoder.encode(images.subarray(frame * 784, (frame + 1) * 784), levels);
    return levels;
  });
}

function countersOf(network: Network, frames: readonly Int16Array[]) {
  const kernel = createFastKernel(network);
  const output = createInferenceOutput(network);
  let synops = 0;
  for (const frame of frames) {
    kernel.run(frame, output);
    synops += output.counters.synopsEvents / frames.length;
  }
  return { synops, multiplyAdds: output.counters.synopsAll, neurons: output.counters.spikes };
}

/** Time of each layer by itself, on the levels that it meets in the network. */
async function layerShares(network: Network, frames: readonly Int16Array[]): Promise<Row["layers"]> {
  const whole = createFastKernel(network, { keepLevels: true });
  whole.run(frames[0], createInferenceOutput(network));
  const kernels = whole.describe().layers;
  const shares: { name: string; kernel: string; us: number }[] = [];
  for (const [index, layer] of network.layers.entries()) {
    if (layer.kind === "flatten" || layer.inputs.length > 1) continue;
    const from = layer.inputs[0];
    const shape = from < 0 ? network.input.shape : network.layers[from].shape;
    const labels = Array.from({ length: sizeOf(layer.shape) }, (_, i) => String(i));
    const alone = { ...network, labels, layers: [{ ...layer, inputs: [-1] }], input: { ...network.input, shape } };
    const levels = from < 0 ? frames[0] : whole.levelsOf(from).slice();
    const peer = kernelPeer(layer.name, alone, createFastKernel(alone), [levels]);
    const [times] = await interleave([peer], { rounds: 5, batchMs: 10 });
    shares.push({ name: layer.name, kernel: kernels[index].kernel, us: median(times.rounds) });
  }
  return shares;
}
