/** Feeds a watchdog, but only while work advances: a timer alone would prove no more than that timers run. */

import type { Clock } from "../../core/clock.ts";

/** What is watched and who is fed. */
export interface WatchdogParts {
  readonly clock: Clock;
  /** From one look to the next, ms. */
  readonly everyMs: number;
  /** Longest time for one piece of work, ms. */
  readonly limitMs: number;
  /** What has been at work for too long, in words; null when all is well. */
  whatHangs(limitMs: number): string | null;
  feed(): Promise<void>;
  /** Called once when something begins to hang, and with null when it is over. */
  onHang(what: string | null): void;
}

/** Looks and feeds until `signal` is aborted. Never rejects. */
export async function runWatchdog(parts: WatchdogParts, signal: AbortSignal): Promise<void> {
  const { clock, everyMs, limitMs } = parts;
  let isHanging = false;
  while (!signal.aborted) {
    const what = parts.whatHangs(limitMs);
    if (what === null) await parts.feed();
    if (isHanging !== (what !== null)) parts.onHang(what);
    isHanging = what !== null;
    await clock.sleep(everyMs, signal);
  }
}

/** How often systemd wants to be fed, ms; null when it does not, or wants it of another process. */
export function watchdogMs(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | null {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: ofPid } = env;
  if (usec === undefined || !/^\d{1,15}$/.test(usec) || Number(usec) === 0) return null;
  return ofPid === undefined || ofPid === String(pid) ? Number(usec) / 1000 : null;
}
