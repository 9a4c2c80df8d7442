/** `convert`: an ONNX model and sample images to a network file. */

import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { atomicWrite } from "../../core/atomic_write.ts";
import { nodeFileSystem } from "../../core/file_system.ts";
import { ConfigError, type Issue } from "../../core/errors.ts";
import type { Convention } from "../../core/network.ts";
import { convert, type ConvertOptions, type ConvertResult } from "../../convert/convert.ts";
import type { Normalisation } from "../../convert/normalise.ts";
import { reportHtml } from "../../convert/report.ts";
import { tradeOffText } from "../../convert/trade_off.ts";
import { openDataset } from "../../data/open.ts";
import { summarise } from "../../model/summary.ts";
import { createKernel, KERNELS_BY_NAME } from "../../simulator/choose_kernel.ts";
import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { imageDecoders } from "../image_decoders.ts";
import { parseNumberList } from "../number_list.ts";
import type { CommandContext } from "./context.ts";

/** Longest labels file, bytes. */
const LABELS_BYTES_MAX = 2 ** 20;

/** Converts, writes the network file (and the report), and prints what it is worth. */
export async function runConvert(command: CommandOf<"convert">, context: CommandContext): Promise<number> {
  const { console, clock } = context;
  const options = await readOptions(command);
  const startUs = clock.nowUs();
  // One bar a stage: they have different units.
  let bar = { stage: "", bar: new ProgressBar(console, "", () => clock.nowUs()) };
  const result = await convert(options, (stage, done, total) => {
    if (bar.stage !== stage) bar = { stage, bar: new ProgressBar(console, stage, () => clock.nowUs()) };
    bar.bar.update(done, total);
  });
  // Whole or not at all: a gateway may load the file at any time.
  await atomicWrite(nodeFileSystem, resolve(command.out), result.bytes, 0o644);
  if (command.report !== null) await writeFile(command.report, reportHtml(result));
  const seconds = (clock.nowUs() - startUs) / 1e6;
  if (command.json) console.print(JSON.stringify(toJson(result, command, seconds)));
  else console.print(toText(result, command, seconds));
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Flags to options; every wrong flag is named at once. */
async function readOptions(command: CommandOf<"convert">): Promise<ConvertOptions> {
  const issues: Issue[] = [];
  const oneOf = <T extends string>(flag: string, text: string | null, names: readonly T[]): T | undefined => {
    if (text === null || names.includes(text as T)) return text === null ? undefined : text as T;
    issues.push({ where: flag, expected: `one of ${names.join(", ")}`, found: JSON.stringify(text) });
    return undefined;
  };
  const number = (flag: string, text: string | null, low: number, high: number): number | "auto" | undefined => {
    if (text === null) return undefined;
    if (text === "auto") return "auto";
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
    if (value >= low && value <= high) return value;
    issues.push({ where: flag, expected: `auto or a number from ${low} to ${high}`, found: JSON.stringify(text) });
    return undefined;
  };
  const list = (flag: string, text: string | null): number[] | undefined => {
    if (text === null) return undefined;
    const values = parseNumberList(text);
    if (values !== null && (values.length === 1 || values.length === 3)) return values;
    issues.push({ where: flag, expected: "one number or three, with commas between", found: JSON.stringify(text) });
    return undefined;
  };
  const options = {
    percentile: number("--percentile", command.percentile, 50, 100),
    tMax: number("--t-max", command.tMax, 2, 512),
    normalise: oneOf<Normalisation>("--normalise", command.normalise, ["joint", "quartz-2023"]),
    convention: oneOf<Convention>("--convention", command.convention, ["quartz-2023", "quartz-loihi"]),
    mean: list("--mean", command.mean),
    std: list("--std", command.std),
    kernel: oneOf("--kernel", command.kernel, ["fast", "fast16", "reference"]),
    exactBias: oneOf("--exact-bias", command.exactBias, ["auto", "on", "off"]),
    labels: command.labels === null ? undefined : await readLabels(command.labels, issues),
  };
  if (typeof options.tMax === "number" && !Number.isInteger(options.tMax)) {
    issues.push({ where: "--t-max", expected: "a whole number", found: String(options.tMax) });
  }
  if (issues.length > 0) {
    throw new ConfigError("usage", "Cannot read the command line of convert", { issues, hint: "See: help convert" });
  }
  const { kernel = "fast", exactBias = "auto", ...rest } = options;
  return {
    ...rest,
    modelPath: command.model,
    name: command.name ?? undefined,
    exactBias: exactBias === "auto" ? "auto" : exactBias === "on",
    createKernel: (network) => createKernel(network, KERNELS_BY_NAME[kernel]),
    measureData: command.measure === null ? undefined : await openDataset(command.measure, imageDecoders),
    data: await openDataset(command.calibrate, imageDecoders),
    calibrationFrames: command.frames ?? undefined,
    budget: {
      ...(command.maxLoss !== null && { accuracyLossMax: command.maxLoss / 100 }),
      ...(command.maxSteps !== null && { stepsMax: command.maxSteps }),
    },
  };
}

async function readLabels(path: string, issues: Issue[]): Promise<string[] | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > LABELS_BYTES_MAX) throw new Error(`${bytes.length} bytes`);
    return bytes.toString("utf8").split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  } catch (error) {
    const expected = `a readable file of at most ${LABELS_BYTES_MAX} bytes`;
    issues.push({ where: "--labels", expected, found: (error as Error).message });
    return undefined;
  }
}

function toJson(result: ConvertResult, command: CommandOf<"convert">, seconds: number): Record<string, unknown> {
  const { network, annAccuracy, measurement, reference, errors, trials, notes } = result;
  const { neurons, synapses, parameters } = summarise(network);
  const size = { bytes: result.bytes.length, neurons, synapses, parameters };
  const chosen = { tMax: network.tMax, percentile: network.normalisation.percentile };
  return {
    out: command.out,
    sha256: network.digest,
    ...chosen,
    ...size,
    annAccuracy,
    measurement,
    reference,
    errors,
    trials,
    notes,
    seconds,
  };
}

function toText(result: ConvertResult, command: CommandOf<"convert">, seconds: number): string {
  const { network, annAccuracy, measurement, reference, trials, notes } = result;
  const share = (value: number | null) => (value === null ? "unknown (no labels)" : `${(100 * value).toFixed(2)} %`);
  const lines = [
    `${command.out}: ${network.name}, t_max ${network.tMax}, percentile ${network.normalisation.percentile}, ` +
    `${result.bytes.length} bytes, in ${seconds.toFixed(1)} s`,
    `sha256      ${network.digest}`,
    `accuracy    ANN ${share(annAccuracy)}, SNN ${share(measurement.accuracy)} on ${measurement.frames} images (${
      command.kernel ?? "fast"
    } kernel)`,
    `agreement   ${share(measurement.agreement)} with the ANN; reference kernel ${
      share(reference.agreement)
    } on ${reference.frames} images`,
    `decision    step ${measurement.decisionSteps.toFixed(1)} (mean), ties ${measurement.ties}`,
    `synops      ${measurement.synopsEvents.toFixed(0)} events, ${measurement.synopsAll.toFixed(0)} in all a frame`,
    `energy      ${measurement.coreEnergyUj.toFixed(1)} µJ a frame, estimated for the cores of a Loihi board`,
  ];
  if (trials.length > 0) lines.push("", tradeOffText(trials, result.trialTarget));
  for (const note of notes) lines.push(`note: ${note}`);
  if (command.report !== null) lines.push(`report: ${command.report}`);
  return lines.join("\n");
}
