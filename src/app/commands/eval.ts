/** `eval`: a network's accuracy and cost on labelled images. */

import { ConfigError } from "../../core/errors.ts";
import type { Network } from "../../core/network.ts";
import type { Dataset } from "../../data/dataset.ts";
import { openDataset } from "../../data/open.ts";
import { evaluate, type Evaluation } from "../../evaluate/evaluate.ts";
import { createImageReader } from "../../evaluate/image_reader.ts";
import { openNetwork } from "../../model/load.ts";
import { type LayerQuantisation, quantiseReport } from "../../model/quantise.ts";
import type { Backend } from "../../ports/backend.ts";
import { type KernelChoice, KERNELS_BY_NAME } from "../../simulator/choose_kernel.ts";
import { openSimulator } from "../../simulator/simulator.ts";
import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { imageDecoders } from "../image_decoders.ts";
import type { CommandContext } from "./context.ts";

/** Frames on which the float64 kernel stands beside the integer one: for what only it counts, and for the cost of quantising. */
const REFERENCE_FRAMES = 200;

/** Evaluates, and prints a report or (last line) one JSON object. */
export async function runEval(command: CommandOf<"eval">, context: CommandContext): Promise<number> {
  const { console } = context;
  const network = await openNetwork(command.network);
  const dataset = await openDataset(command.data, imageDecoders);
  const choice = readKernel(command);
  const limit = command.limit ?? undefined;
  const work = { network, dataset, threads: command.threads ?? 1, context };
  const result = await evaluateWith({ ...work, choice, limit, title: "eval" });
  const isFast = choice.kind === "fast";
  const reference = isFast
    ? await evaluateWith({
      ...work,
      choice: { kind: "reference" },
      limit: Math.min(REFERENCE_FRAMES, result.total),
      title: "float64 kernel",
    })
    : result;
  const comparison: Comparison = {
    frames: reference.total,
    agreement: share(reference.answers, (answer, i) => answer === result.answers[i]),
    annAgreement: command.ann === null ? null : await compareWithAnn(command.ann, result, work),
    quantisation: isFast ? quantiseReport(network, choice.weightBits) : [],
  };
  if (command.json) console.print(JSON.stringify(toJson(result, reference, comparison)));
  else console.print(formatEvaluation(result, reference, comparison, network.labels));
  return 0;
}

/** What stands beside an evaluation. */
interface Comparison {
  /** Frames that the reference kernel ran. */
  readonly frames: number;
  /** Share of them on which both kernels answered alike. */
  readonly agreement: number;
  /** Share of all frames on which the source network answers alike; null when it was not asked. */
  readonly annAgreement: number | null;
  readonly quantisation: readonly LayerQuantisation[];
}

interface Work {
  readonly network: Network;
  readonly dataset: Dataset;
  readonly threads: number;
  readonly context: CommandContext;
}

function readKernel(command: CommandOf<"eval">): KernelChoice {
  const name = command.kernel ?? "fast";
  if (Object.hasOwn(KERNELS_BY_NAME, name)) return KERNELS_BY_NAME[name as keyof typeof KERNELS_BY_NAME];
  const message = `Cannot evaluate as --kernel must be fast, fast16 or reference: found ${JSON.stringify(name)}`;
  throw new ConfigError("usage", message, { hint: "fast: 8-bit weights, fast16: 16-bit weights, reference: float64" });
}

async function evaluateWith(
  work: Work & { readonly choice: KernelChoice; readonly limit: number | undefined; readonly title: string },
): Promise<Evaluation> {
  const { network, dataset, threads, choice, limit, title, context: { console, clock, signal } } = work;
  const backends: Backend[] = [];
  try {
    for (let i = 0; i < threads; i++) backends.push(await openSimulator(network, choice));
    const bar = new ProgressBar(console, title, () => clock.nowUs());
    const onProgress = (done: number, total: number) => bar.update(done, total);
    return await evaluate(backends, dataset, { limit, clock, signal, onProgress });
  } finally {
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  }
}

/** Share of the evaluated images to which the source network gives the same class. */
async function compareWithAnn(modelPath: string, result: Evaluation, work: Work): Promise<number> {
  const { network, dataset, context: { console, clock } } = work;
  const read = createImageReader(dataset, network);
  const bar = new ProgressBar(console, "source network", () => clock.nowUs());
  // Imported only where it is asked for: onnxruntime is by far the largest package.
  const { openShadowAnn } = await import("../../convert/shadow.ts");
  const ann = await openShadowAnn(modelPath, network);
  try {
    let same = 0;
    for (let index = 0; index < result.total; index++) {
      if (await ann.classify(read(index).bytes) === result.answers[index]) same++;
      bar.update(index + 1, result.total);
    }
    return same / result.total;
  } finally {
    await ann[Symbol.asyncDispose]();
  }
}

