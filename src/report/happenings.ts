/** The report's happenings: what was seen, what was wrong, what changed. */

import { escapeHtml } from "../core/html.ts";
import type { CameraPeriod } from "../history/camera_period.ts";
import type { Period } from "../history/period.ts";
import { formatCount, formatTime, percent } from "./format.ts";
import { cut, none, section, table } from "./html_parts.ts";
import { timeChart } from "./time_chart.ts";

/** Classes and states, health, events, and what ran. */
export function happenings(period: Period): string[] {
  return [
    section("What was seen", period.cameras.map(classTable).join("") + stateList(period)),
    section("Health", healthTable(period) + healthChart(period)),
    section("Events", eventTable(period)),
    section("What ran", runTable(period)),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------

/** Most classes that a camera's table lists. */
const CLASSES_SHOWN_MAX = 20;

function classTable({ camera, classes }: CameraPeriod): string {
  const total = classes.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return "";
  const shown = classes.slice(0, CLASSES_SHOWN_MAX);
  const rest = total - shown.reduce((sum, { count }) => sum + count, 0);
  const bar = (share: number) => `<span class="bar" style="width:${(200 * share).toFixed(1)}px"></span>`;
  const rows = shown.map(({ classId, count }) => [
    escapeHtml(classId),
    formatCount(count),
    percent(count / total),
    bar(count / total),
  ]);
  if (rest > 0) {
    rows.push([`${classes.length - shown.length} other classes`, formatCount(rest), percent(rest / total), ""]);
  }
  return `<h3>${escapeHtml(camera)}</h3>` + table(["answer", "frames", "share", ""], rows);
}

/** Most lines of the two lists. */
const LINES_MAX = 100;

function stateList({ states, stateCount }: Period): string {
  if (stateCount === 0) return "";
  const shown = states.slice(-LINES_MAX);
  return `<details><summary>${formatCount(stateCount)} changes of a camera's state${cut(shown, stateCount)}</summary>` +
    table(
      ["time", "camera", "class", "confidence"],
      shown.map((row) => [
        formatTime(row.tsMs),
        escapeHtml(row.camera ?? ""),
        escapeHtml(row.class ?? ""),
        (row.confidence ?? 0).toFixed(2),
      ]),
      "words",
    ) + "</details>";
}

function healthTable({ health }: Period): string {
  const { rows, degradedRows, brokerOnlineRows, problems } = health;
  if (rows === 0) return none("No health was recorded.");
  const times =
    `<p>Of ${formatCount(rows)} recorded intervals ${formatCount(rows - degradedRows)} were in good health, and ` +
    `the broker was there in ${formatCount(brokerOnlineRows)}. Degraded times are shaded in the plots.</p>`;
  if (problems.length === 0) return times;
  return times + table(
    ["problem", "intervals", "last words"],
    problems.map(({ what, rows: count, text }) => [escapeHtml(what), formatCount(count), escapeHtml(text)]),
    "words",
  );
}

function healthChart({ health, fromMs, binMs }: Period): string {
  return timeChart({
    title: "Memory in use",
    unit: "memory in use, MB",
    fromMs,
    binMs,
    series: [{ name: "memory", values: health.bins.map((bin) => bin === null ? null : bin.rssBytes / 1e6) }],
    shaded: health.bins.map((bin) => bin?.isDegraded ?? false),
  });
}

function eventTable({ events, eventCount }: Period): string {
  if (eventCount === 0) return none("Nothing happened that is worth a line.");
  const shown = events.slice(-LINES_MAX);
  return `<p>${formatCount(eventCount)} events${cut(shown, eventCount)}</p>` + table(
    ["time", "event", "camera", "what happened"],
    shown.map((row) => [
      formatTime(row.tsMs),
      escapeHtml(row.event ?? ""),
      escapeHtml(row.camera ?? ""),
      escapeHtml(row.text ?? ""),
    ]),
    "words",
  );
}

function runTable({ runs }: Period): string {
  if (runs.length === 0) return none("No start was recorded.");
  return table(
    ["since", "version", "network", "SHA-256", "back end"],
    runs.slice(-LINES_MAX).map((row) => [
      formatTime(row.tsMs),
      escapeHtml(row.version ?? ""),
      escapeHtml(row.network ?? ""),
      `<code>${escapeHtml((row.networkSha256 ?? "").slice(0, 16))}…</code>`,
      escapeHtml(row.backend ?? ""),
    ]),
    "words",
  );
}
