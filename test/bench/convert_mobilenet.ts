/**
 * Robustness: a random network of MobileNetV2's full shape at 224 x 224, converted and run.
 *
 *   deno run --allow-all test/bench/convert_mobilenet.ts
 *
 * On two shared cores: 170 s, 640 MB, 65 layers, 7.4 million neurons, 352 million synapses. Random weights tell its 1000 classes
 * apart by less than the rounding of 52 layers, so agreement says nothing here.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { processConsole } from "../../src/app/console.ts";
import { convert } from "../../src/convert/convert.ts";
import { systemClock } from "../../src/core/clock.ts";
import { summarise } from "../../src/model/summary.ts";
import { MOBILENET_V2, mobileNetModel, waveImages } from "../support/mobilenet.ts";

const console = processConsole();
const folder = await mkdtemp(join(tmpdir(), "quartz-"));
const startUs = systemClock.nowUs();
const seconds = () => ((systemClock.nowUs() - startUs) / 1e6).toFixed(1);
let last = "";
try {
  const modelPath = join(folder, "mobilenet.onnx");
  await writeFile(modelPath, mobileNetModel(MOBILENET_V2));
  const data = waveImages(MOBILENET_V2.size, 16);
  const pixels = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const options = { modelPath, data, ...pixels, tMax: 32, measureFrames: 4, exactBias: true };
  const { network, bytes, measurement, reference, notes } = await convert(options, (stage) => {
    if (stage !== last) console.note(`${seconds()} s: ${last = stage}`);
  });
  const { neurons, synapses } = summarise(network);
  console.print(JSON.stringify({
    seconds: Number(seconds()),
    bytes: bytes.length,
    layers: network.layers.length,
    neurons,
    synapses,
    agreement: measurement.agreement,
    referenceAgreement: reference.agreement,
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
    notes,
  }));
} finally {
  await rm(folder, { recursive: true });
}
