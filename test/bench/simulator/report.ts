/** The table and the plot of a run, written beside the benchmark. */

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import process from "node:process";
import { costPlot } from "./plot.ts";
import type { StartUp } from "./start_up.ts";
import type { ThreadRow } from "./threads.ts";

/** One network at one setting. */
export interface Row {
  readonly network: string;
  readonly tMax: number;
  readonly density: number | string;
  readonly neurons: number;
  readonly multiplyAdds: number;
  readonly synops: number;
  readonly usPerFrame: number;
  readonly framesPerSecond: number;
  readonly usOrtWeb: number;
  /** Our time over theirs, one thread, batch 1. */
  readonly ratioOrtWeb: number;
  readonly ratioOrtNode: number | null;
  readonly ratioReference: number | null;
  readonly percentOfPeak: number;
  readonly memoryBytes: number;
  readonly layers: readonly { readonly name: string; readonly kernel: string; readonly us: number }[];
}

/** All that a run measured. */
export interface Report {
  readonly rows: readonly Row[];
  readonly threads: readonly ThreadRow[];
  /** null: not measured. */
  readonly startUp: StartUp | null;
}

const FOLDER = new URL("../", import.meta.url);

/** Writes `README.md` and `cost.svg`. */
export function writeReport(report: Report): void {
  writeFileSync(new URL("cost.svg", FOLDER), costPlot(report.rows));
  writeFileSync(new URL("README.md", FOLDER), readme(report));
}

/** What a second thread gives, in words. */
export function threadLine({ network, usOne, framesSpeedUp, frameSpeedUp }: ThreadRow): string {
  return `${network}: ${usOne.toFixed(0)} µs a frame on one thread; two simulators at once do ${
    framesSpeedUp.toFixed(2)
  } times the frames of one; two threads finish one frame ${frameSpeedUp.toFixed(2)} times as fast`;
}

/** Start and memory of the program, in words. */
export function startUpLines({ startMs, firstResultMs, rssBytes, rssServiceBytes }: StartUp): string[] {
  return [
    `mnist-lenet, file to first result of a simulator: ${startMs.toFixed(0)} ms`,
    `quartz run, start to first published result: ${firstResultMs.toFixed(0)} ms`,
    `quartz run, one camera at 50 frames/s: ${(rssBytes / 1e6).toFixed(1)} MB resident, ` +
    `${(rssServiceBytes / 1e6).toFixed(1)} MB as a service`,
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

function readme({ rows, threads, startUp }: Report): string {
  const ratio = (value: number | null) => (value === null ? "" : value.toFixed(3));
  const lines = rows.map((row) =>
    [
      row.network,
      row.tMax,
      row.density,
      row.usPerFrame.toFixed(1),
      Math.round(row.framesPerSecond),
      ratio(row.ratioOrtWeb),
      ratio(row.ratioOrtNode),
      ratio(row.ratioReference),
      row.percentOfPeak.toFixed(1),
      (row.synops / 1e6).toFixed(2),
      (row.memoryBytes / 1e6).toFixed(1),
    ].join(" | ")
  );
  const shares = rows.filter((row) => row.layers.length > 0).map((row) => shareTable(row));
  const others = [...threads.map(threadLine), ...(startUp === null ? [] : startUpLines(startUp))];
  return `# How fast the simulator is

Written by \`deno task bench:simulator --write\` on ${process.platform} ${process.arch},
${cpus()[0].model}. One thread, batch 1, medians; every round times
every peer once, and a ratio is the median of our time over theirs round by round: below 1 is faster than they are. The peers
run the plain ANN of the same network. Peak: rows of 16-bit weights added to registers in WebAssembly, in the same run; synaptic
operations of events are held against it. Density: share of active neurons that the random weights are made for.
[LIMITS.md](LIMITS.md) says where the time goes and how far from the limit it is.

| network | t_max | density | µs a frame | frames/s | of onnxruntime-web | of onnxruntime-node | of the float64 reference | % of peak | M synops | MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.map((line) => `| ${line} |`).join("\n")}

![Cost against t_max and synaptic operations](cost.svg)

## Threads, start and memory

${others.map((line) => `- ${line}`).join("\n")}

## Where the time goes

Each layer by itself on the levels that it meets at t_max 16.

${shares.join("\n")}`;
}

function shareTable(row: Row): string {
  const total = row.layers.reduce((sum, layer) => sum + layer.us, 0);
  const lines = row.layers.map((layer) =>
    `| ${layer.name} | ${layer.us.toFixed(1)} | ${(100 * layer.us / total).toFixed(0)} % | ${layer.kernel} |`
  );
  return `### ${row.network}\n\n| layer | µs | share | kernel |\n| --- | ---: | ---: | --- |\n${lines.join("\n")}\n`;
}
