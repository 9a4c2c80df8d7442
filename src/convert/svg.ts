/** Small pictures for the conversion report, as inline SVG. Numbers and escaped text only; no scripts, no links. */

import { escapeHtml } from "../core/html.ts";

/** A histogram as bars; `mark` is drawn as a line, both in units of the axis from `low` to `high`. */
export function histogramSvg(
  shares: ArrayLike<number>,
  { low, high, mark }: { low: number; high: number; mark: number },
): string {
  const [width, height] = [220, 48];
  // Layers are mostly zero: a root keeps the rest visible.
  const roots = Array.from(shares, Math.sqrt);
  const most = Math.max(...roots, 1e-12);
  const step = width / roots.length;
  const bars = roots.map((root, i) => {
    const tall = root / most * height;
    return `<rect x="${fixed(i * step)}" y="${fixed(height - tall)}" width="${fixed(step - 0.5)}" height="${
      fixed(tall)
    }"/>`;
  });
  const line = (name: string, value: number) => {
    const x = fixed(Math.min(width - 1, Math.max(0, (value - low) / (high - low) * width)));
    return `<line class="${name}" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`;
  };
  const lines = `${line("zero", 0)}${line("mark", mark)}`;
  return `<svg class="bars" width="${width}" height="${height}" role="img">${bars.join("")}${lines}</svg>`;
}

/** One bar from 0 to 1 with a mark on it. */
export function barSvg(share: number, mark: number): string {
  const [width, height] = [90, 10];
  const x = fixed(Math.min(width - 1, mark * width));
  return `<svg class="bars" width="${width}" height="${height}" role="img">` +
    `<rect x="0" y="2" width="${fixed(share * width)}" height="6"/>` +
    `<line class="mark" x1="${x}" x2="${x}" y1="0" y2="${height}"/></svg>`;
}

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** What a chart shows besides its lines. */
export interface ChartOptions {
  readonly xName: string;
  readonly yName: string;
  /** Lowest y, a share; what lies below is cut off and said so. */
  readonly low: number;
  /** A dashed line across. */
  readonly target: { readonly y: number; readonly name: string };
  /** A point with a ring. */
  readonly taken: { readonly x: number; readonly y: number } | null;
}

/** Lines over a logarithmic x axis, y in percent. */
export function chartSvg(series: readonly Series[], { xName, yName, low, target, taken }: ChartOptions): string {
  const [width, height, left, right, top, bottom] = [640, 300, 56, 130, 22, 40];
  const points = series.flatMap((line) => line.points);
  const xs = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const high = Math.min(1, Math.max(target.y, ...points.map((point) => point.y)) + 0.01);
  const least = Math.max(0, low, Math.min(target.y, ...points.map((point) => point.y)) - 0.01);
  const [x0, x1] = [Math.log(xs[0]), Math.log(xs[xs.length - 1])];
  const px = (x: number) => left + (width - left - right) * (x1 > x0 ? (Math.log(x) - x0) / (x1 - x0) : 0.5);
  const py = (y: number) => top + (height - bottom - top) * (1 - (y - least) / Math.max(1e-9, high - least));
  const floor = height - bottom;
  const across = (name: string, y: number) =>
    `<line class="${name}" x1="${left}" x2="${width - right}" y1="${fixed(py(y))}" y2="${fixed(py(y))}"/>`;
  const text = (x: number, y: number, anchor: string, content: string, name = "") =>
    `<text class="${name}" x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escapeHtml(content)}</text>`;
  const parts = [
    `<clipPath id="plot"><rect x="0" y="${top - 4}" width="${width}" height="${floor - top + 4}"/></clipPath>`,
  ];
  for (const x of xs) parts.push(text(px(x), floor + 16, "middle", String(x)));
  for (let i = 0; i <= 4; i++) {
    const y = least + (high - least) * i / 4;
    parts.push(across("grid", y), text(left - 6, py(y) + 4, "end", `${(100 * y).toFixed(1)} %`));
  }
  parts.push(text((left + width - right) / 2, height - 6, "middle", xName), text(left, 12, "start", yName));
  parts.push(across("target", target.y), text(width - right + 8, py(target.y) + 4, "start", target.name));
  series.forEach((line, i) => {
    const path = line.points.map((point) => `${fixed(px(point.x))},${fixed(py(point.y))}`).join(" ");
    parts.push(`<polyline class="line${i % 6}" points="${path}" clip-path="url(#plot)"/>`);
    // Names stand one below the other: lines that end together would print theirs on top of each other.
    parts.push(text(width - right + 8, Math.max(py(target.y), top) + 26 + 16 * i, "start", line.name, `name${i % 6}`));
    for (const { x, y } of line.points) {
      if (y >= least) parts.push(`<circle class="dot${i % 6}" cx="${fixed(px(x))}" cy="${fixed(py(y))}" r="2.5"/>`);
    }
  });
  if (taken !== null && taken.y >= least) {
    parts.push(`<circle class="taken" cx="${fixed(px(taken.x))}" cy="${fixed(py(taken.y))}" r="7"/>`);
  }
  const hidden = points.filter((point) => point.y < least).length;
  if (hidden > 0) parts.push(text(left + 6, floor - 6, "start", `${hidden} points lie lower, see the table`));
  return `<svg width="${width}" height="${height}" role="img">${parts.join("")}</svg>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
