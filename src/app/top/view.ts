/** A gateway in a terminal. Pure: model, size and colour to lines, none longer than the screen is wide. */

import {
  account,
  count,
  duration,
  figure,
  megabytes,
  percent,
  scopeWords,
  withPrefix,
} from "../../monitor/page/format.ts";
import type { CameraModel, TopModel } from "./model.ts";

/** Where it is drawn. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly hasColor: boolean;
  /** Camera whose figures are shown in full; the first one when there is none of that name. */
  readonly selected: string | null;
  /** Line above all others of the picture's foot. */
  readonly foot: string;
}

const STAGES: Readonly<Record<string, string>> = {
  wait: "wait",
  decode: "decode",
  preprocess: "crop, resize",
  encode: "encode",
  infer: "infer",
  decide: "decide",
  end_to_end: "to decision",
  publish: "publish",
};
const PERCENTILES = ["p50", "p90", "p99", "p999", "max"] as const;

type Style = "bold" | "quiet" | "good" | "bad" | "early";
const CODES: Readonly<Record<Style, string>> = { bold: "1", quiet: "2", good: "32", bad: "31", early: "33" };

/** A line as pieces of one style each, so that it can be cut by what is seen of it. */
type Line = readonly (string | readonly [text: string, style: Style])[];

/** The picture, at most `rows` lines. What does not fit is counted in the last one. */
export function renderTop(model: TopModel, screen: Screen): string[] {
  const camera = selectedCamera(model, screen.selected);
  const body: Line[] = [
    ...headLines(model),
    [],
    ...cameraLines(model, camera),
    ...(camera === null ? [] : frameLines(model, camera)),
    ...powerLines(model),
    ...problemLines(model),
    ...eventLines(model),
  ];
  const room = Math.max(1, screen.rows - 2);
  const shown = body.length <= room ? body : body.slice(0, room - 1);
  const hidden = body.length - shown.length;
  const cut: Line[] = hidden > 0 ? [[[`… ${hidden} more lines: make the terminal taller`, "quiet"]]] : [];
  return [...shown, ...cut, [], [[screen.foot, "quiet"]] as Line].slice(-screen.rows).map((line) => draw(line, screen));
}

/** The camera whose figures are shown in full. */
export function selectedCamera({ cameras }: TopModel, selected: string | null): CameraModel | null {
  return cameras.find(({ camera }) => camera === selected) ?? cameras[0] ?? null;
}

// ---------------------------------------------------------------------------------------------------------------------

function headLines(model: TopModel): Line[] {
  const { connection_problem: problem, problems, status, broker } = model;
  const verdict: Line[number] = problem !== null
    ? [problem === "connecting" ? "connecting" : `no connection: ${problem}`, "bad"]
    : status !== null && status !== "online"
    ? [status, "bad"]
    : problems.length > 0
    ? [problems.length === 1 ? "1 problem" : `${problems.length} problems`, "bad"]
    : ["all well", "good"];
  const facts = [
    model.version === null ? null : `version ${model.version}`,
    model.uptime_s === null ? null : `up ${duration(model.uptime_s)}`,
    model.rss_bytes === null ? null : megabytes(model.rss_bytes),
  ].filter((fact) => fact !== null);
  const lines: Line[] = [[
    ["quartz-edge ", "quiet"],
    [model.gateway ?? "?", "bold"],
    "  ",
    verdict,
    [facts.length === 0 ? "" : `  ${facts.join(", ")}`, "quiet"],
  ]];
  if (broker !== null) {
    const { state, published, queued, dropped } = broker;
    const style: Line[number] = state === "online" ? [state, "good"] : [state, "bad"];
    lines.push(["broker ", style, `: ${count(published)} published, ${count(queued)} waiting, ${count(dropped)} lost`]);
  }
  return lines;
}

function cameraLines({ cameras }: TopModel, selected: CameraModel | null): Line[] {
  if (cameras.length === 0) return [[["No camera heard of yet", "quiet"]]];
  const wide = Math.min(20, Math.max(6, ...cameras.map(({ camera }) => camera.length)));
  const head =
    `  ${"camera".padEnd(wide)} ${"status".padEnd(8)}${"class".padEnd(14)}${"score".padStart(6)}${
      "frames/s".padStart(10)
    }` +
    `${"p50 ms".padStart(9)}${"p99 ms".padStart(9)}${"dropped".padStart(10)}`;
  return [
    [[head, "quiet"]],
    ...cameras.map((one): Line => {
      const { camera, status, class: name, confidence, rate_fps: rate, latency, frames } = one;
      const all = latency?.stages.end_to_end;
      const isOnline = status === "online";
      const dropped = frames === null ? null : account(frames).dropped;
      return [
        cameras.length > 1 && one === selected ? "▸ " : "  ",
        [`${fit(camera, wide)} `, one === selected ? "bold" : "quiet"],
        [fit(status ?? "?", 8), isOnline ? "good" : "bad"],
        [fit(name ?? "–", 14), "bold"],
        (confidence === null ? "–" : percent(confidence)).padStart(6),
        (rate === null ? "–" : figure(rate)).padStart(10),
        (all === undefined || all.n === 0 ? "–" : figure(all.p50)).padStart(9),
        (all === undefined || all.n === 0 ? "–" : figure(all.p99)).padStart(9),
        dropped === null ? "–".padStart(10) : [count(dropped).padStart(10), dropped > 0 ? "early" : "quiet"],
      ];
    }),
    [],
  ];
}

