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
  const x = fixed(Math.min(width, Math.max(0, (mark - low) / (high - low) * width)));
  const line = `<line class="mark" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`;
  return `<svg class="bars" width="${width}" height="${height}" role="img">${bars.join("")}${line}</svg>`;
}

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Lines over a logarithmic x axis; y from 0 to 1 is cut to what the points need. */
export function chartSvg(series: readonly Series[], xName: string, yName: string): string {
  const [width, height, left, bottom] = [520, 260, 48, 32];
  const points = series.flatMap((line) => line.points);
  const xs = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const low = Math.floor(Math.min(...points.map((point) => point.y)) * 20) / 20;
  const [x0, x1] = [Math.log(xs[0]), Math.log(xs[xs.length - 1])];
  const px = (x: number) => left + (width - left - 90) * (x1 > x0 ? (Math.log(x) - x0) / (x1 - x0) : 0.5);
  const py = (y: number) => 8 + (height - bottom - 8) * (1 - (y - low) / Math.max(1e-9, 1 - low));
  const parts: string[] = [];
  for (const x of xs) parts.push(`<text x="${fixed(px(x))}" y="${height - 12}" text-anchor="middle">${x}</text>`);
  for (let i = 0; i <= 4; i++) {
    const y = low + (1 - low) * i / 4;
    parts.push(`<line class="grid" x1="${left}" x2="${width - 90}" y1="${fixed(py(y))}" y2="${fixed(py(y))}"/>`);
    parts.push(`<text x="${left - 4}" y="${fixed(py(y) + 4)}" text-anchor="end">${(100 * y).toFixed(0)} %</text>`);
  }
  series.forEach((line, i) => {
    const path = line.points.map((point) => `${fixed(px(point.x))},${fixed(py(point.y))}`).join(" ");
    const last = line.points[line.points.length - 1];
    parts.push(`<polyline class="line${i % 6}" points="${path}"/>`);
    // Names stand one below the other: lines that end together would print theirs on top of each other.
    parts.push(`<text class="name${i % 6}" x="${width - 84}" y="${20 + 14 * i}">${escapeHtml(line.name)}</text>`);
    parts.push(`<circle class="dot${i % 6}" cx="${fixed(px(last.x))}" cy="${fixed(py(last.y))}" r="3"/>`);
  });
  parts.push(`<text x="${left}" y="${height - 1}">${escapeHtml(xName)}, ${escapeHtml(yName)}</text>`);
  return `<svg width="${width}" height="${height}" role="img">${parts.join("")}</svg>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
