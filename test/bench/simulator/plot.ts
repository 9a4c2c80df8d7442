/** How cost grows, as an SVG. */

import type { Row } from "./report.ts";

const COLORS = ["#1b6ca8", "#c8553d", "#588157", "#7b2d8b"];

/** Two panels: time against t_max, and time against synaptic operations, both axes logarithmic. */
export function costPlot(rows: readonly Row[]): string {
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

// ---------------------------------------------------------------------------------------------------------------------

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
