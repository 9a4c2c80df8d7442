import assert from "node:assert/strict";
import type { CameraPeriod } from "../../../src/history/camera_period.ts";
import type { Period } from "../../../src/history/period.ts";
import { reportHtml } from "../../../src/report/report_html.ts";
import { formatNumber } from "../../../src/report/format.ts";
import { timeChart } from "../../../src/report/time_chart.ts";
import { readTimeRange } from "../../../src/report/time_range.ts";

const NOW_MS = Date.UTC(2026, 7, 24, 12);
const HOUR_MS = 3_600_000;

Deno.test("readTimeRange() reads dates, times and how long ago, all in UTC", () => {
  const cases: [string | null, string | null, number, number][] = [
    [null, null, NOW_MS - 24 * HOUR_MS, NOW_MS],
    ["90m", "now", NOW_MS - 1.5 * HOUR_MS, NOW_MS],
    ["7d", "2d", NOW_MS - 168 * HOUR_MS, NOW_MS - 48 * HOUR_MS],
    ["2026-08-24", null, Date.UTC(2026, 7, 24), NOW_MS],
    ["2026-08-24T09:15", "2026-08-24T09:15:30", Date.UTC(2026, 7, 24, 9, 15), Date.UTC(2026, 7, 24, 9, 15, 30)],
    ["2026-08-24T09:15+02:00", "2026-08-24T09:15Z", Date.UTC(2026, 7, 24, 7, 15), Date.UTC(2026, 7, 24, 9, 15)],
    [null, "2026-08-24", Date.UTC(2026, 7, 23), Date.UTC(2026, 7, 24)],
  ];
  for (const [from, to, fromMs, toMs] of cases) {
    assert.deepEqual(readTimeRange(from, to, NOW_MS), { fromMs, toMs }, `${from} to ${to}`);
  }
});

Deno.test("readTimeRange() refuses what is no time, and an end before the beginning", () => {
  for (const text of ["yesterday", "2026-13-01", "2026-08-24 09:15", "-5m", "24", "", "5w", "__proto__"]) {
    assert.throws(() => readTimeRange(text, null, NOW_MS), { code: "usage" }, text);
    assert.throws(() => readTimeRange(null, text, NOW_MS), { code: "usage" }, text);
  }
  assert.throws(() => readTimeRange("1h", "2h", NOW_MS), { code: "usage" });
  assert.throws(() => readTimeRange("1h", "1h", NOW_MS), { code: "usage" });
});

Deno.test("a chart leaves gaps where nothing was recorded, and is a sentence when nothing was at all", () => {
  const chart = { title: "Power", unit: "W", fromMs: NOW_MS, binMs: 60_000 };
  const svg = timeChart({ ...chart, series: [{ name: "a", values: [1, 2, null, 4, null, 6, 7] }] });
  assert.equal(svg.match(/<polyline/g)?.length, 2);
  assert.equal(svg.match(/<circle/g)?.length, 1);
  assert.ok(!/NaN|Infinity|undefined/.test(svg), svg);
  const none = timeChart({ ...chart, series: [{ name: "a", values: [null, null] }] });
  assert.match(none, /nothing was recorded/);
});

Deno.test("a chart has finite places for zeros, equal values, and values far apart", () => {
  for (const values of [[0, 0], [5, 5], [1e-6, 1e6], [0.001, null], [-0, 0], [1e-300, 1e300]]) {
    for (const isLogarithmic of [false, true]) {
      const series = [{ name: "a", values }];
      const svg = timeChart({ title: "t", unit: "u", fromMs: NOW_MS, binMs: 1000, series, isLogarithmic });
      assert.ok(!/NaN|Infinity|undefined/.test(svg), `${values}: ${svg}`);
    }
  }
});

Deno.test("numbers have three digits", () => {
  const cases: [number, string][] = [[0, "0"], [1234.5, "1230"], [0.012345, "0.0123"], [5e6, "5.0e6"], [
    1e-5,
    "1.0e-5",
  ]];
  for (const [value, text] of cases) assert.equal(formatNumber(value), text);
});

Deno.test("the report escapes whatever came out of the file, and loads nothing", () => {
  const evil = `<script>alert("x")</script>`;
  const html = reportHtml(period(evil));
  assert.ok(!html.includes("<script"), "a script");
  assert.ok(!/https?:|src=|href=|@import|url\(/.test(html), "something to load");
  assert.ok(!/NaN|undefined|Infinity/.test(html), "a number that is none");
  assert.match(html, /&#60;script&#62;/);
});

Deno.test("the report keeps measured and estimated figures in tables rows and plots of their own", () => {
  const html = reportHtml(period("door"));
  assert.match(html, /aria-label="Power, measured"/);
  assert.match(html, /aria-label="Power, estimated"/);
  assert.match(html, /aria-label="Energy per inference, measured"/);
  assert.match(html, /mean power, measured/);
});

Deno.test("the report of a period without a row says so", () => {
  const empty = period("door");
  const html = reportHtml({
    ...empty,
    runs: [],
    cameras: [],
    sources: [],
    health: { rows: 0, degradedRows: 0, brokerOnlineRows: 0, bins: [null], problems: [] },
    states: [],
    stateCount: 0,
    events: [],
    eventCount: 0,
  });
  assert.match(html, /No camera gave frames/);
  assert.match(html, /No source of power/);
  assert.ok(!/NaN|undefined|Infinity/.test(html));
});

// ---------------------------------------------------------------------------------------------------------------------

/** Two bins of a camera with a meter and an estimate. */
function period(name: string): Period {
  const latency = { count: 50, p50Ms: 1, p90Ms: 2, p99Ms: 3, p999Ms: 4, maxMs: 5 };
  const camera: CameraPeriod = {
    camera: name,
    recordedMs: 120_000,
    frames: {
      captured: 110,
      classified: 100,
      droppedBusy: 4,
      droppedStale: 3,
      droppedMalformed: 2,
      droppedFailed: 1,
    },
    latency,
    classes: [{ classId: name, count: 100 }],
    bins: [{ classifiedPerS: 1, latency }, { classifiedPerS: 0, latency: { ...latency, count: 0 } }],
  };
  const source = (method: string, isTotal: boolean) => ({
    source: name,
    kind: name,
    scope: name,
    method,
    isTotal,
    validMs: 60_000,
    energyJ: 300,
    gaps: 1,
    inferences: 100,
    perInferenceJ: 3,
    dynamicPerInferenceJ: null,
    idlePowerW: null,
    bins: [{ powerW: 5, perInferenceJ: 3 }, { powerW: null, perInferenceJ: null }],
  });
  const health = { rows: 2, degradedRows: 1, brokerOnlineRows: 1, problems: [{ what: name, text: name, rows: 1 }] };
  return {
    fromMs: NOW_MS,
    toMs: NOW_MS + 120_000,
    binMs: 60_000,
    binCount: 2,
    runs: [{
      tsMs: NOW_MS,
      gateway: name,
      version: name,
      network: name,
      networkSha256: name,
      backend: name,
      energyModel: null,
    }],
    cameras: [camera],
    sources: [source("measured", true), source("estimated", false)],
    health: { ...health, bins: [{ rssBytes: 1e8, isDegraded: true }, null] },
    states: [{ tsMs: NOW_MS, camera: name, class: name, confidence: 0.5 }],
    stateCount: 1,
    events: [{ tsMs: NOW_MS, event: name, camera: name, text: name }],
    eventCount: 1,
  };
}
