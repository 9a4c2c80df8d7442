/** The help text, made from the command table. */

import { COMMAND_TABLE, VERBS } from "./command_table.ts";
import type { FlagSpec, Verb, VerbGroup, VerbSpec } from "./command_table.ts";
import { EXIT_CODES } from "./exit_codes.ts";

/** How the program is called in examples. */
export const PROGRAM = "deno task quartz";

/** Help for one verb, for all that share a first word, or the list of verbs; ends with a line end. */
export function helpText(topic: Verb | VerbGroup | null = null): string {
  if (topic === null) return overview().join("\n") + "\n";
  const verbs = VERBS.filter((verb) => verb === topic || verb.startsWith(`${topic} `));
  return verbs.map((verb) => verbHelp(verb, COMMAND_TABLE[verb]).join("\n") + "\n").join("\n\n");
}

function overview(): string[] {
  return [
    "quartz-edge: runs converted Quartz networks on camera frames and publishes the classes over MQTT",
    "",
    `usage: ${PROGRAM} VERB [arguments] [flags]`,
    "",
    "verbs:",
    ...columns(VERBS.map((verb) => [verb, COMMAND_TABLE[verb].about])),
    "",
    "exit codes:",
    ...columns(Object.values(EXIT_CODES).map(({ code, about }) => [String(code), about])),
    "",
    `More about a verb: ${PROGRAM} help VERB`,
  ];
}

function verbHelp(verb: Verb, spec: VerbSpec): string[] {
  const words = spec.arguments.map(({ name, required }) => required ? name : `[${name}]`);
  const flags = Object.entries(spec.flags);
  const required = flags.filter(([, flag]) => flag.required).map(([name, flag]) => written(name, flag));
  const rest = flags.length > required.length ? ["[flags]"] : [];
  const section = (title: string, rows: [string, string][]) =>
    rows.length === 0 ? [] : ["", `${title}:`, ...columns(rows)];
  return [
    spec.about,
    "",
    `usage: ${[PROGRAM, verb, ...words, ...required, ...rest].join(" ")}`,
    ...section("arguments", spec.arguments.map(({ name, about }) => [name, about])),
    ...section("flags", flags.map(([name, flag]) => [written(name, flag), described(flag)])),
    "",
    "examples:",
    ...spec.examples.map((example) => `  ${PROGRAM} ${example}`),
    ...(spec.notes === undefined ? [] : ["", ...spec.notes]),
  ];
}

function written(name: string, flag: FlagSpec): string {
  const names = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
  return flag.type === "switch" ? names : `${names} ${flag.placeholder}`;
}

function described(flag: FlagSpec): string {
  const range = flag.type === "integer" || flag.type === "number" ? `, ${flag.low} to ${flag.high}` : "";
  return `${flag.about}${range}${flag.required ? " (required)" : ""}`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