function frameLines(
  { counts_ts: ts, status }: TopModel,
  { camera, frames, latency, backend, network }: CameraModel,
): Line[] {
  const lines: Line[] = [[
    [camera, "bold"],
    [`  ${network ?? "?"} on ${backend ?? "?"}`, "quiet"],
  ]];
  if (frames !== null) {
    const { dropped, addsUp } = account(frames);
    lines.push([
      `  captured ${count(frames.captured)} = classified ${count(frames.classified)} + dropped ${count(dropped)} + ` +
      `in flight ${count(frames.in_flight)} `,
      addsUp ? ["adds up", "good"] : ["DOES NOT ADD UP", "bad"],
      // Over MQTT counts come with health, which may be a minute old.
      [status === null || ts === null ? "" : ` at ${ts.slice(11, 19)} UTC`, "quiet"],
    ]);
    const reasons = [
      ["busy", frames.dropped_busy],
      ["stale", frames.dropped_stale],
      ["no image", frames.dropped_malformed],
      ["back end failed", frames.dropped_failed],
    ] as const;
    const found = reasons.filter(([, value]) => value > 0).map(([name, value]) => `${name} ${count(value)}`);
    if (found.length > 0) lines.push([[`  dropped: ${found.join(", ")}`, "early"]]);
  }
  if (latency !== null) lines.push(...stageLines(latency));
  return [...lines, []];
}

function stageLines({ window_s: windowS, stages, snn }: NonNullable<CameraModel["latency"]>): Line[] {
  const head = `  ${`last ${figure(windowS)} s, ms`.padEnd(16)}${
    ["p50", "p90", "p99", "p99.9", "max"].map((name) => name.padStart(9)).join("")
  }`;
  const lines: Line[] = [[[head, "quiet"]]];
  for (const [name, stage] of Object.entries(stages)) {
    if (stage === undefined) continue;
    const cells = PERCENTILES.map((one) => (stage.n === 0 ? "–" : figure(stage[one])).padStart(9)).join("");
    lines.push([[`  ${(STAGES[name] ?? name).padEnd(16)}${cells}`, name === "end_to_end" ? "bold" : "quiet"]]);
  }
  if (snn !== undefined) {
    const { decision_step_p50: step, timesteps, spikes_per_inference: spikes } = snn;
    lines.push([[`  half decided by step ${step} of ${timesteps}, ${count(spikes)} spikes a frame`, "quiet"]]);
  }
  return lines;
}

function powerLines({ power }: TopModel): Line[] {
  if (power === null) return [[["power: none published yet", "quiet"]], []];
  const lines: Line[] = [];
  const { total, sources, per_inference: inferences } = power;
  if (total !== null) {
    lines.push([
      "power ",
      [withPrefix(total.power_w, "W"), "bold"],
      ` whole gateway, ${total.method} by ${total.source}`,
    ]);
  }
  for (const { id, scope, method, state, power_w: powerW } of sources) {
    if (id === total?.source) continue;
    const value = state === "stale" ? "stale" : powerW === null ? "–" : withPrefix(powerW, "W");
    lines.push([[`  ${id}: ${value}, ${scopeWords(scope)}, ${method}`, state === "stale" ? "bad" : "quiet"]]);
  }
  for (const { source, scope, method, energy_j: energyJ, dynamic_energy_j: dynamicJ } of inferences) {
    const beyond = dynamicJ === null ? "" : `, ${withPrefix(dynamicJ, "J")} beyond idling`;
    lines.push([
      "energy ",
      [withPrefix(energyJ, "J"), "bold"],
      ` an inference${beyond}, ${scopeWords(scope)}, ${method} by ${source}`,
    ]);
  }
  if (!sources.some(({ method }) => method === "measured")) lines.push([["no power meter found: see doctor", "quiet"]]);
  return [...lines, []];
}

function problemLines({ problems }: TopModel): Line[] {
  if (problems.length === 0) return [];
  return [...problems.map(({ what, text }): Line => [[`! ${what}: ${text}`, "bad"]]), []];
}

function eventLines({ events }: TopModel): Line[] {
  return events.slice(-5).reverse().map(({ ts, text }) => [[`${ts.slice(11, 19)} `, "quiet"], text]);
}

/** Exactly so many characters and a blank in any case. */
function fit(text: string, width: number): string {
  return (text.length > width - 1 && width > 6 ? `${text.slice(0, width - 2)}…` : text).padEnd(width);
}

/** A line cut at the screen's edge, with what was cut marked. */
function draw(line: Line, { columns, hasColor }: Screen): string {
  let left = columns;
  let drawn = "";
  for (const piece of line) {
    const [whole, style] = typeof piece === "string" ? [piece, null] : piece;
    // What others named may hold control characters; a terminal must not obey them.
    // deno-lint-ignore no-control-regex
    const text = whole.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
    const part = text.length <= left ? text : left > 0 ? `${text.slice(0, left - 1)}…` : "";
    left -= part.length;
    drawn += style === null || !hasColor || part === "" ? part : `\x1b[${CODES[style]}m${part}\x1b[0m`;
    if (part !== text) break;
  }
  return drawn;
}
