/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** Latency percentiles over time, and the stages of the newest window. */

import type uPlot from "uplot";
import type { HistoryEvent } from "../events.ts";
import { color, element, setRows, setText } from "./dom.ts";
import { count, figure } from "./format.ts";

/** What a `latency` message has of interest here. */
export interface LatencyPayload {
  readonly ts: string;
  readonly camera: string;
  readonly window_s: number;
  readonly stages: Readonly<Record<string, Stage | undefined>>;
  readonly snn?: { readonly decision_step_p50: number; readonly timesteps: number };
  readonly shadow?: { readonly frames: number; readonly agreed: number; readonly failed: number };
}

interface Stage {
  readonly n: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const WINDOWS_MAX = 360;
const HEIGHT = 190;
const PERCENTILES = ["p50", "p90", "p99"] as const;
const STAGE_WORDS: Readonly<Record<string, string>> = {
  wait: "wait for its turn",
  decode: "decode",
  preprocess: "crop and resize",
  encode: "encode",
  infer: "infer",
  decide: "decide",
  end_to_end: "capture to decision",
  publish: "publish, to the broker's word",
};

/** The uPlot class, from its own script. */
declare const globalThis: { readonly uPlot?: typeof uPlot };

/** Keeps the windows of the watched camera and draws them. */
export class LatencyView {
  #rows: HistoryEvent["latency"][number][] = [];
  #chart: uPlot | null = null;

  /** Takes what was before. */
  restore(rows: HistoryEvent["latency"]): void {
    this.#rows = [...rows];
    this.draw();
  }

  /** Takes a window; one without frames is a gap in the lines. */
  add({ ts, stages }: LatencyPayload): void {
    const all = stages.end_to_end;
    if (all === undefined) return;
    this.#rows.push({ ts, ...all });
    if (this.#rows.length > WINDOWS_MAX) this.#rows.shift();
  }

  /** Draws the lines anew, in the colours of now. */
  redraw(): void {
    this.#chart?.destroy();
    this.#chart = null;
    this.draw();
  }

  draw(): void {
    const place = element("chart");
    if (this.#rows.length < 2 || globalThis.uPlot === undefined || place.clientWidth === 0) return;
    const times = this.#rows.map(({ ts }) => Date.parse(ts) / 1000);
    const line = (name: (typeof PERCENTILES)[number]) => this.#rows.map((row) => row.n === 0 ? null : row[name]);
    const data = [times, ...PERCENTILES.map(line)] as uPlot.AlignedData;
    if (this.#chart !== null) return this.#chart.setData(data);
    this.#chart = new globalThis.uPlot(chartOptions(place.clientWidth), data, place);
    new ResizeObserver(() => this.#chart?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  }
}

/** The newest window as a table. */
export function showStages({ window_s: windowS, stages, snn, shadow }: LatencyPayload): void {
  const rows = Object.entries(stages).filter((entry): entry is [string, Stage] => entry[1] !== undefined);
  const ms = (value: number, n: number) => n === 0 ? "–" : value.toFixed(value < 1 ? 3 : 2);
  setText("stages-caption", `Stages of a frame over the last ${figure(windowS)} s, ms`);
  setRows(
    "stages",
    rows.map(([name, { n, p50, p90, p99, p999, max }]) => [
      STAGE_WORDS[name] ?? name,
      count(n),
      ...[p50, p90, p99, p999, max].map((value) => ms(value, n)),
    ]),
  );
  const all = stages.end_to_end;
  const words = all === undefined || all.n === 0
    ? [`Capture to decision. No frame in the last ${figure(windowS)} s`]
    : [`Capture to decision: half of the frames within ${figure(all.p50)} ms, 99 of 100 within ${figure(all.p99)} ms`];
  if (snn !== undefined) words.push(`half decided by step ${snn.decision_step_p50} of ${snn.timesteps}`);
  if (shadow !== undefined) words.push(`${count(shadow.agreed)} of ${count(shadow.frames)} as the source network`);
  setText("latency-note", `${words.join("; ")}.`);
}

// ---------------------------------------------------------------------------------------------------------------------

function chartOptions(width: number): uPlot.Options {
  const axis = {
    stroke: color("quiet"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { stroke: color("line"), width: 1 },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
  return {
    width,
    height: HEIGHT,
    cursor: { y: false },
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(0.01, (high ?? 0) * 1.1)] } },
    legend: { live: false },
    axes: [{ ...axis, space: 80, values: (_chart, values) => values.map(clockTime) }, {
      ...axis,
      size: 68,
      values: (_chart, values) => values.map((value) => `${figure(value)} ms`),
    }],
    series: [
      { label: "time" },
      ...PERCENTILES.map((name) => ({
        label: name,
        stroke: color(name),
        width: 2,
        points: { show: false },
        value: (_chart: uPlot, value: number | null) => value === null ? "–" : `${figure(value)} ms`,
      })),
    ],
  };
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
}
