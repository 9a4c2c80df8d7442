/** The table and the plot of a run, written beside the benchmark. */

import { writeFileSync } from "node:fs";
import process from "node:process";

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

const FOLDER = new URL("../", import.meta.url);
const COLORS = ["#1b6ca8", "#c8553d", "#588157", "#7b2d8b"];

/** Writes `README.md` and `cost.svg`. */
export function writeReport(rows: readonly Row[]): void {
  writeFileSync(new URL("cost.svg", FOLDER), costPlot(rows));
  writeFileSync(new URL("README.md", FOLDER), readme(rows));
}

// ---------------------------------------------------------------------------------------------------------------------

function readme(rows: readonly Row[]): string {
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
  const shares = rows.filter((row) =>
    row.tMax === 16 && row.layers.length > 0 && row.density !== 0.1 && row.density !== 0.6
  )
    .map((row) => shareTable(row));
  return `# How fast the simulator is

Written by \`deno task bench:simulator --write\` on ${process.platform} ${process.arch}. One thread, batch 1, medians; every round times
every peer once, and a ratio is the median of our time over theirs round by round: below 1 is faster than they are. The peers
run the plain ANN of the same network. Peak: rows of 16-bit weights added to registers in WebAssembly, in the same run; synaptic
operations of events are held against it. Density: share of active neurons that the random weights are made for.

| network | t_max | density | µs a frame | frames/s | of onnxruntime-web | of onnxruntime-node | of the float64 reference | % of peak | M synops | MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.map((line) => `| ${line} |`).join("\n")}

![Cost against t_max and synaptic operations](cost.svg)

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

/** Two panels: time against t_max, and time against synaptic operations, both axes logarithmic. */
function costPlot(rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.network))];
  const byTime = names.map((name) => ({
    name,
    points: rows.filter((row) => row.network === name && row.density !== 0.1 && row.density !== 0.6)
      .map((row): [number, number] => [row.tMax, row.usPerFrame]).sort((a, b) => a[0] - b[0]),
  }));
  const bySynops = names.map((name) => ({
    name,
    points: rows.filter((row) => row.network === name && row.tMax === 16)
      .map((row): [number, number] => [row.synops, row.usPerFrame]).sort((a, b) => a[0] - b[0]),
  }));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="400" font-family="sans-serif" font-size="12">
<rect width="900" height="400" fill="white"/>
${panel({ left: 60, title: "t_max", series: byTime })}
${panel({ left: 510, title: "synaptic operations a frame, t_max 16", series: bySynops })}
</svg>
`;
}

interface Panel {
  readonly left: number;
  readonly title: string;
  readonly series: readonly { readonly name: string; readonly points: readonly [number, number][] }[];
}

function panel({ left, title, series }: Panel): string {
  const all = series.flatMap((one) => one.points);
  const range = (axis: 0 | 1) => {
    const values = all.map((point) => Math.log10(point[axis]));
    return [Math.min(...values) - 0.1, Math.max(...values) + 0.1];
  };
  const [x0, x1] = range(0);
  const [y0, y1] = range(1);
  const x = (value: number) => (left + 330 * (Math.log10(value) - x0) / (x1 - x0)).toFixed(1);
  const y = (value: number) => (340 - 290 * (Math.log10(value) - y0) / (y1 - y0)).toFixed(1);
  const ticks = Array.from({ length: 8 }, (_, power) => 10 ** power).filter((value) =>
    Math.log10(value) > y0 && Math.log10(value) < y1
  );
  const grid = ticks.map((value) =>
    `<path d="M${left} ${y(value)}h330" stroke="#ddd"/><text x="${left - 6}" y="${
      y(value)
    }" text-anchor="end">${value}</text>`
  );
  const lines = series.map(({ name, points }, i) => {
    const path = points.map(([a, b]) => `${x(a)},${y(b)}`).join(" ");
    const dots = points.map(([a, b]) => `<circle cx="${x(a)}" cy="${y(b)}" r="3" fill="${COLORS[i]}"/>`).join("");
    const label = `<text x="${left + 8}" y="${60 + 16 * i}" fill="${COLORS[i]}">${name}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${COLORS[i]}"/>${dots}${label}`;
  });
  const marks = [...new Set(all.map((point) => point[0]))].filter((value) => value <= 64).map((value) =>
    `<text x="${x(value)}" y="356" text-anchor="middle">${value}</text>`
  );
  return `<path d="M${left} 50v290h330" fill="none" stroke="black"/>${grid.join("")}${lines.join("")}${marks.join("")}
<text x="${left + 165}" y="378" text-anchor="middle">${title}</text><text x="${left}" y="40">µs a frame</text>`;
}