function toJson(result: Evaluation, reference: Evaluation, comparison: Comparison): Record<string, unknown> {
  const { answers: _, ...figures } = result;
  const { frames, agreement, annAgreement, quantisation } = comparison;
  return {
    ...figures,
    ...countedByReference(reference),
    annAgreement,
    referenceFrames: frames,
    referenceAgreement: agreement,
    quantisation,
  };
}

/** Counters of the published metric, which only the reference kernel has. */
function countedByReference(reference: Evaluation) {
  const { synopsReference, opsPerFrame, memoryReadsPerFrame, memoryWritesPerFrame } = reference;
  return { synopsReference, opsPerFrame, memoryReadsPerFrame, memoryWritesPerFrame };
}

function share(values: Uint16Array, holds: (value: number, index: number) => boolean): number {
  let count = 0;
  values.forEach((value, index) => count += holds(value, index) ? 1 : 0);
  return count / values.length;
}

/** Most classes whose confusion is printed as a table. */
const CONFUSION_CLASSES_MAX = 16;

/** The evaluation as text. */
function formatEvaluation(
  result: Evaluation,
  reference: Evaluation,
  { frames, agreement, annAgreement, quantisation }: Comparison,
  labels: readonly string[],
): string {
  const early = Object.entries(result.earlySpikesPercentPerLayer).map(([name, part]) => `${name} ${part.toFixed(2)}`);
  const count = (value: number | null) => (value === null ? "–" : value.toFixed(0));
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const { synopsReference, opsPerFrame, memoryReadsPerFrame, memoryWritesPerFrame } = countedByReference(reference);
  const lines = [
    `${result.network} on ${result.data}`,
    `accuracy        ${percent(result.accuracy)} (${result.correct} of ${result.total}), ties ${result.ties}`,
    `decision        step ${result.stepsToDecision.toFixed(1)} (mean)`,
    `early spikes    ${early.join(", ")}; mean ${result.earlySpikesPercentMean.toFixed(2)} % of neurons`,
    `spikes          ${result.spikesPerFrame.toFixed(0)} a frame, ${result.saturatedPerFrame.toFixed(2)} saturated`,
    `synops          events ${count(result.synopsEvents)}, all ${count(result.synopsAll)}, reference ${
      count(synopsReference)
    } a frame`,
    `published form  operations ${count(opsPerFrame)}, reads ${count(memoryReadsPerFrame)}, writes ${
      count(memoryWritesPerFrame)
    } a frame`,
    `speed           ${result.framesPerSecond.toFixed(0)} frames a second, ${
      result.kernelUsPerFrame.toFixed(0)
    } µs a frame in the kernel`,
    `float64 kernel  ${percent(agreement)} of ${frames} frames answered alike; reference counts are of these frames`,
  ];
  if (annAgreement !== null) {
    lines.push(`source network  ${percent(annAgreement)} of ${result.total} frames answered alike`);
  }
  for (const { name, exponent, errorMax, snrDb } of quantisation) {
    const lost = errorMax === 0 ? "exact" : `largest error ${errorMax.toPrecision(2)}, ${snrDb.toFixed(1)} dB`;
    lines.push(`weights         ${name}: steps of 2^${-exponent}, ${lost}`);
  }
  if (result.clampedValues > 0) {
    lines.push(`clamped         ${result.clampedValues} input values outside the code's range`);
  }
  if (labels.length <= CONFUSION_CLASSES_MAX) lines.push("", ...formatConfusion(result.confusion, labels));
  return lines.join("\n");
}

function formatConfusion(confusion: readonly (readonly number[])[], labels: readonly string[]): string[] {
  const width = Math.max(5, ...labels.map((label) => label.length));
  const row = (head: string, cells: readonly (string | number)[]) =>
    [head.padEnd(width + 6), ...cells.map((cell) => String(cell).padStart(width))].join(" ");
  return [
    row("truth/answer", labels),
    ...confusion.map((counts, truth) => row(labels[truth], counts.map((count) => (count === 0 ? "·" : count)))),
  ];
}
