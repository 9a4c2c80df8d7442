/** The report's table of layers: what their values are, how they are coded, what that costs. */

import { escapeHtml } from "../core/html.ts";
import { isSpiking } from "../core/network.ts";
import { formatShape } from "../core/shape.ts";
import { quantiseReport } from "../model/quantise.ts";
import type { ConvertResult } from "./convert.ts";
import { percent, table } from "./html.ts";
import { barSvg, histogramSvg } from "./svg.ts";

/** One row for each layer with a scale of its own. */
export function layersHtml({ graph, built, network, scales, calibration, measurement, errors }: ConvertResult): string {
  const errorOf = new Map(errors.map((error) => [error.layer, error]));
  const weights = new Map(quantiseReport(network, 8).map(({ name, snrDb }) => [name, snrDb]));
  const largest = Math.max(...errors.map((error) => error.meanAbsolute), 1e-9);
  const rows = graph.layers.flatMap((layer, index) => {
    const place = built.places[index];
    const made = network.layers[place];
    const values = calibration.distributions[index];
    const error = errorOf.get(index);
    if (values === null || error === undefined || !isSpiking(made)) return [];
    const [scale, shift] = [scales.scale[index], scales.shift[index]];
    const [low, high] = [Math.min(0, values.min), Math.max(values.max, scale - shift)];
    const picture = histogramSvg(values.histogram(low, high, 44), { low, high, mark: scale - shift });
    const snrDb = weights.get(made.name);
    return [[
      escapeHtml(layer.name),
      made.kind,
      formatShape(made.shape),
      `${picture}<br><small>${low.toPrecision(3)} … ${high.toPrecision(3)}</small>`,
      scale.toPrecision(4),
      shift === 0 ? "" : shift.toPrecision(4),
      `${barSvg(error.meanAbsolute / largest, error.rounding / largest)}<br><small>${
        percent(error.meanAbsolute)
      }</small>`,
      percent(error.largest),
      snrDb === undefined || snrDb === Infinity ? "exact" : `${snrDb.toFixed(1)} dB`,
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
    "8-bit weights",
    "early spikes",
  ];
  const rounding = percent(errors[0]?.rounding ?? 0);
  const text =
    "Values: how often each occurs on the calibration images (heights are roots); grey line 0, red line what is coded 1.0. " +
    "Errors: of spikes by exact weights against the source network, in parts of the scale, over all layers so far; the " +
    `mark is what rounding to levels makes alone, ${rounding}. 8-bit weights: signal to rounding noise.`;
  return `<p>${text}</p><div class="wide">${table(head, rows)}</div>`;
}
