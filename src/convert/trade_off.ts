/** What `auto` tried: a table for terminals, a chart and a table for the report. */

import type { ConvertResult } from "./convert.ts";
import { count, percent, table } from "./html.ts";
import { scoreOf, type Trial } from "./search.ts";
import { chartSvg } from "./svg.ts";

/** Accuracy, in points below the best or the target, at which the chart ends. */
const CHART_SPAN = 0.12;

/** The trade-off table as text; rows in the order of the trials, the target under them. */
export function tradeOffText(trials: readonly Trial[], target: number): string {
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
  lines.push(`source network: ${percent(target)} on the same images`);
  return lines.join("\n");
}

/** Chart and table of the report. */
export function tradeOffHtml({ trials, trialTarget, network }: ConvertResult): string {
  const series = [...new Set(trials.map((trial) => trial.percentile))].map((percentile) => ({
    name: `percentile ${percentile}`,
    points: trials.filter((trial) => trial.percentile === percentile).map((trial) => ({
      x: trial.tMax,
      y: scoreOf(trial.measurement),
    })),
  }));
  const taken = trials.findIndex((trial) => {
    return trial.tMax === network.tMax && trial.percentile === network.normalisation.percentile;
  });
  const rows = trials.map(({ percentile, tMax, measurement: m, frameSteps }, i) => [
    `${percentile}${i === taken ? " (taken)" : ""}`,
    String(tMax),
    percent(scoreOf(m)),
    m.decisionSteps.toFixed(1),
    String(frameSteps),
    count(m.synopsEvents),
    m.coreEnergyUj.toFixed(2),
  ]);
  const name = trials[0].measurement.accuracy === null ? "agreement" : "accuracy";
  const head = ["percentile", "t_max", name, "steps to decision", "steps of a frame", "synops", "µJ (estimated)"];
  const { tMax: x, measurement } = trials[Math.max(0, taken)];
  const best = Math.max(trialTarget, ...trials.map((trial) => scoreOf(trial.measurement)));
  const chart = chartSvg(series, {
    xName: "t_max",
    yName: name,
    low: best - CHART_SPAN,
    target: { y: trialTarget, name: "source network" },
    taken: taken < 0 ? null : { x, y: scoreOf(measurement) },
  });
  return `${chart}\n${table(head, rows, new Set([taken]))}`;
}
