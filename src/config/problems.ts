/** Turns the schema library's findings into problems that people can mend: what was expected, what was found, a hint. */

import type { Issue } from "../core/errors.ts";
import { redactBrokenUrl } from "./mqtt_url.ts";
import { REDACTED } from "./secret.ts";
import { didYouMean } from "./suggest.ts";

/** Keys and indices from the root. */
export type Path = readonly (string | number)[];

/** An `Issue` whose place is still a path. */
export interface Problem extends Omit<Issue, "where"> {
  readonly path: Path;
  /** True: the key at the end of `path` is the problem, not its value. */
  readonly inKey?: boolean;
}

/** The part of JSON Schema that the configuration's schema uses. */
export interface JsonNode {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly anyOf?: readonly JsonNode[];
  readonly oneOf?: readonly JsonNode[];
  readonly properties?: Readonly<Record<string, JsonNode>>;
  readonly items?: JsonNode;
  readonly examples?: readonly unknown[];
}

/** The part of a zod issue that is read here. */
export interface SchemaIssue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Longest text of a value in an error, characters; the rest is shown as "…". */
const SHOWN_LENGTH_MAX = 60;

/** Fields whose value is never shown, wherever it is wrong. */
const SECRET_PATHS = /^(mqtt\.password|mqtt\.tls\.key|monitor\.token|cameras\.\d+\.source\.password)$/;

/** True for fields whose value is never shown. */
export function isSecret(path: Path): boolean {
  return SECRET_PATHS.test(path.join("."));
}

/** Every finding as problems. `shown` is the configuration as the file has it, `root` its schema. */
export function toProblems(issues: readonly SchemaIssue[], shown: unknown, root: JsonNode): Problem[] {
  return issues.flatMap((issue) => {
    const path = issue.path as Path;
    const nodes = nodesAt(root, path, shown);
    if (issue.code === "unrecognized_keys") return (issue.keys ?? []).map((key) => unknownKey(path, key, nodes));
    if (issue.code === "custom") return [ownProblem(path, issue, shown)];
    // Patterns cannot be read by people, so the schema gives those fields a sentence of their own.
    const expected = issue.code === "invalid_format" ? issue.message : expectation(nodes);
    const hint = valueHint(path, nodes, shown);
    return [{ path, expected, found: show(shown, path, nodes), ...(hint === undefined ? {} : { hint }) }];
  });
}

/** `cameras.0.source.rate_fps`; keys that are not plain words are quoted. The root is `configuration`. */
export function formatPath(path: Path): string {
  if (path.length === 0) return "configuration";
  return path.map((part) => /^[\w-]{1,64}$/.test(String(part)) ? String(part) : quote(String(part))).join(".");
}

/** The value at `path` as an error may show it: short, and never a secret. */
export function show(shown: unknown, path: Path, nodes: readonly JsonNode[] = []): string {
  const value = valueAt(shown, path);
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (isSecret(path)) return REDACTED;
  if (Array.isArray(value)) return value.length === 1 ? "a list of 1" : `a list of ${value.length}`;
  if (typeof value === "object") return "a mapping";
  // A text where a mapping belongs may be a whole section with a slip in it, passwords included.
  if (typeof value === "string" && nodes.some((node) => node.properties || node.items)) return "a text";
  if (typeof value !== "string") return String(value);
  return quote(path.at(-1) === "url" ? redactBrokenUrl(value) : value);
}

/** The value at a path, `undefined` when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}

function quote(text: string): string {
  const short = text.length > SHOWN_LENGTH_MAX ? text.slice(0, SHOWN_LENGTH_MAX) + "…" : text;
  return JSON.stringify(short);
}

/** A finding of a check of ours, which knows what it expected; a value with references is shown with its references. */
function ownProblem(path: Path, { params = {} }: SchemaIssue, shown: unknown): Problem {
  const { expected, found, hint } = params as unknown as Issue;
  const hasReference = String(valueAt(shown, path)).includes("${");
  return { path, expected, found: hasReference ? show(shown, path) : found, ...(hint === undefined ? {} : { hint }) };
}

