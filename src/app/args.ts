/** Command line to command: words in, a checked `Command` out. */

import { parseArgs } from "node:util";
import { checkMqttUrl, redactBrokenUrl } from "../config/mqtt_url.ts";
import { didYouMean } from "../config/suggest.ts";
import { ConfigError } from "../core/errors.ts";
import type { Issue } from "../core/errors.ts";
import { COMMAND_TABLE, VERBS } from "./command_table.ts";
import type { Command, FlagSpec, Verb, VerbGroup, VerbSpec } from "./command_table.ts";
import { PROGRAM } from "./help.ts";

/**
 * Reads the words after the program's name.
 *
 * No words, `--help` and `-h` give the `help` command, `--version` gives `version`.
 *
 * @throws {ConfigError} `usage` with every problem of the line at once.
 */
export function parseCommandLine(argv: readonly string[]): Command {
  const [first] = argv;
  if (first === undefined || isHelp(first)) return { verb: "help", topic: null };
  if (first === "--version" || first === "-V") return { verb: "version", json: false };
  const verb = verbAt(argv);
  if (verb === null) {
    if (isGroup(first) && argv.slice(1).some(isHelp)) return { verb: "help", topic: first };
    throw usage([unknownVerb("verb", argv)]);
  }
  const rest = argv.slice(verb.split(" ").length);
  const words = rest.slice(0, indexOrEnd(rest, "--"));
  if (words.some(isHelp)) return { verb: "help", topic: verb };
  // The words after `help` are a verb, which may have two.
  if (verb === "help" && rest.length > 0) {
    if (rest.length === 1 && isGroup(rest[0])) return { verb, topic: rest[0] };
    const topic = verbAt(rest);
    if (topic === null || topic.split(" ").length < rest.length) throw usage([unknownVerb("VERB", rest)]);
    return { verb, topic };
  }
  const fields = readWords(COMMAND_TABLE[verb], rest);
  if ("issues" in fields) throw usage(fields.issues, verb);
  return verb === "help" ? { verb, topic: null } : { verb, ...fields.values } as Command;
}

type Values = Record<string, string | number | boolean | readonly string[] | null>;

/** Every field of a verb's command, or every problem. */
function readWords(spec: VerbSpec, words: readonly string[]): { values: Values } | { issues: Issue[] } {
  const options = Object.fromEntries(
    Object.entries(spec.flags).map(([name, flag]) =>
      [name, {
        type: flag.type === "switch" ? "boolean" : "string",
        multiple: flag.type === "texts",
        ...(flag.short && { short: flag.short }),
      }] as const
    ),
  );
  // Not strict: it would stop at the first problem. The tokens show them all, and the checks below are as strict.
  const { tokens } = parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true });
  const values: Values = {};
  const issues: Issue[] = [];
  for (const [name, flag] of Object.entries(spec.flags)) {
    values[fieldOf(name, flag)] = flag.type === "switch" ? false : flag.type === "texts" ? [] : null;
  }

  const given = new Set<string>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(spec.flags, token.name) ? spec.flags[token.name] : undefined;
    if (flag === undefined) issues.push(unknownFlag(spec, token.rawName));
    else if (given.has(token.name) && flag.type !== "texts") {
      issues.push({ where: token.rawName, expected: "the flag once", found: "it again" });
    } else {
      given.add(token.name);
      const answer = readFlag(flag, token);
      const field = fieldOf(token.name, flag);
      if (typeof answer === "object") issues.push({ where: token.rawName, ...answer });
      else values[field] = flag.type === "texts" ? [...values[field] as string[], `${answer}`] : answer;
    }
  }
  for (const [name, flag] of Object.entries(spec.flags)) {
    if (!flag.required || given.has(name)) continue;
    issues.push({
      where: `--${name}`,
      expected: `--${name} ${flag.type === "switch" ? "" : flag.placeholder}`,
      found: "nothing",
    });
  }
  issues.push(...readArguments(spec, positionals, values));
  return issues.length > 0 ? { issues } : { values };
}

