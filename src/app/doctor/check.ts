/** Checks: what one is, what it finds, and running many of them, each within its time and whatever becomes of the others. */

import type { Clock } from "../../core/clock.ts";
import { EdgeError, formatError } from "../../core/errors.ts";

/** What checks are about, in the order in which they are shown; the bit tells programs which of them failed. */
export const GROUPS = {
  files: { title: "configuration and networks", bit: 1 },
  runtime: { title: "runtime and permissions", bit: 2 },
  cameras: { title: "cameras", bit: 4 },
  broker: { title: "broker", bit: 8 },
  board: { title: "board", bit: 16 },
  host: { title: "this machine", bit: 32 },
} as const;

/** What a check is about. */
export type Group = keyof typeof GROUPS;

/** How a check ends. A `warning` is worth a look and keeps nothing from running. */
export type Verdict = "ok" | "warning" | "failed" | "skipped";

/** What a check found. */
export interface Finding {
  readonly verdict: Verdict;
  /** What is there, as one sentence without a full stop; why it was skipped. Never holds a secret. */
  readonly found: string;
  readonly mend?: Mend;
}

/** The exact lines that mend something: to run in a shell, to write into the configuration, or to do by hand. */
export interface Mend {
  readonly kind: "command" | "config" | "advice";
  readonly text: string;
}

/** One check. It looks and changes nothing. */
export interface Check {
  /** Stable: `broker.tls`, `camera.door.frame`. */
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  /** Checks that must not have failed, nor been skipped for one that did; else this one is skipped and names the culprit. */
  readonly needs?: readonly string[];
  /** Longest time, ms; 5 s by default. */
  readonly timeoutMs?: number;
  /** `signal` is aborted when the time is up; what the check holds open must then be let go. */
  run(signal: AbortSignal): Finding | Promise<Finding>;
}

/** A check that has run. */
export interface CheckResult extends Finding {
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  readonly tookMs: number;
}

/** All is well. */
export const ok = (found: string): Finding => ({ verdict: "ok", found });
/** It does not apply, or cannot be looked at; `found` says why. */
export const skipped = (found: string): Finding => ({ verdict: "skipped", found });
/** Worth a look. */
export const warning = (found: string, mend?: Mend): Finding => ({ verdict: "warning", found, mend });
/** It will not work like this. */
export const failed = (found: string, mend?: Mend): Finding => ({ verdict: "failed", found, mend });

/** Lines for a shell. */
export const command = (...lines: readonly string[]): Mend => ({ kind: "command", text: lines.join("\n") });
/** Lines of the configuration. */
export const inConfig = (...lines: readonly string[]): Mend => ({ kind: "config", text: lines.join("\n") });
/** What a person has to do. */
export const advice = (text: string): Mend => ({ kind: "advice", text });

/** The advice that an error brings along. */
export function hintOf(error: unknown): Mend | undefined {
  return error instanceof EdgeError && error.hint !== undefined ? advice(error.hint) : undefined;
}

const TIMEOUT_MS = 5000;
/** How long a check whose time is up may take to let go of what it holds, ms. */
const GRACE_MS = 1000;
/** Checks under way at once. */
const AT_ONCE_MAX = 6;

/**
 * Runs all checks, several at once; resolves with their results in the order of `checks`. A check that throws has failed,
 * one that takes too long as well. `onResult` is told of each as it ends.
 */
export async function runChecks(
  checks: readonly Check[],
  { clock, onResult = () => {} }: { readonly clock: Clock; readonly onResult?: (result: CheckResult) => void },
): Promise<CheckResult[]> {
  const results = new Map<string, Promise<CheckResult>>();
  /** Of checks that were skipped: whose failure it was. */
  const culprits = new Map<string, string>();
  const waiting: (() => void)[] = [];
  let free = AT_ONCE_MAX;
  const slot = async () => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
  };
  const release = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  const runOne = async (check: Check): Promise<CheckResult> => {
    const { id, title, group, needs = [] } = check;
    const before = await Promise.all(needs.map((name) => results.get(name)));
    const culprit = before.find((result) => result?.verdict === "failed")?.id ??
      needs.map((name) => culprits.get(name)).find((name) => name !== undefined);
    let result: CheckResult;
    if (culprit !== undefined) {
      culprits.set(id, culprit);
      result = { id, title, group, ...skipped(`as ${culprit} failed`), tookMs: 0 };
    } else {
      await slot();
      const startUs = clock.nowUs();
      const finding = await within(check, clock);
      release();
      result = { id, title, group, ...finding, tookMs: Math.round((clock.nowUs() - startUs) / 1000) };
    }
    onResult(result);
    return result;
  };
  // A check may only need what stands before it in the list, so that nothing can wait in a circle.
  for (const check of checks) results.set(check.id, runOne(check));
  return await Promise.all(results.values());
}

/** Offset of the exit code: with it no failure of a check looks like one of the program itself. */
const FAILED_OFFSET = 64;

/** 0 when nothing failed; else 64 plus the bits of the groups in which something did. */
export function doctorExitCode(results: readonly CheckResult[]): number {
  const bits = results.filter(({ verdict }) => verdict === "failed").reduce(
    (sum, { group }) => sum | GROUPS[group].bit,
    0,
  );
  return bits === 0 ? 0 : FAILED_OFFSET + bits;
}

// ---------------------------------------------------------------------------------------------------------------------

async function within(check: Check, clock: Clock): Promise<Finding> {
  const { timeoutMs = TIMEOUT_MS } = check;
  const late = new AbortController();
  const done = new AbortController();
  const running = (async () => await check.run(late.signal))().catch((error) =>
    failed(plainError(error), hintOf(error))
  );
  const limit = clock.sleep(timeoutMs, done.signal).then(() => null);
  const finding = await Promise.race([running, limit]);
  if (finding !== null) {
    done.abort();
    return finding;
  }
  late.abort();
  const afterwards = await Promise.race([running, clock.sleep(GRACE_MS, done.signal).then(() => null)]);
  done.abort();
  // What it said on being cut short may still be the better reason.
  const said = afterwards?.verdict === "failed" ? `: ${afterwards.found}` : "";
  return failed(`no answer within ${timeoutMs / 1000} s${said}`, afterwards?.mend);
}

/** An error's message as a finding has it. */
export function plainError(error: unknown): string {
  return formatError(error).replace(/^error: /, "").split("\n")[0];
}
