/** What a network is made of, as a table: what `inspect` prints. */

import { synapseCount } from "../core/geometry.ts";
import { hasNeurons, inputShapeOf, isSpiking, type Layer, type Network } from "../core/network.ts";
import { formatShape, type Shape, sizeOf } from "../core/shape.ts";

/** One layer's row. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: Layer["kind"];
  readonly inputs: readonly string[];
  readonly shape: Shape;
  readonly neurons: number;
  readonly synapses: number;
  /** Most synapses into one neuron. */
  readonly fanIn: number;
  readonly parameters: number;
  /** Absent for kinds without stored weights. */
  readonly weightMin?: number;
  readonly weightMax?: number;
  readonly biasMin?: number;
  readonly biasMax?: number;
  readonly rectify?: boolean;
}

/** A whole network. */
export interface NetworkSummary extends Omit<Network, "layers" | "selfTest"> {
  readonly layers: readonly LayerSummary[];
  readonly neurons: number;
  readonly synapses: number;
  readonly parameters: number;
  readonly selfTestFrames: number;
}

/** Sums up a network. */
export function summarise(network: Network): NetworkSummary {
  const layers = network.layers.map((layer) => summariseLayer(network, layer));
  const sum = (key: "neurons" | "synapses" | "parameters") => layers.reduce((total, layer) => total + layer[key], 0);
  const { layers: _, selfTest, ...rest } = network;
  return {
    ...rest,
    layers,
    neurons: sum("neurons"),
    synapses: sum("synapses"),
    parameters: sum("parameters"),
    selfTestFrames: selfTest?.count ?? 0,
  };
}

/** The summary as text. */
export function formatSummary(summary: NetworkSummary): string {
  const { provenance, normalisation, input } = summary;
  const share = (value: number | null) => (value === null ? "not measured" : `${(100 * value).toFixed(2)} %`);
  const at = normalisation.percentile === null ? "" : ` at percentile ${normalisation.percentile}`;
  const frames = provenance.snnAccuracyFrames === null ? "" : ` on ${provenance.snnAccuracyFrames} frames`;
  const head = [
    `${summary.name}: ${summary.convention}, t_max ${summary.tMax}, ${input.color} input ${
      formatShape(input.shape)
    }, ${summary.labels.length} classes`,
    `sha256      ${summary.digest}`,
    `source      ${provenance.source} (${provenance.converter}), sha256 ${provenance.sourceSha256 || "unknown"}`,
    `normalised  ${normalisation.method}${at}, calibrated on ${provenance.calibrationFrames} frames`,
    `accuracy    ANN ${share(provenance.annAccuracy)}, SNN ${share(provenance.snnAccuracy)}${frames}`,
    `self-test   ${summary.selfTestFrames} frames`,
    `classes     ${shorten(summary.labels)}`,
  ];
  const titles = ["layer", "kind", "from", "shape", "neurons", "synapses", "fan-in", "weights", "bias", "ReLU"];
  const rows = summary.layers.map((layer) => [
    layer.name,
    layer.kind,
    layer.inputs.join(" + "),
    formatShape(layer.shape),
    String(layer.neurons),
    String(layer.synapses),
    String(layer.fanIn),
    range(layer.weightMin, layer.weightMax),
    range(layer.biasMin, layer.biasMax),
    layer.rectify === undefined ? "" : layer.rectify ? "yes" : "no",
  ]);
  const total = [
    "total",
    "",
    "",
    "",
    String(summary.neurons),
    String(summary.synapses),
    "",
    `${summary.parameters} numbers`,
    "",
    "",
  ];
  return [...head, "", ...formatTable([titles, ...rows, total], RIGHT_COLUMNS)].join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------

const RIGHT_COLUMNS = new Set([4, 5, 6]);

function summariseLayer(network: Network, layer: Layer): LayerSummary {
  const input = inputShapeOf(network, layer);
  const stored = layer.kind === "conv2d" || layer.kind === "dense";
  return {
    name: layer.name,
    kind: layer.kind,
    inputs: layer.inputs.map((index) => (index < 0 ? "input" : network.layers[index].name)),
    shape: layer.shape,
    neurons: hasNeurons(layer) ? sizeOf(layer.shape) : 0,
    synapses: synapseCount(layer, input),
    fanIn: fanIn(layer, input),
    parameters: stored ? layer.weights.length + layer.bias.length : 0,
    ...(stored && { weightMin: lowest(layer.weights), weightMax: highest(layer.weights) }),
    ...(stored && { biasMin: lowest(layer.bias), biasMax: highest(layer.bias) }),
    ...(isSpiking(layer) && { rectify: layer.rectify }),
  };
}

function fanIn(layer: Layer, input: Shape): number {
  switch (layer.kind) {
    case "conv2d":
      return input[0] / layer.groups * layer.kernel[0] * layer.kernel[1];
    case "dense":
      return sizeOf(input);
    case "max_pool":
    case "avg_pool":
      return layer.kernel[0] * layer.kernel[1];
    case "global_avg_pool":
      return input[1] * input[2];
    case "add":
      return layer.inputs.length;
    case "flatten":
    case "concat":
      return 0;
  }
}

/** Not Math.min(...values): a layer may have more weights than a call can take arguments. */
function lowest(values: Float32Array): number {
  return values.reduce((low, value) => Math.min(low, value), Infinity);
}

function highest(values: Float32Array): number {
  return values.reduce((high, value) => Math.max(high, value), -Infinity);
}

function range(low: number | undefined, high: number | undefined): string {
  return low === undefined || high === undefined ? "" : `${low.toFixed(3)} … ${high.toFixed(3)}`;
}

function shorten(labels: readonly string[]): string {
  const shown = labels.slice(0, 12).join(" ");
  return labels.length > 12 ? `${shown} … (${labels.length})` : shown;
}

/** Rows padded to columns; the first row is a heading with a rule under it. */
function formatTable(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (right.has(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(
      "  ",
    ).trimEnd();
  return [line(rows[0]), widths.map((width) => "─".repeat(width)).join("  "), ...rows.slice(1).map(line)];
}
