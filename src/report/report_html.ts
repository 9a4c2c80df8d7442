/** A period of a gateway as one HTML file to attach to a mail: no scripts, no fonts, nothing to load. */

import { escapeHtml } from "../core/html.ts";
import type { CameraPeriod } from "../history/camera_period.ts";
import type { Period } from "../history/period.ts";
import { figures } from "./figures.ts";
import { formatCount, formatDuration, formatEnergy, formatNumber, formatTime, percent } from "./format.ts";
import { happenings } from "./happenings.ts";
import { STYLE } from "./style.ts";

/** The report. Everything that came out of the file is escaped. */
export function reportHtml(period: Period): string {
  const gateway = period.runs.at(-1)?.gateway ?? "gateway";
  const title = `${gateway}: ${formatTime(period.fromMs)} to ${formatTime(period.toMs)}`;
  const sections = [
    `<header><h1>${escapeHtml(gateway)}</h1><p>${formatTime(period.fromMs)} to ${formatTime(period.toMs)}, UTC. ` +
    `One point of a plot stands for ${formatDuration(period.binMs)}.</p></header>`,
    tiles(period),
    ...figures(period),
    ...happenings(period),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
${sections.join("\n")}
</body></html>
`;
}

// ---------------------------------------------------------------------------------------------------------------------

function tiles(period: Period): string {
  const sum = (key: keyof CameraPeriod["frames"]) =>
    period.cameras.reduce((total, { frames }) => total + frames[key], 0);
  const captured = sum("captured");
  const meter = period.sources.find(({ isTotal }) => isTotal);
  const { rows, degradedRows } = period.health;
  const tile = (value: string, name: string) => `<div class="tile"><b>${value}</b><span>${name}</span></div>`;
  const cost = meter?.perInferenceJ ?? null;
  return `<div class="tiles">${
    [
      tile(formatCount(sum("classified")), "frames classified"),
      tile(captured === 0 ? "–" : percent(1 - sum("classified") / captured), "of all frames dropped or in flight"),
      ...period.cameras.length === 1
        ? [tile(`${formatNumber(period.cameras[0].latency.p99Ms)} ms`, "latency p99, capture to decision")]
        : [],
      tile(
        meter === undefined || meter.energyJ === null ? "–" : `${formatNumber(1000 * meter.energyJ / meter.validMs)} W`,
        meter === undefined ? "no meter covers the gateway" : `mean power, ${escapeHtml(meter.method)}`,
      ),
      tile(cost === null ? "–" : formatEnergy(cost), `per inference, whole gateway${cost === null ? "" : ", gross"}`),
      tile(rows === 0 ? "–" : percent(1 - degradedRows / rows), "of the time in good health"),
    ].join("")
  }</div>`;
}
