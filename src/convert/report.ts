/** What a conversion did, as one HTML file that opens anywhere: no scripts, no fonts, nothing to load. */

import { escapeHtml } from "../core/html.ts";
import { summarise } from "../model/summary.ts";
import { boardSteps } from "../telemetry/energy_model.ts";
import type { ConvertResult } from "./convert.ts";
import { cards, count, list, percent, section, table } from "./html.ts";
import type { Measurement } from "./measure.ts";
import { layersHtml } from "./report_layers.ts";
import { tradeOffHtml } from "./trade_off.ts";

/** The report. Everything that came out of the model is escaped. */
export function reportHtml(result: ConvertResult): string {
  const { network } = result;
  const sections = [
    `<h1>${escapeHtml(network.name)}</h1>`,
    `<p>${escapeHtml(network.convention)}, t_max ${network.tMax}, normalised by the rule ${
      escapeHtml(network.normalisation.method)
    } at percentile ${network.normalisation.percentile ?? "–"}</p>`,
    summary(result),
    section("Accuracy", accuracyTable(result)),
    section("Cost of a frame", costTable(result)),
    result.trials.length === 0 ? "" : section("Trade-off", tradeOffHtml(result)),
    section("Layers", layersHtml(result)),
    result.notes.length === 0 ? "" : section("Notes", list(result.notes)),
    section("Provenance", provenance(result)),
  ];
  const title = `<title>${escapeHtml(network.name)}: conversion report</title>`;
  const head =
    `<meta charset="utf-8"><meta name="viewport" content="width=device-width">${title}<style>${STYLE}</style>`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head><body>\n` +
    `${sections.filter((text) => text !== "").join("\n")}\n</body></html>\n`;
}

// ---------------------------------------------------------------------------------------------------------------------

const COLOURS = ["#1b6ca8", "#c8553d", "#2a7f62", "#8e5ea2", "#b08900", "#555"];
const STYLE = "body{font:14px/1.5 system-ui,sans-serif;max-width:88em;margin:2em auto;padding:0 1em;color:#222}" +
  "h1{margin-bottom:0}h2{margin:1.6em 0 .4em;font-size:1.2em}table{border-collapse:collapse;margin:.5em 0}" +
  "td,th{padding:.25em .6em;white-space:nowrap;border-bottom:1px solid #e2e2e2;text-align:right;vertical-align:middle}" +
  "th{font-weight:600}td:first-child,th:first-child{text-align:left}.text td{text-align:left}" +
  ".marked td{background:#fdf3d8;font-weight:600}small{color:#666}code{word-break:break-all}.wide{overflow-x:auto}" +
  ".cards{display:flex;flex-wrap:wrap;gap:.8em;margin:1em 0}.card{border:1px solid #ddd;border-radius:.5em;" +
  "padding:.6em 1em;min-width:9em}.card b{display:block;font-size:1.5em;font-weight:600}.card span{color:#666}" +
  "svg{vertical-align:middle}svg text{font-size:11px;fill:#444}.bars rect{fill:#5b8bc0}.mark{stroke:#c33;stroke-width:1.5}" +
  ".zero{stroke:#999}.grid{stroke:#e4e4e4}.target{stroke:#222;stroke-dasharray:5 4}.taken{fill:none;stroke:#222;" +
  "stroke-width:1.5}" +
  COLOURS.map((colour, i) =>
    `.line${i}{stroke:${colour};fill:none;stroke-width:1.5}.dot${i}{fill:${colour}}svg .name${i}{fill:${colour}}`
  ).join("");

function summary({ annAccuracy, measurement: m, network }: ConvertResult): string {
  const loss = annAccuracy === null || m.accuracy === null ? null : m.accuracy - annAccuracy;
  const points = loss === null ? "" : ` (${loss < 0 ? "−" : "+"}${Math.abs(100 * loss).toFixed(2)} points)`;
  return cards([
    ...(m.accuracy === null ? [] : [{ figure: percent(m.accuracy), about: `accuracy${points}` }]),
    { figure: m.agreement === null ? "–" : percent(m.agreement), about: "agrees with the source network" },
    { figure: m.decisionSteps.toFixed(1), about: "time steps to a decision" },
    { figure: count(m.synopsEvents), about: "synaptic operations a frame" },
    { figure: `${m.coreEnergyUj.toFixed(1)} µJ`, about: "a frame on a board, estimated" },
    { figure: String(network.tMax), about: "t_max" },
  ]);
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
    [
      "memory of the simulator",
      result.simulatorBytes === null ? "–" : `${count(result.simulatorBytes)} bytes`,
    ],
    ["time steps to the first output spike, mean", m.decisionSteps.toFixed(1)],
    ["time steps of a frame on a board", String(boardSteps(network))],
    ["spikes", count(m.spikes)],
    ["synaptic operations by sources above 0", count(m.synopsEvents)],
    [
      "synaptic operations, published metric",
      reference.synopsReference === null ? "–" : count(reference.synopsReference),
    ],
    ["energy of a board's cores, dynamic, estimated", `${m.coreEnergyUj.toFixed(2)} µJ`],
  ];
  return table(["", ""], rows);
}

function provenance({ network, graph }: ConvertResult): string {
  const { provenance: p } = network;
  const numbers = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6))).join(", ");
  const { mean, std } = p.sourcePixels ?? { mean: [0], std: [1] };
  const rows = [
    ["network file", `<code>sha256 ${network.digest}</code>`],
    ["source pixels", `(byte / 255 − ${numbers(mean)}) / ${numbers(std)}`],
    ["source layers", String(graph.layers.length)],
    ["source", escapeHtml(p.source)],
    ["its SHA-256", `<code>${p.sourceSha256}</code>`],
    ["converter", escapeHtml(p.converter)],
    ["calibration images", String(p.calibrationFrames)],
    ["energy model", "Davies et al. 2018, table 2: 81 pJ a neuron update, 23.6 pJ a synaptic operation"],
  ];
  return `<div class="text">${table(["", ""], rows)}</div>`;
}

function shareOrNone(share: number | null): string {
  return share === null ? "no classes known" : percent(share);
}