function unknownKey(path: Path, key: string, nodes: readonly JsonNode[]): Problem {
  const known = [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
  const meant = didYouMean(key, known.filter((name) => name !== key));
  const expected = known.length <= 4 ? `only ${known.join(", ")}` : "a known key";
  return {
    path: [...path, key],
    inKey: true,
    expected,
    found: quote(key),
    hint: meant ?? `known: ${known.join(", ")}`,
  };
}

/** What a field takes, from its schema: `a whole number from 1 to 16384`. */
function expectation(nodes: readonly JsonNode[]): string {
  const names = namesOf(nodes);
  if (names.length > 1) return `one of ${names.map((name) => JSON.stringify(name)).join(", ")}`;
  if (names.length === 1) return JSON.stringify(names[0]);
  const node = nodes.find((candidate) => candidate.type !== "null") ?? {};
  if (node.type === "integer") return "a whole number" + range(node);
  if (node.type === "number") return "a number" + range(node);
  if (node.type === "boolean") return "true or false";
  if (node.type === "array") return `a list of ${node.minItems ?? 0} to ${node.maxItems ?? "any number of"} items`;
  if (node.type === "object") return "a mapping (key: value)";
  return node.maxLength === undefined ? "a text" : `a text of ${node.minLength ?? 0} to ${node.maxLength} characters`;
}

function range({ minimum, exclusiveMinimum, maximum }: JsonNode): string {
  const low = exclusiveMinimum === undefined ? ` from ${minimum}` : ` above ${exclusiveMinimum}`;
  return `${low}${exclusiveMinimum === undefined ? " to" : ", at most"} ${maximum}`;
}

function valueHint(path: Path, nodes: readonly JsonNode[], shown: unknown): string | undefined {
  const value = valueAt(shown, path);
  const names = namesOf(nodes);
  // YAML reads 5 and true as a number and a boolean.
  const takesText = nodes.some((node) => node.type === "string") &&
    (names.length === 0 || names.includes(String(value)));
  if (takesText && (typeof value === "number" || typeof value === "boolean")) return 'put the text in "quotes"';
  if (typeof value === "string") {
    if (value.includes("${") && names.length === 0 && !nodes.some((node) => node.type === "string")) {
      return "${env:NAME} and ${file:/path} can stand in text fields only";
    }
    const meant = names.every((name) => typeof name === "string") ? didYouMean(value, names as string[]) : undefined;
    if (meant !== undefined) return meant;
  }
  const example = nodes.find((node) => node.examples !== undefined)?.examples?.[0];
  return example === undefined ? undefined : `example: ${String(path.at(-1))}: ${JSON.stringify(example)}`;
}

function namesOf(nodes: readonly JsonNode[]): readonly unknown[] {
  return nodes.flatMap((node) => node.const !== undefined ? [node.const] : node.enum ?? []);
}

/** The schemas that may apply at `path`: more than one where a union's `kind` is missing or wrong. */
function nodesAt(root: JsonNode, path: Path, shown: unknown): readonly JsonNode[] {
  let nodes = branches([root], shown);
  path.forEach((part, depth) => {
    const next = nodes.flatMap((node) => {
      const inner = typeof part === "number" ? node.items : node.properties?.[part];
      return inner === undefined ? [] : [inner];
    });
    nodes = branches(next, valueAt(shown, path.slice(0, depth + 1)));
  });
  return nodes;
}

/** Unions opened, and closed again to the branch whose `kind` the value has. Examples stay with the union's branches. */
function branches(nodes: readonly JsonNode[], value: unknown): readonly JsonNode[] {
  const open = nodes.flatMap((node): readonly JsonNode[] => {
    const inner = node.anyOf ?? node.oneOf;
    const examples = node.examples === undefined ? {} : { examples: node.examples };
    return inner === undefined ? [node] : branches(inner.map((branch) => ({ ...branch, ...examples })), value);
  });
  const kind = valueAt(value, ["kind"]);
  const chosen = open.filter((node) => kind !== undefined && node.properties?.kind?.const === kind);
  return chosen.length > 0 ? chosen : open;
}
