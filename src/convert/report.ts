/** What a conversion did, as one HTML file that opens anywhere: no scripts, no fonts, nothing to load. */

import { escapeHtml } from "../core/html.ts";
import { isSpiking } from "../core/network.ts";
import { formatShape } from "../core/shape.ts";
import { summarise } from "../model/summary.ts";
import { boardSteps } from "../telemetry/energy_model.ts";
import type { ConvertResult } from "./convert.ts";
import type { Measurement } from "./measure.ts";
import { scoreOf, type Trial } from "./search.ts";
import { chartSvg, histogramSvg } from "./svg.ts";

/** The report. Everything that came out of the model is escaped. */
export function reportHtml(result: ConvertResult): string {
  const { network } = result;
  const sections = [
    `<h1>${escapeHtml(network.name)}</h1>`,
    `<p>${escapeHtml(network.convention)}, t_max ${network.tMax}, normalised by ${
      escapeHtml(network.normalisation.method)
    } at percentile ${network.normalisation.percentile ?? "–"}. SHA-256 <code>${network.digest}</code></p>`,
    section("Accuracy", accuracyTable(result)),
    section("Cost of a frame", costTable(result)),
    result.trials.length === 0 ? "" : section("Trade-off", tradeOff(result)),
    section("Layers", layerTable(result)),
    result.notes.length === 0 ? "" : section("Notes", list(result.notes)),
    section("Provenance", provenance(result)),
  ];
  const title = `<title>${escapeHtml(network.name)}: conversion report</title>`;
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">${title}<style>${STYLE}</style></head><body>\n` +
    `${sections.filter((text) => text !== "").join("\n")}\n</body></html>\n`;
}

