/**
 * Commands from outside to controls: what is not allowed, retained, stale, repeated, malformed or too much is refused here,
 * and every answer is written here.
 *
 * No command can name a file, a host or a program: networks go by the names that the configuration gave them.
 */

import type { Clock } from "../core/clock.ts";
import { COMMAND_VERBS, type CommandVerb } from "../core/commands.ts";
import { EdgeError, formatIssue } from "../core/errors.ts";
import type { CommandRequest, CommandSink } from "../ports/commands.ts";
import type { Controls } from "../ports/controls.ts";
import { type Command, COMMAND_BYTES_MAX, parseCommand } from "./command_schema.ts";
import { carryOut } from "./carry_out.ts";

/** Terms on which commands are taken; read at each command, so that they may change. */
export interface CommandHandlerOptions {
  readonly allow: readonly CommandVerb[];
  /** Oldest command taken; also how far ahead its clock may be. */
  readonly maxAgeMs: number;
  /** Most commands a minute; those over it are not even answered. */
  readonly ratePerMin: number;
  readonly controls: Controls;
  readonly clock: Clock;
  readonly log: (level: "info" | "warn", text: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** Commands so far. */
export interface CommandCounts {
  readonly done: number;
  readonly failed: number;
  readonly refused: number;
  /** Over the rate. */
  readonly ignored: number;
}

/** A sink for the publisher, and what came through it. */
export interface CommandHandler {
  readonly sink: CommandSink;
  readonly counts: CommandCounts;
}

/** Ids remembered, so that a command that is delivered twice is carried out once. */
export const IDS_REMEMBERED = 256;
/** Longer answers are not kept for repeats. */
const ANSWER_KEPT_MAX = 4096;
/** Most findings of an error in an answer. */
const ISSUES_MAX = 20;
const IGNORED_LOGGED_EVERY_US = 60e6;

/** A handler that has seen nothing yet. */
export function createCommandHandler(options: CommandHandlerOptions): CommandHandler {
  const { controls, clock, log } = options;
  const takeToken = createBucket(options, clock);
  // By id, in order of arrival; null while it is being carried out.
  const answers = new Map<string, string | null>();
  const startWallMs = clock.wallMs();
  const counts = { done: 0, failed: 0, refused: 0, ignored: 0 };
  let ignoredLoggedUs = -Infinity;

  /** The command, or why not; an empty code stands for a repeat that is still being carried out. */
  const check = ({ verb, payload, isRetained }: CommandRequest): Command & { verb: CommandVerb } | Refusal => {
    const { allow, maxAgeMs } = options;
    const known = COMMAND_VERBS.find((one) => one === verb);
    if (known === undefined) return { code: "unknown_verb", message: `verbs are ${COMMAND_VERBS.join(", ")}` };
    if (!allow.includes(known)) return { code: "not_allowed", message: `commands.allow does not list ${known}` };
    if (isRetained) return { code: "retained", message: "a command must not be retained" };
    if (payload.length > COMMAND_BYTES_MAX) {
      return {
        code: "too_large",
        message: `a command has at most ${COMMAND_BYTES_MAX} bytes: found ${payload.length}`,
      };
    }
    const command = parseCommand(known, payload);
    if ("problem" in command) return { code: "invalid", message: command.problem, id: command.id };
    if (command.args.paused === false && !allow.includes("resume")) {
      return { code: "not_allowed", message: "commands.allow does not list resume", id: command.id };
    }
    const ageMs = clock.wallMs() - command.tsWallMs;
    // One from before this start may be the very one that caused it.
    const isStale = Math.abs(ageMs) > maxAgeMs || (known === "restart" && command.tsWallMs < startWallMs);
    if (isStale) {
      return { code: "stale", message: `the command is ${ageMs} ms old by this gateway's clock`, id: command.id };
    }
    return { ...command, verb: known };
  };

  const remember = (id: string, answer: string | null) => {
    answers.set(id, answer === null || answer.length <= ANSWER_KEPT_MAX ? answer : REPEATED);
    if (answers.size <= IDS_REMEMBERED) return;
    const [oldest] = answers.keys();
    answers.delete(oldest);
  };

  const write = (verb: string, id: string | undefined, outcome: Outcome) =>
    JSON.stringify({
      schema: "quartz.response.v1",
      ts: new Date(clock.wallMs()).toISOString(),
      verb: verb.slice(0, 64),
      ...(id === undefined ? {} : { id }),
      ...outcome,
    });

  const sink: CommandSink = (request, respond) => {
    if (!takeToken()) {
      counts.ignored++;
      if (clock.nowUs() - ignoredLoggedUs < IGNORED_LOGGED_EVERY_US) return;
      ignoredLoggedUs = clock.nowUs();
      return log("warn", "More commands than commands.rate_per_min: the others are ignored", { ...counts });
    }
    const command = check(request);
    if ("code" in command) {
      const { id, code, message } = command;
      counts.refused++;
      log("warn", `Refused a command: ${message}`, { code: `command.${code}`, verb: request.verb.slice(0, 64), id });
      return respond(write(request.verb, id, { status: "error", error: { code, message } }));
    }
    const { id, verb } = command;
    const before = answers.get(id);
    if (before !== undefined) return before === null ? undefined : respond(before);
    remember(id, null);
    log("info", `Command ${verb}`, { verb, id });
    carryOut(verb, command.args, controls).then(
      ({ data, afterwards }) => {
        counts.done++;
        return { outcome: { status: "ok" as const, data }, afterwards };
      },
      (error: unknown) => {
        counts.failed++;
        const code = error instanceof EdgeError ? error.code.replace(/^command\./, "") : "internal";
        const message = error instanceof Error ? error.message : String(error);
        log("warn", `Command ${verb} failed: ${message}`, { code: `command.${code}`, verb, id });
        const issues = error instanceof EdgeError ? error.issues.slice(0, ISSUES_MAX).map(formatIssue) : [];
        const answer = { code, message, ...(issues.length === 0 ? {} : { issues }) };
        return { outcome: { status: "error" as const, error: answer }, afterwards: undefined };
      },
    ).then(async ({ outcome, afterwards }) => {
      const answer = write(verb, id, outcome);
      remember(id, answer);
      respond(answer);
      await afterwards?.(clock);
    });
  };
  return { sink, counts };
}

// ---

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly id?: string;
}

type Outcome =
  | { readonly status: "ok"; readonly data: Readonly<Record<string, unknown>> }
  | {
    readonly status: "error";
    readonly error: { readonly code: string; readonly message: string; readonly issues?: readonly string[] };
  };

const REPEATED = JSON.stringify({ schema: "quartz.response.v1", status: "ok", data: { repeated: true } });

/** A bucket of `ratePerMin` tokens that fills up within a minute. */
function createBucket(terms: { readonly ratePerMin: number }, clock: Clock): () => boolean {
  let tokens = Infinity; // a full bucket, whatever the rate is when the first command comes
  let filledUs = clock.nowUs();
  return () => {
    const nowUs = clock.nowUs();
    const { ratePerMin } = terms;
    tokens = Math.min(ratePerMin, tokens + (nowUs - filledUs) / 60e6 * ratePerMin);
    filledUs = nowUs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
