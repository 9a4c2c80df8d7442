/** `eval`: a network's accuracy and cost on labelled images. */

import { openDataset } from "../../data/open.ts";
import { evaluate, type Evaluation } from "../../evaluate/evaluate.ts";
import { openNetwork } from "../../model/load.ts";
import type { Backend } from "../../ports/backend.ts";
import { openSimulator } from "../../simulator/simulator.ts";
import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { imageDecoders } from "../image_decoders.ts";
import type { CommandContext } from "./context.ts";

/** Evaluates, and prints a report or (last line) one JSON object. */
export async function runEval(command: CommandOf<"eval">, context: CommandContext): Promise<number> {
  const { console, clock, signal } = context;
  const network = await openNetwork(command.network);
  const dataset = await openDataset(command.data, imageDecoders);
  const backends: Backend[] = [];
  try {
    for (let i = 0; i < (command.threads ?? 1); i++) backends.push(await openSimulator(network));
    const bar = new ProgressBar(console, "eval", () => clock.nowUs());
    const limit = command.limit ?? undefined;
    const onProgress = (done: number, total: number) => bar.update(done, total);
    const result = await evaluate(backends, dataset, { limit, clock, signal, onProgress });
    if (command.json) {
      const { answers: _, ...figures } = result;
      console.print(JSON.stringify({ ...figures, annAgreement: null }));
    } else console.print(formatEvaluation(result, network.labels));
  } finally {
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  }
  return 0;
}

/** Most classes whose confusion is printed as a table. */
const CONFUSION_CLASSES_MAX = 16;

/** The evaluation as text. */
export function formatEvaluation(result: Evaluation, labels: readonly string[]): string {
  const early = Object.entries(result.earlySpikesPercentPerLayer).map(([name, share]) => `${name} ${share.toFixed(2)}`);
  const count = (value: number | null) => (value === null ? "not counted by this kernel" : value.toFixed(0));
  const lines = [
    `${result.network} on ${result.data}`,
    `accuracy        ${
      (100 * result.accuracy).toFixed(2)
    } % (${result.correct} of ${result.total}), ties ${result.ties}`,
    `decision        step ${result.stepsToDecision.toFixed(1)} (mean)`,
    `early spikes    ${early.join(", ")}; mean ${result.earlySpikesPercentMean.toFixed(2)} % of neurons`,
    `spikes          ${result.spikesPerFrame.toFixed(0)} a frame, ${result.saturatedPerFrame.toFixed(2)} saturated`,
    `synops          events ${count(result.synopsEvents)}, all ${count(result.synopsAll)}, reference ${
      count(result.synopsReference)
    } a frame`,
    `published form  operations ${count(result.opsPerFrame)}, reads ${count(result.memoryReadsPerFrame)}, writes ${
      count(result.memoryWritesPerFrame)
    } a frame`,
    `speed           ${result.framesPerSecond.toFixed(0)} frames a second, ${
      result.kernelUsPerFrame.toFixed(0)
    } µs a frame in the kernel`,
  ];
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
