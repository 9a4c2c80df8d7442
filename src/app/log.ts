/** Log lines: JSON for machines, one readable line for people; both without secrets, which callers never pass. */

import type { Clock } from "../core/clock.ts";
import { redactUrl } from "../core/redact.ts";
import type { Log } from "../publish/mqtt_options.ts";
import { droppedTotal } from "../runtime/frame_account.ts";
import type { CameraView } from "../runtime/runtime.ts";
import type { Console } from "./console.ts";

const LEVELS = ["error", "warn", "info", "debug"] as const;
/** Longest fact and longest message printed, characters: a log is no place for payloads. */
const FACT_LENGTH_MAX = 300;
const MESSAGE_LENGTH_MAX = 8000;

/** How much is logged, and how. */
export interface LogSettings {
  readonly level: (typeof LEVELS)[number];
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "pretty";
}

/** How much is logged, how, and where to. */
export interface LogOptions extends LogSettings {
  readonly clock: Clock;
  readonly console: Console;
}

/** A log whose settings can be changed while it is in use. */
export interface AdjustableLog extends Log {
  adjust(settings: LogSettings): void;
}

/** A log that writes to the console's notes. */
export function createLog(options: LogOptions): AdjustableLog {
  const { clock, console } = options;
  let settings: LogSettings = options;

  const log: Log = (level, text, facts) => {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(settings.level)) return;
    const ts = new Date(clock.wallMs()).toISOString();
    const entries = Object.entries(facts).map(([key, value]): [string, unknown] => [key, shorten(value)]);
    const message = cut(redactUrl(text), MESSAGE_LENGTH_MAX);
    const { format } = settings;
    if (format === "json" || (format === "auto" && !console.isTerminal)) {
      // Twice: first for the order, and last so that no fact takes their place.
      const own = { ts, level, msg: message };
      return console.note(JSON.stringify({ ...own, ...Object.fromEntries(entries), ...own }));
    }
    const tail = entries.map(([key, value]) => ` ${key}=${plain(value)}`);
    console.note(`${ts.slice(11, 23)} ${level.padEnd(5)} ${escapeControls(message)}${tail.join("")}`);
  };
  return Object.assign(log, { adjust: (next: LogSettings) => void (settings = next) });
}

/** The last word on a camera: where its frames went. */
export function logStopped(log: Log, { id, counts }: Pick<CameraView, "id" | "counts">): void {
  const { captured, classified } = counts;
  log("info", "camera stopped", { camera: id, captured, classified, dropped: droppedTotal(counts) });
}

// ---

/** A fact that may be printed: strings without credentials, everything cut (and marked) at the limit. */
function shorten(value: unknown): unknown {
  const text = typeof value === "string" ? redactUrl(value) : JSON.stringify(value) ?? "undefined";
  if (text.length > FACT_LENGTH_MAX) return cut(text, FACT_LENGTH_MAX);
  return typeof value === "string" ? text : value;
}

function cut(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}… (${text.length} characters)` : text;
}

function plain(value: unknown): string {
  return typeof value === "string" ? escapeControls(value) : JSON.stringify(value);
}

/**
 * Texts may come from outside: what would move a terminal's cursor, or begin a line of its own, is shown as its code. The
 * lines of an error of ours stay lines.
 */
function escapeControls(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replace(/\n(?! {2}- |hint: )|[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
