/** The ends of a report's period as people type them. */

import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const EXPECTED = "a UTC date or time (2026-08-24, 2026-08-24T09:15), or how long ago (90m, 24h, 7d, now)";

/**
 * Reads both ends; without `from` the last 24 hours before `to`, without `to` until now.
 *
 * @throws {ConfigError} `usage` with what is wrong with either
 */
export function readTimeRange(
  from: string | null,
  to: string | null,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const issues: Issue[] = [];
  const toMs = to === null ? nowMs : readTime(to, nowMs, "--to", issues);
  const fromMs = from === null ? toMs - UNITS_MS.d : readTime(from, nowMs, "--from", issues);
  if (issues.length === 0 && fromMs >= toMs) {
    const written = (ms: number) => new Date(ms).toISOString();
    issues.push({ where: "--from", expected: `a time before ${written(toMs)}`, found: written(fromMs) });
  }
  if (issues.length > 0) {
    throw new ConfigError("usage", "Cannot make a report as its period must be a stretch of time", { issues });
  }
  return { fromMs, toMs };
}

function readTime(text: string, nowMs: number, where: string, issues: Issue[]): number {
  if (text === "now") return nowMs;
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * UNITS_MS[ago[2] as keyof typeof UNITS_MS];
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  // Without a zone JavaScript would take the machine's own.
  const hasZone = !text.includes("T") || /(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isDate ? Date.parse(hasZone ? text : `${text}Z`) : NaN;
  if (!Number.isFinite(ms)) issues.push({ where, expected: EXPECTED, found: JSON.stringify(text.slice(0, 60)) });
  return ms;
}
