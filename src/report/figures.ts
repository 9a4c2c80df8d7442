/** The report's figures: frames, latency, power, energy per inference. */

import { escapeHtml } from "../core/html.ts";
import type { CameraPeriod } from "../history/camera_period.ts";
import type { Period } from "../history/period.ts";
import type { SourcePeriod } from "../history/source_period.ts";
import { formatCount, formatDuration, formatEnergy, formatNumber } from "./format.ts";
import { none, section, table } from "./html_parts.ts";
import { timeChart } from "./time_chart.ts";

/** Where frames went, how long they took, and what they cost. */
export function figures(period: Period): string[] {
  return [
    section("Frames", framesTable(period.cameras) + framesChart(period)),
    section("Latency, capture to decision", latencyTable(period.cameras) + latencyChart(period)),
    section("Power", powerTable(period.sources) + powerChart(period)),
    section("Energy per inference", energyTable(period.sources) + energyChart(period)),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

function framesTable(cameras: readonly CameraPeriod[]): string {
  if (cameras.length === 0) return none("No camera gave frames.");
  const head = ["camera", "captured", "classified", "busy", "stale", "malformed", "failed", "in flight", "recorded"];
  return `<p>captured = classified + dropped (busy, stale, malformed, failed) + change of those in flight.</p>` +
    table(
      head,
      cameras.map(({ camera, frames, recordedMs }) => {
        const { captured, classified, droppedBusy, droppedStale, droppedMalformed, droppedFailed } = frames;
        const inFlight = captured - classified - droppedBusy - droppedStale - droppedMalformed - droppedFailed;
        const counts = [captured, classified, droppedBusy, droppedStale, droppedMalformed, droppedFailed, inFlight];
        return [escapeHtml(camera), ...counts.map(formatCount), formatDuration(recordedMs)];
      }),
    );
}

function framesChart({ cameras, fromMs, binMs, health }: Period): string {
  return timeChart({
    title: "Frames classified a second",
    unit: "frames classified a second",
    fromMs,
    binMs,
    series: cameras.map(({ camera, bins }) => ({
      name: camera,
      values: bins.map((bin) => bin?.classifiedPerS ?? null),
    })),
    shaded: health.bins.map((bin) => bin?.isDegraded ?? false),
  });
}

function latencyTable(cameras: readonly CameraPeriod[]): string {
  return table(
    ["camera", "frames", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"],
    cameras.map(({ camera, latency }) => [
      escapeHtml(camera),
      formatCount(latency.count),
      ...[latency.p50Ms, latency.p90Ms, latency.p99Ms, latency.p999Ms, latency.maxMs].map(formatNumber),
    ]),
  );
}

function latencyChart({ cameras, fromMs, binMs }: Period): string {
  const series = cameras.flatMap(({ camera, bins }) =>
    (["p50Ms", "p99Ms", "maxMs"] as const).map((key) => ({
      name: `${camera} ${key.replace("Ms", "")}`,
      values: bins.map((bin) => bin === null || bin.latency.count === 0 ? null : bin.latency[key]),
    }))
  );
  return timeChart({ title: "Latency", unit: "ms, logarithmic", fromMs, binMs, series, isLogarithmic: true });
}

function powerTable(sources: readonly SourcePeriod[]): string {
  if (sources.length === 0) return none("No source of power was configured or found.");
  return `<p>Sources may contain each other and are never added; what a model estimates is no measurement.</p>` + table(
    ["source", "kind", "covers", "method", "mean W", "energy Wh", "known for", "gaps"],
    sources.map(({ source, kind, scope, method, isTotal, energyJ, validMs, gaps }) => [
      escapeHtml(source),
      escapeHtml(kind),
      escapeHtml(isTotal ? `${scope} (whole gateway)` : scope),
      escapeHtml(method),
      energyJ === null ? "–" : formatNumber(1000 * energyJ / validMs),
      energyJ === null ? "–" : formatNumber(energyJ / 3600),
      formatDuration(validMs),
      String(gaps),
    ]),
  );
}

/** What was measured and what was estimated never share a picture. */
function powerChart({ sources, fromMs, binMs }: Period): string {
  return methodsOf(sources).map((method) =>
    timeChart({
      title: `Power, ${method}`,
      unit: `W, ${method}`,
      fromMs,
      binMs,
      series: sources.filter((one) => one.method === method).map(({ source, bins }) => ({
        name: source,
        values: bins.map(({ powerW }) => powerW),
      })),
    })
  ).join("");
}

function energyTable(sources: readonly SourcePeriod[]): string {
  const known = sources.filter(({ perInferenceJ }) => perInferenceJ !== null);
  if (known.length === 0) return none("No source had an inference in its time.");
  return `<p>Gross: energy of a window over the inferences of the same window. Above idle: what is left without the ` +
    `idle power.</p>` + table(
      ["source", "covers", "method", "inferences", "gross", "idle W", "above idle"],
      known.map(({ source, scope, method, inferences, perInferenceJ, idlePowerW, dynamicPerInferenceJ }) => [
        escapeHtml(source),
        escapeHtml(scope),
        escapeHtml(method),
        formatCount(inferences),
        formatEnergy(perInferenceJ!),
        idlePowerW === null ? "not known" : formatNumber(idlePowerW),
        dynamicPerInferenceJ === null ? "–" : formatEnergy(dynamicPerInferenceJ),
      ]),
    );
}

function energyChart({ sources, fromMs, binMs }: Period): string {
  return methodsOf(sources).map((method) =>
    timeChart({
      title: `Energy per inference, ${method}`,
      unit: `mJ, ${method}`,
      fromMs,
      binMs,
      series: sources.filter((one) => one.method === method).map(({ source, bins }) => ({
        name: source,
        values: bins.map(({ perInferenceJ }) => perInferenceJ === null ? null : 1000 * perInferenceJ),
      })),
    })
  ).join("");
}

function methodsOf(sources: readonly SourcePeriod[]): string[] {
  return [...new Set(sources.map(({ method }) => method))];
}
