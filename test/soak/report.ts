/** What a soak found, to read and to look at. */

import type { SoakReport } from "./soak.ts";

/** Lines for a terminal. */
export function soakText(report: SoakReport): string {
  const { faults, frames, results, rss, descriptors, failures } = report;
  const most = Math.max(1, ...Object.values(faults));
  const rows = Object.entries(faults).sort(([, a], [, b]) => b - a)
    .map(([name, count]) =>
      `  ${name.padEnd(26)} ${String(count).padStart(5)}  ${"▇".repeat(Math.round(30 * count / most))}`
    );
  const slope = rss.slopeMbPerH === null ? "too short to tell" : `${rss.slopeMbPerH.toFixed(2)} MB/h`;
  const span = (range: { min: number; max: number } | null) => range === null ? "–" : `${range.min} to ${range.max}`;
  return [
    `${report.minutes} minutes, seed ${report.seed}: ${report.faultsTotal} faults`,
    ...rows,
    `frames: ${frames.captured} captured = ${frames.classified} classified + ${frames.dropped} dropped; ` +
    `added up in ${report.healthMessages} health messages`,
    `results: ${results.acknowledged} acknowledged, ${results.historical} of them from disk; ${results.repeated} repeated`,
    `answers: ${Object.entries(report.answers).map(([code, count]) => `${count} ${code}`).join(", ") || "none"}`,
    `RSS: median ${rss.medianMb.toFixed(0)} MB, most ${rss.maxMb.toFixed(0)} MB; slope of the second half ${slope} ` +
    `(limit ${rss.limitMbPerH.toFixed(0)})`,
    `  ${sparkline(report.samples.map(({ rssBytes }) => rssBytes))}`,
    `descriptors, most at any time ${descriptors.max}; while all was well ` + descriptors.byCameras
      .map(({ cameras, first, second }) => `with ${cameras} cameras ${span(first)}, then ${span(second)}`).join("; "),
    `  ${sparkline(report.samples.map((sample) => sample.descriptors))}`,
    `stopped in ${report.stopMs} ms`,
    failures.length === 0 ? "all well" : `FAILED:\n${failures.map((text) => `  ${text}`).join("\n")}`,
  ].join("\n");
}

/** Memory and descriptors over time, as a picture. */
export function soakSvg(report: SoakReport): string {
  const { samples, minutes, seed } = report;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="330" font-family="sans-serif" font-size="12">
<rect width="900" height="330" fill="white"/>
<text x="60" y="18">soak of ${minutes} minutes, seed ${seed}, ${report.faultsTotal} faults</text>
${panel(30, "RSS, MB", samples.map(({ atS, rssBytes }) => [atS / 60, rssBytes / 1e6]), "#1b6ca8")}
${panel(180, "descriptors", samples.map(({ atS, descriptors }) => [atS / 60, descriptors]), "#c8553d")}
<text x="480" y="322" text-anchor="middle">minutes</text>
</svg>
`;
}

// ---

const BARS = "▁▂▃▄▅▆▇█";
const BARS_MAX = 60;

/** Means of even stretches, from 0 to the greatest. */
function sparkline(values: readonly number[]): string {
  const count = Math.min(BARS_MAX, values.length);
  const means = Array.from({ length: count }, (_, i) => {
    const part = values.slice(Math.floor(i * values.length / count), Math.floor((i + 1) * values.length / count));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const most = Math.max(...means);
  return means.map((mean) => BARS[Math.min(7, Math.floor(8 * mean / most))]).join("");
}

function panel(top: number, title: string, points: readonly (readonly [number, number])[], color: string): string {
  const [left, width, height] = [60, 820, 110];
  const xMost = Math.max(1e-9, ...points.map(([x]) => x));
  const yMost = Math.max(1e-9, ...points.map(([, y]) => y));
  const at = ([x, y]: readonly [number, number]) =>
    `${(left + width * x / xMost).toFixed(1)},${(top + height * (1 - y / yMost)).toFixed(1)}`;
  return `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#ccc"/>
<text x="${left + 6}" y="${top + 14}">${title}</text>
<text x="${left - 6}" y="${top + 8}" text-anchor="end">${yMost.toFixed(0)}</text>
<text x="${left - 6}" y="${top + height}" text-anchor="end">0</text>
<text x="${left + width}" y="${top + height + 14}" text-anchor="end">${xMost.toFixed(1)}</text>
<polyline fill="none" stroke="${color}" points="${points.map(at).join(" ")}"/>`;
}