interface OptionToken {
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** A flag's value, or what is wrong with it. */
function readFlag(
  flag: FlagSpec,
  { value, inlineValue }: OptionToken,
): string | number | boolean | Omit<Issue, "where"> {
  if (flag.type === "switch") return value === undefined ? true : { expected: "no value", found: quote(value) };
  if (value === undefined) return { expected: `a value, ${flag.placeholder}`, found: "nothing" };
  if (!inlineValue && value.length > 1 && value.startsWith("-")) {
    return {
      expected: `a value, ${flag.placeholder}`,
      found: `the flag ${quote(value)}`,
      hint: "write --flag=VALUE for values that start with -",
    };
  }
  if (flag.type === "text" || flag.type === "texts") {
    return value === "" ? { expected: `a value, ${flag.placeholder}`, found: '""' } : value;
  }
  if (flag.type === "url") return checkMqttUrl(value) ?? value;
  const isInteger = flag.type === "integer";
  // Number() alone also takes "", "0x10", "1e3" and spaces.
  const number = (isInteger ? /^\d{1,15}$/ : /^\d{1,15}(\.\d{1,15})?$/).test(value) ? Number(value) : NaN;
  if (number >= flag.low && number <= flag.high) return number;
  return { expected: `a ${isInteger ? "whole " : ""}number from ${flag.low} to ${flag.high}`, found: quote(value) };
}

/** Puts the words without a flag into `values`; gives the problems. */
function readArguments(spec: VerbSpec, positionals: readonly string[], values: Values): Issue[] {
  const issues: Issue[] = [];
  spec.arguments.forEach(({ name, required }, index) => {
    const word = positionals[index] ?? null;
    if (word === "" || (word === null && required)) {
      issues.push({ where: name, expected: name, found: word === null ? "nothing" : '""' });
    }
    values[name.toLowerCase()] = word;
  });
  for (const word of positionals.slice(spec.arguments.length)) {
    const isConfig = spec.flags.config !== undefined && values.config === null;
    issues.push({
      where: "arguments",
      expected: `${spec.arguments.length || "none"}`,
      found: `${quote(word)} as well`,
      ...(isConfig && { hint: "write --config before a configuration's name" }),
    });
  }
  return issues;
}

/** The verb that a line begins with: two words where the table has them. */
function verbAt([first, second]: readonly string[]): Verb | null {
  const long = `${first} ${second}`;
  return isVerb(long) ? long : isVerb(first) ? first : null;
}

function unknownVerb(where: string, words: readonly string[]): Issue {
  const [first, second] = words;
  // After the first word of a verb that has two, only those are meant.
  const long = VERBS.filter((verb) => verb.startsWith(`${first} `));
  const found = long.length > 0 && second !== undefined ? `${first} ${second}` : first;
  const hint = didYouMean(found, long.length > 0 ? long : VERBS);
  const expected = long.length > 0 ? `one of ${long.join(", ")}` : "one of the verbs that help lists";
  return { where, expected, found: quote(found), ...(hint && { hint }) };
}

function unknownFlag(spec: VerbSpec, rawName: string): Issue {
  const names = Object.keys(spec.flags).map((name) => `--${name}`);
  const expected = names.length === 0 ? "no flags" : `one of ${names.join(", ")}`;
  const hint = didYouMean(rawName, names);
  return { where: "flag", expected, found: quote(rawName), ...(hint && { hint }) };
}

function usage(issues: readonly Issue[], verb?: Verb): ConfigError {
  const command = verb === undefined ? "command line" : `command line of ${verb}`;
  const count = issues.length === 1 ? "1 problem" : `${issues.length} problems`;
  const message = `Cannot read the ${command} as it must be as the help says: found ${count}`;
  return new ConfigError("usage", message, {
    issues,
    hint: `See: ${PROGRAM} help${verb === undefined ? "" : ` ${verb}`}`,
  });
}

function fieldOf(name: string, flag: FlagSpec): string {
  return flag.field ?? name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function isVerb(word: string): word is Verb {
  return Object.hasOwn(COMMAND_TABLE, word);
}

function isGroup(word: string): word is VerbGroup {
  return VERBS.some((verb) => verb.startsWith(`${word} `));
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

function indexOrEnd(words: readonly string[], word: string): number {
  const index = words.indexOf(word);
  return index < 0 ? words.length : index;
}

/** A word for an error; a URL may be a broker's that lost its flag, with a password inside. */
function quote(word: string): string {
  const safe = word.includes("://") ? redactBrokenUrl(word) : word;
  return JSON.stringify(safe.length > 60 ? safe.slice(0, 60) + "…" : safe);
}
