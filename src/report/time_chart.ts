/** Lines over time as inline SVG: no scripts, nothing to load; colours come from the page's style. */

import { escapeHtml } from "../core/html.ts";
import { formatNumber } from "./format.ts";

/** One line: a value a bin, null where there is none, which leaves a gap. */
export interface ChartSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** What a chart shows. */
export interface TimeChart {
  /** For those who do not see it. */
  readonly title: string;
  readonly unit: string;
  readonly fromMs: number;
  readonly binMs: number;
  readonly series: readonly ChartSeries[];
  /** Bins to shade: when the gateway was degraded. */
  readonly shaded?: readonly boolean[];
  /** Log axis for values that span orders of magnitude. */
  readonly isLogarithmic?: boolean;
}

const WIDTH = 760;
const HEIGHT = 200;
const LEFT = 64;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 26;
const MINUTE_MS = 60_000;
const TIME_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200].map((minutes) =>
  minutes * MINUTE_MS
);
/** Most marks on the time axis. */
const TIME_MARKS_MAX = 8;

/** The chart, with a legend when there is more than one line; a sentence when there is nothing to draw. */
export function timeChart(chart: TimeChart): string {
  const { title, unit, series, shaded = [] } = chart;
  const values = series.flatMap((line) => line.values.filter((value) => value !== null));
  if (values.length === 0) return `<p class="none">${escapeHtml(title)}: nothing was recorded.</p>`;
  const y = chart.isLogarithmic && Math.min(...values) > 0 ? logAxis(values) : linearAxis(values);
  const x = (bin: number) => LEFT + (WIDTH - LEFT - RIGHT) * bin / Math.max(1, series[0].values.length);
  const parts = [
    ...shades(shaded, x),
    ...y.marks.map((mark) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y.at(mark))}" y2="${px(y.at(mark))}"/>` +
      `<text x="${LEFT - 6}" y="${px(y.at(mark) + 4)}" text-anchor="end">${formatNumber(mark)}</text>`
    ),
    ...timeMarks(chart, series[0].values.length).map(({ bin, text }) =>
      `<text x="${px(x(bin))}" y="${HEIGHT - 8}" text-anchor="middle">${text}</text>`
    ),
    ...series.map((line, i) => path(line.values, i, x, y.at)),
    `<text class="unit" x="${LEFT}" y="${TOP - 1}" dy="-2">${escapeHtml(unit)}</text>`,
  ];
  const legend = series.length < 2
    ? ""
    : `<p class="legend">${
      series.map((line, i) => `<span class="key k${i % 6}">${escapeHtml(line.name)}</span>`).join(" ")
    }</p>`;
  return `<figure><svg viewBox="0 -8 ${WIDTH} ${HEIGHT + 8}" role="img" aria-label="${escapeHtml(title)}">${
    parts.join("")
  }</svg>${legend}</figure>`;
}

// ---------------------------------------------------------------------------------------------------------------------

interface Axis {
  at(value: number): number;
  readonly marks: readonly number[];
}

/** From 0 to a round number above the largest value. */
function linearAxis(values: readonly number[]): Axis {
  const most = Math.max(...values) || 1;
  const raw = most / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw)!;
  const high = Math.ceil(most / step) * step;
  const marks = Array.from({ length: Math.round(high / step) + 1 }, (_, i) => i * step);
  return { at: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / high), marks };
}

function logAxis(values: readonly number[]): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const marks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return {
    at: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (Math.log10(value) - low) / (high - low)),
    marks,
  };
}

function shades(shaded: readonly boolean[], x: (bin: number) => number): string[] {
  return shaded.flatMap((isShaded, bin) =>
    isShaded
      ? [
        `<rect class="shade" x="${px(x(bin))}" y="${TOP}" width="${px(x(bin + 1) - x(bin) + 0.5)}" height="${
          HEIGHT - TOP - BOTTOM
        }"/>`,
      ]
      : []
  );
}

/** A value stands in the middle of its bin. One that is alone between gaps is a dot. */
function path(
  values: readonly (number | null)[],
  index: number,
  x: (bin: number) => number,
  y: (value: number) => number,
): string {
  const runs: string[][] = [];
  let isOpen = false;
  values.forEach((value, bin) => {
    if (value === null) {
      isOpen = false;
      return;
    }
    if (!isOpen) runs.push([]);
    isOpen = true;
    runs[runs.length - 1].push(`${px(x(bin + 0.5))},${px(y(value))}`);
  });
  return runs.map((points) => {
    const [cx, cy] = points[0].split(",");
    return points.length > 1
      ? `<polyline class="line k${index % 6}" points="${points.join(" ")}"/>`
      : `<circle class="dot k${index % 6}" cx="${cx}" cy="${cy}" r="2"/>`;
  }).join("");
}

/** Round times of UTC. */
function timeMarks({ fromMs, binMs }: TimeChart, binCount: number): { bin: number; text: string }[] {
  const spanMs = binMs * binCount;
  const stepMs = TIME_STEPS_MS.find((step) => spanMs / step <= TIME_MARKS_MAX) ?? TIME_STEPS_MS.at(-1)!;
  const marks: { bin: number; text: string }[] = [];
  for (let tMs = Math.ceil(fromMs / stepMs) * stepMs; tMs <= fromMs + spanMs; tMs += stepMs) {
    const iso = new Date(tMs).toISOString();
    marks.push({ bin: (tMs - fromMs) / binMs, text: stepMs < 1440 * MINUTE_MS ? iso.slice(11, 16) : iso.slice(5, 10) });
  }
  return marks;
}

function px(value: number): string {
  return value.toFixed(1);
}
