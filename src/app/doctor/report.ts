/** The doctor's report for people: one line a check, under the headings of the groups, each failure with what mends it. */

import { type CheckResult, type Group, GROUPS, type Verdict } from "./check.ts";

const SIGNS: Readonly<Record<Verdict, { readonly sign: string; readonly color: number }>> = {
  ok: { sign: "✓", color: 32 },
  warning: { sign: "!", color: 33 },
  failed: { sign: "✗", color: 31 },
  skipped: { sign: "·", color: 90 },
};

/** How often each verdict was given. */
export type Tally = Readonly<Record<Verdict, number>>;

/** Counts verdicts. */
export function tallyOf(results: readonly CheckResult[]): Tally {
  const tally = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const { verdict } of results) tally[verdict]++;
  return tally;
}

/** The report, a line each. */
export function formatReport(results: readonly CheckResult[], hasColor: boolean): string[] {
  const paint = (text: string, color: number) => hasColor ? `\x1b[${color}m${text}\x1b[0m` : text;
  const width = Math.max(0, ...results.map(({ title }) => title.length));
  const lines: string[] = [];
  for (const group of Object.keys(GROUPS) as Group[]) {
    const own = results.filter((result) => result.group === group);
    if (own.length === 0) continue;
    lines.push(paint(GROUPS[group].title, 1));
    for (const { verdict, title, found, mend } of own) {
      const { sign, color } = SIGNS[verdict];
      lines.push(`  ${paint(sign, color)} ${title.padEnd(width)}  ${verdict === "skipped" ? paint(found, 90) : found}`);
      for (const line of mend?.text.split("\n") ?? []) {
        lines.push(`    ${" ".repeat(width)}  ${paint(`→ ${mend!.kind === "command" ? "$ " : ""}${line}`, 36)}`);
      }
    }
    lines.push("");
  }
  const tally = tallyOf(results);
  const parts = (["failed", "warning", "ok", "skipped"] as const)
    .filter((verdict) => tally[verdict] > 0)
    .map((verdict) =>
      paint(
        `${tally[verdict]} ${verdict === "warning" && tally.warning > 1 ? "warnings" : verdict}`,
        SIGNS[verdict].color,
      )
    );
  lines.push(parts.join(", "));
  return lines;
}

/** Only what mends, as a script to read first, and then to run: all that is no command is a comment in it. */
export function formatMends(results: readonly CheckResult[]): string[] {
  const lines = results.flatMap(({ id, found, mend }) => {
    if (mend === undefined) return [];
    const prefix = mend.kind === "command" ? "" : mend.kind === "config" ? "# in the configuration: " : "# ";
    return [`# ${id}: ${found.replaceAll(/\s+/g, " ")}`, ...mend.text.split("\n").map((line) => prefix + line), ""];
  });
  return lines.length === 0 ? ["# nothing to mend"] : lines;
}
