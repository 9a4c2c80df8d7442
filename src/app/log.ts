/** Log lines: JSON for machines, one readable line for people; both without secrets, which callers never pass. */

import type { Clock } from "../core/clock.ts";
import { redactUrl } from "../core/redact.ts";
import type { Log } from "../publish/mqtt_options.ts";
import type { Console } from "./console.ts";

const LEVELS = ["error", "warn", "info", "debug"] as const;
/** Longest fact printed, characters: a log is no place for payloads. */
const FACT_LENGTH_MAX = 300;

/** How much is logged, and how. */
export interface LogOptions {
  readonly level: (typeof LEVELS)[number];
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "pretty";
  readonly clock: Clock;
  readonly console: Console;
}

/** A log that writes to the console's notes. */
export function createLog(options: LogOptions): Log {
  const { level: most, format, clock, console } = options;
  const asJson = format === "json" || (format === "auto" && !console.isTerminal);
  const limit = LEVELS.indexOf(most);
  return (level, text, facts) => {
    if (LEVELS.indexOf(level) > limit) return;
    const ts = new Date(clock.wallMs()).toISOString();
    const entries = Object.entries(facts).map(([key, value]) => [key, shorten(value)]);
    const message = redactUrl(text);
    if (asJson) return console.note(JSON.stringify({ ts, level, msg: message, ...Object.fromEntries(entries) }));
    const tail = entries.map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
    console.note(`${ts.slice(11, 23)} ${level.padEnd(5)} ${message}${tail.join("")}`);
  };
}

/** A fact that may be printed: strings without credentials, everything cut (and marked) at the limit. */
function shorten(value: unknown): unknown {
  const text = typeof value === "string" ? redactUrl(value) : JSON.stringify(value) ?? "undefined";
  if (text.length > FACT_LENGTH_MAX) return `${text.slice(0, FACT_LENGTH_MAX)}… (${text.length} characters)`;
  return typeof value === "string" ? text : value;
}
