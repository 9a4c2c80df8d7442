/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** The spikes of one frame: time steps to the right, layers below each other, a neuron a row. */

import type { NoRasterEvent, RasterEvent, RasterLayer } from "../events.ts";
import { color, element, fitCanvas, setRows, setText } from "./dom.ts";
import { count, figure } from "./format.ts";

const TITLE = 16;
const GAP = 8;
const AXIS = 34;
const BAND_MIN = 26;
const BAND_MAX = 84;
const MARGIN = 10;
/** Steps between two marks of the axis are of these sizes, times a power of ten. */
const STRIDES = [1, 2, 5];

/** Draws a raster, and the table that says the same. */
export function showRaster(event: RasterEvent): void {
  draw(event);
  setText("raster-note", note(event));
  setRows(
    "raster-table",
    event.layers.map((layer) => [
      layer.name,
      { text: layer.kind.replaceAll("_", " "), className: "words" },
      count(layer.neurons),
      count(layer.steps.length + layer.early_others.length),
      String(layer.first_step),
      count(layer.early),
      count(layer.zero),
    ]),
  );
}

/** Says why there is none. */
export function showNoRaster({ text }: NoRasterEvent): void {
  setText("raster-note", `No raster: ${text}.`);
}

// ---------------------------------------------------------------------------------------------------------------------

function note({ frame, class: name, equal, run_ms: runMs, layers, layers_left_out: leftOut }: RasterEvent): string {
  const early = layers.reduce((sum, layer) => sum + layer.early, 0);
  const neurons = layers.reduce((sum, layer) => sum + layer.neurons, 0);
  const check = equal
    ? "its outputs equal the frame's own, spike for spike"
    : "ITS OUTPUTS DIFFER FROM THE FRAME'S OWN: please report this";
  const left = leftOut > 0 ? ` ${leftOut} layers are not shown.` : "";
  return `Frame ${count(frame.id)}, taken for ${name}: ${count(neurons)} spikes, ${count(early)} of them early. ` +
    `Run once more in ${figure(runMs)} ms off its own path; ${check}.${left}`;
}

function draw(event: RasterEvent): void {
  const { layers, step_min: least, step_max: most } = event;
  const canvas = element<HTMLCanvasElement>("raster");
  const bands = layers.map(({ steps }) => Math.min(BAND_MAX, Math.max(BAND_MIN, steps.length * 0.4)));
  const height = bands.reduce((sum, band) => sum + band + TITLE + GAP, 0) + AXIS;
  canvas.style.height = `${height}px`;
  const { context, width } = fitCanvas(canvas, height);
  const x = (step: number) => MARGIN + (step - least) / Math.max(1, most - least) * (width - 2 * MARGIN);
  const early = layers.reduce((sum, layer) => sum + layer.early, 0);
  canvas.setAttribute(
    "aria-label",
    `Spikes of frame ${event.frame.id} by layer, from step ${least} to ${most}; decided at step ` +
      `${event.decision_step}; ${early} early spikes. The table below has the figures.`,
  );
  const font = getComputedStyle(document.body).fontFamily;
  context.font = `12px ${font}`;
  let top = 0;
  layers.forEach((layer, at) => {
    drawLayer(context, layer, { x, top: top + TITLE, height: bands[at], width });
    drawDecision(context, x(event.decision_step), top + TITLE, bands[at]);
    top += TITLE + bands[at] + GAP;
  });
  drawAxis(context, { event, x, height, width });
}

interface Place {
  readonly x: (step: number) => number;
  readonly top: number;
  readonly height: number;
  readonly width: number;
}

function drawLayer(context: CanvasRenderingContext2D, layer: RasterLayer, { x, top, height, width }: Place): void {
  const { neurons, every, steps, marks, early_others: earlyOthers } = layer;
  context.fillStyle = color("quiet");
  context.textAlign = "left";
  const shown = every === 1 ? "" : width < 480 ? `, 1 in ${every} shown` : `, every ${every}th shown`;
  const early = layer.early === 0 ? "" : `, ${count(layer.early)} early`;
  context.fillText(
    `${layer.name}: ${count(neurons)} ${neurons === 1 ? "neuron" : "neurons"}${shown}${early}`,
    0,
    top - 5,
  );
  context.fillStyle = color("ground");
  context.fillRect(0, top, width, height);
  if (layer.readout_step !== null && layer.rectification_step !== null) {
    // Where spikes that have seen all their input fall.
    context.fillStyle = color("accent-soft");
    const left = x(layer.readout_step);
    context.fillRect(left, top, Math.max(2, x(layer.rectification_step) - left), height);
  }
  const row = height / Math.max(1, neurons / every);
  const size = Math.max(2.2, Math.min(4, row));
  const dot = (step: number, neuron: number, extra: number) => {
    const y = top + (neuron + 0.5) / neurons * height;
    context.fillRect(x(step) - (size + extra) / 2, y - (size + extra) / 2, size + extra, size + extra);
  };
  for (const [mark, name, extra] of [["z", "zero", 0], [".", "accent", 0], ["e", "early", 1.5]] as const) {
    context.fillStyle = color(name);
    for (let at = 0; at < steps.length; at++) if (marks[at] === mark) dot(steps[at], at * every, extra);
  }
  for (const { neuron, step } of earlyOthers) dot(step, neuron, 1.5);
}

/** The step at which the frame was decided, across one band. */
function drawDecision(context: CanvasRenderingContext2D, x: number, top: number, height: number): void {
  context.strokeStyle = color("text");
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, top + height);
  context.stroke();
  context.setLineDash([]);
}

interface Axis {
  readonly event: RasterEvent;
  readonly x: (step: number) => number;
  readonly height: number;
  readonly width: number;
}

function drawAxis(context: CanvasRenderingContext2D, { event, x, height, width }: Axis): void {
  const { step_min: least, step_max: most, decision_step: decision } = event;
  const wanted = (most - least) / Math.max(2, width / 80);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  const stride = power * (STRIDES.find((one) => one * power >= wanted) ?? 10);
  context.fillStyle = color("quiet");
  context.textAlign = "center";
  const base = height - AXIS + 14;
  for (let step = Math.ceil(least / stride) * stride; step <= most; step += stride) {
    context.fillText(String(step), Math.min(width - 10, Math.max(8, x(step))), base);
  }
  context.textAlign = "left";
  context.fillText("time step", 0, base + 16);
  context.fillStyle = color("text");
  context.textAlign = x(decision) > width / 2 ? "right" : "left";
  context.fillText(`decided at ${decision}`, x(decision) + (x(decision) > width / 2 ? -4 : 4), base + 16);
}