/** The trade-off table as text, for terminals; rows in the order of the trials. */
export function tradeOffText(trials: readonly Trial[], reference: number | null): string {
  const head = ["percentile", "t_max", "accuracy", "steps", "synops", "energy uJ (estimated)"];
  const rows = trials.map(({ percentile, tMax, measurement: m }) => [
    String(percentile),
    String(tMax),
    percent(scoreOf(m)),
    m.decisionSteps.toFixed(1),
    m.synopsEvents.toFixed(0),
    m.coreEnergyUj.toFixed(1),
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const lines = [head, ...rows].map((row) => row.map((cell, i) => cell.padStart(widths[i])).join("  "));
  if (reference !== null) lines.push(`source network: ${percent(reference)}`);
  return lines.join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------

const STYLE = "body{font:14px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}" +
  "table{border-collapse:collapse;margin:.5em 0}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}" +
  "th{font-weight:600}td:first-child,th:first-child{text-align:left}code{word-break:break-all}" +
  "svg text{font-size:11px;fill:#444}.bars rect{fill:#5b8bc0}.mark{stroke:#c33;stroke-width:1.5}.grid{stroke:#e4e4e4}" +
  ["#1b6ca8", "#c8553d", "#2a7f62", "#8e5ea2", "#b08900", "#555"].map((color, i) =>
    `.line${i}{stroke:${color};fill:none;stroke-width:1.5}.dot${i}{fill:${color}}svg .name${i}{fill:${color}}`
  ).join("");

function section(title: string, body: string): string {
  return `<h2>${escapeHtml(title)}</h2>\n${body}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<table>${row(head, "th")}${rows.map((cells) => row(cells, "td")).join("\n")}</table>`;
}

function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
}

function accuracyTable(result: ConvertResult): string {
  const row = (name: string, m: Measurement) => [
    name,
    m.accuracy === null ? "no classes known" : percent(m.accuracy),
    m.agreement === null ? "–" : percent(m.agreement),
    String(m.ties),
    String(m.frames),
  ];
  const source = [
    "source network (onnxruntime)",
    shareOrNone(result.annAccuracy),
    "–",
    "–",
    String(result.measurement.frames),
  ];
  return table(["", "accuracy", "agrees with the source", "ties", "images"], [
    source,
    row("spikes, the simulator's integer weights", result.measurement),
    row("spikes, float64 reference kernel", result.reference),
  ]);
}

function costTable(result: ConvertResult): string {
  const { network, measurement: m, reference } = result;
  const { neurons, synapses, parameters } = summarise(network);
  const rows: [string, string][] = [
    ["neurons", count(neurons)],
    ["parameters", count(parameters)],
    ["synapses, each used once a frame", count(synapses)],
    ["network file", `${count(result.bytes.length)} bytes`],
    ["time steps to the first output spike, mean", m.decisionSteps.toFixed(1)],
    ["time steps of a frame on a board", String(boardSteps(network))],
    ["spikes", count(m.spikes)],
    ["synaptic operations by sources above 0", count(m.synopsEvents)],
    [
      "synaptic operations, published metric",
      reference.synopsReference === null ? "–" : count(reference.synopsReference),
    ],
    ["energy of a board's cores, dynamic, <em>estimated</em>", `${m.coreEnergyUj.toFixed(2)} µJ`],
  ];
  return table(["", ""], rows);
}

function tradeOff(result: ConvertResult): string {
  const percentiles = [...new Set(result.trials.map((trial) => trial.percentile))];
  const series = percentiles.map((percentile) => ({
    name: `p ${percentile}`,
    points: result.trials.filter((trial) => trial.percentile === percentile).map((trial) => ({
      x: trial.tMax,
      y: scoreOf(trial.measurement),
    })),
  }));
  const { network } = result;
  const rows = result.trials.map((trial) => {
    const taken = trial.tMax === network.tMax && trial.percentile === network.normalisation.percentile;
    const m = trial.measurement;
    return [
      `${trial.percentile}${taken ? " (taken)" : ""}`,
      String(trial.tMax),
      percent(scoreOf(m)),
      m.decisionSteps.toFixed(1),
      String(trial.frameSteps),
      count(m.synopsEvents),
      m.coreEnergyUj.toFixed(2),
    ];
  });
  const name = result.trials[0].measurement.accuracy === null ? "agreement" : "accuracy";
  const head = ["percentile", "t_max", name, "steps to decision", "steps of a frame", "synops", "µJ (estimated)"];
  return `${chartSvg(series, "t_max", name)}\n${table(head, rows)}`;
}

function layerTable(result: ConvertResult): string {
  const { graph, built, network, scales, calibration, measurement } = result;
  const errors = new Map(result.errors.map((error) => [error.layer, error]));
  const rows = graph.layers.flatMap((layer, index) => {
    const place = built.places[index];
    const made = network.layers[place];
    const values = calibration.distributions[index];
    const error = errors.get(index);
    if (values === null || error === undefined || !isSpiking(made)) return [];
    const [scale, shift] = [scales.scale[index], scales.shift[index]];
    const [low, high] = [Math.min(0, values.min), Math.max(values.max, scale - shift)];
    const picture = histogramSvg(values.histogram(low, high, 44), { low, high, mark: scale - shift });
    return [[
      escapeHtml(layer.name),
      made.kind,
      formatShape(made.shape),
      `${low.toPrecision(3)} … ${high.toPrecision(3)}<br>${picture}`,
      scale.toPrecision(4),
      shift === 0 ? "" : shift.toPrecision(4),
      percent(error.meanAbsolute),
      percent(error.largest),
      percent(measurement.earlyShareByLayer[place]),
    ]];
  });
  const head = [
    "layer",
    "kind",
    "neurons",
    "values before ReLU",
    "scale",
    "shift",
    "mean error",
    "largest",
    "early spikes",
  ];
  const text =
    "The red line is the coded 1.0. Errors are against the source network, in parts of the scale; rounding to " +
    `levels alone makes ${percent(result.errors[0]?.rounding ?? 0)} on average.`;
  return `<p>${text}</p>${table(head, rows)}`;
}

function provenance(result: ConvertResult): string {
  const { provenance: p } = result.network;
  return table(["", ""], [
    ["source", escapeHtml(p.source)],
    ["its SHA-256", `<code>${p.sourceSha256}</code>`],
    ["converter", escapeHtml(p.converter)],
    ["calibration images", String(p.calibrationFrames)],
    ["energy model", "Davies et al. 2018, table 2: 81 pJ a neuron update, 23.6 pJ a synaptic operation"],
  ]);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function shareOrNone(share: number | null): string {
  return share === null ? "no classes known" : percent(share);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
