/** What a command looks like: a strict schema of its envelope, and one of each verb's arguments. Door of zod for commands. */

import { z } from "zod";
import type { CommandVerb } from "../core/commands.ts";

/** A command whose form is right. */
export interface Command {
  readonly id: string;
  /** When it was given, by its sender's clock, ms since 1970 UTC. */
  readonly tsWallMs: number;
  readonly args: CommandArgs;
}

/** The arguments of all verbs; those that a verb needs are there. */
export interface CommandArgs {
  /** Absent: every camera. */
  readonly camera?: string;
  /** Of `pause`: false resumes. */
  readonly paused?: boolean;
  readonly threshold?: number;
  readonly network?: string;
}

/** Longest command, bytes. */
export const COMMAND_BYTES_MAX = 64 * 1024;
/** Longest text of an error in an answer, characters. */
const PROBLEM_LENGTH_MAX = 500;

const name = z.string().regex(/^[a-z0-9_-]{1,64}$/);
const camera = name.optional();
const ARGS: Readonly<Record<CommandVerb, z.ZodType<CommandArgs>>> = {
  ping: z.strictObject({}),
  pause: z.strictObject({ camera, paused: z.boolean().optional() }),
  resume: z.strictObject({ camera }),
  snapshot: z.strictObject({ camera: name }),
  set_threshold: z.strictObject({ camera, threshold: z.number().min(0).max(1) }),
  switch_network: z.strictObject({ camera: name, network: name }),
  reload: z.strictObject({}),
  restart: z.strictObject({}),
};
const ENVELOPE = z.strictObject({
  id: z.string().regex(/^[\w.:-]{1,64}$/),
  ts: z.iso.datetime({ offset: true }),
  args: z.unknown().default({}),
});

/** The JSON Schema of each verb's command, as `command.VERB`. */
export function commandJsonSchemas(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(ARGS).map(([verb, args]) => {
      const form = ENVELOPE.extend({ args: args.safeParse({}).success ? args.optional() : args });
      return [`command.${verb}`, z.toJSONSchema(form, { io: "input" })];
    }),
  );
}

/** Reads a command; `problem` says what is wrong with it, and `id` is there as soon as it could be read. */
export function parseCommand(
  verb: CommandVerb,
  payload: Uint8Array,
): Command | { readonly problem: string; readonly id?: string } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    return { problem: "a command must be JSON: {id, ts, args}" };
  }
  const envelope = ENVELOPE.safeParse(value);
  if (!envelope.success) return { problem: describe(envelope.error) };
  const { id, ts, args } = envelope.data;
  const parsed = ARGS[verb].safeParse(args);
  if (!parsed.success) return { problem: `args: ${describe(parsed.error)}`, id };
  return { id, tsWallMs: Date.parse(ts), args: parsed.data };
}

// ---

function describe(error: z.ZodError): string {
  const text = error.issues.map(({ path, message }) => `${path.join(".") || "command"}: ${message}`).join("; ");
  return text.length <= PROBLEM_LENGTH_MAX ? text : `${text.slice(0, PROBLEM_LENGTH_MAX)}…`;
}
