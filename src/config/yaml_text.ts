/** YAML 1.2 text to a plain value whose places are remembered. JSON is YAML too. Door of the yaml package. */

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Alias, Document, Node, Pair } from "yaml";
import type { Issue } from "../core/errors.ts";
import { formatPath } from "./problems.ts";
import type { Path } from "./problems.ts";

/** What a text holds. */
export interface YamlText {
  /** Mappings, lists, texts, numbers, booleans and null: a tree without loops. */
  readonly value: unknown;
  /** Where in the text that is: for sorting. */
  offset(path: Path, inKey?: boolean): number;
  /** `cameras.0.id (line 12, column 7)`: the value there, or the nearest thing around it that exists; or its key. */
  where(path: Path, inKey?: boolean): string;
  /** Line and column of what stands at `path`, from 1; null when nothing does. */
  position(path: Path): Position | null;
  /** The content after `edits`, one after the other; places stay those of the text as it was read. */
  edited(edits: readonly Edit[]): YamlText;
  /** The content as YAML, comments and order kept. */
  toText(): string;
}

/** A place in a text, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One change of a file's content. One that names what is not there does nothing. */
export type Edit =
  | { readonly move: Path; readonly to: Path }
  | { readonly set: Path; readonly value: unknown }
  | { readonly remove: Path };

/** Most uses of anchors in one file: enough for sixteen cameras, too few for a file that unfolds to gigabytes. */
const ALIASES_MAX = 100;

const PARSING = {
  prettyErrors: false, // they quote the line, which may hold a password
  logLevel: "error", // not "silent", which also lets a second document pass unread
  schema: "core",
  stringKeys: true,
  uniqueKeys: false, // its own check takes minutes on a long mapping; see checkTree
} as const;

/** Reads one YAML document; gives every syntax problem instead when there are any. The problems never quote the text. */
export function readYaml(text: string): YamlText | { readonly issues: readonly Issue[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...PARSING, lineCounter: lines });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const syntax = [...document.errors, ...document.warnings].map(({ code, pos }): Issue => ({
    where: at(pos[0]),
    ...(SENTENCES[code] ?? { expected: "valid YAML", found: code.toLowerCase().replaceAll("_", " ") }),
  }));
  const issues = syntax.length > 0 ? syntax : checkTree(document, at);
  if (issues.length > 0) return { issues };
  try {
    return view(document, lines);
  } catch {
    // Aliases of aliases: few in number, but they unfold to more than the limit.
    return { issues: [{ where: "aliases", expected: `at most ${ALIASES_MAX} once unfolded`, found: "more" }] };
  }
}

/** Reads one value as it would stand behind `key:`; null when it is not valid YAML. */
export function readYamlValue(text: string): { readonly value: unknown } | null {
  const document = parseDocument(text, PARSING);
  return document.errors.length + document.warnings.length > 0 ? null : { value: document.toJS({ maxAliasCount: 0 }) };
}

function view(document: Document, lines: LineCounter): YamlText {
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  return {
    value: document.toJS({ maxAliasCount: ALIASES_MAX }),
    offset: (path, inKey = false) => offsetOf(document, path, inKey),
    where: (path, inKey = false) => `${formatPath(path)} (${at(offsetOf(document, path, inKey))})`,
    position(path) {
      if (nodeAt(document, path) === undefined) return null;
      const { line, col } = lines.linePos(offsetOf(document, path, false));
      return { line, column: col };
    },
    edited(edits) {
      const copy = document.clone();
      for (const edit of edits) carryOut(edit, copy);
      return view(copy, lines);
    },
    toText: () => document.toString({ lineWidth: 0 }),
  };
}

/** What the parser's error codes mean for the writer of the file. */
const SENTENCES: Readonly<Record<string, Omit<Issue, "where">>> = {
  BAD_INDENT: { expected: "lines of one section to start in the same column", found: "another indentation" },
  BAD_SCALAR_START: {
    expected: "a plain text to start with a letter or digit",
    found: "a reserved character",
    hint: 'put the text in "quotes"',
  },
  BAD_DQ_ESCAPE: {
    expected: 'a known escape after \\ inside "…"',
    found: "another",
    hint: "use 'single quotes' to keep \\ as it is",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    expected: "one key: value a line",
    found: "a second colon",
    hint: 'put texts that hold ": " in "quotes"',
  },
  MISSING_CHAR: { expected: "a closing quote, bracket, comma or colon", found: "none" },
  MULTILINE_IMPLICIT_KEY: { expected: "key: value", found: "a line without a colon" },
  MULTIPLE_DOCS: { expected: "one document", found: "a second one after ---" },
  NON_STRING_KEY: { expected: "a text as key", found: "another kind of value" },
  RESOURCE_EXHAUSTION: { expected: "less nesting", found: "more than the parser takes" },
  TAB_AS_INDENT: { expected: "spaces as indentation", found: "a tab" },
  TAG_RESOLVE_FAILED: { expected: "no !tags", found: "one that is not known" },
  UNEXPECTED_TOKEN: {
    expected: "key: value",
    found: "text that does not belong here",
    hint: 'put texts that hold { } [ ] , or : in "quotes"',
  },
};

/** Keys given twice, and aliases that name nothing or the thing that they are part of (which would never end). */
function checkTree(document: Document, at: (offset: number) => string): Issue[] {
  const issues: Issue[] = [];
  let aliasCount = 0;
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) {
          const where = `${formatPath([name])} (${at(key.range?.[0] ?? 0)})`;
          issues.push({ where, expected: "each key once in a mapping", found: "the key a second time" });
        }
        seen.add(name);
      }
    },
    Alias(_, alias: Alias) {
      const start = alias.range?.[0] ?? 0;
      if (++aliasCount > ALIASES_MAX) {
        issues.push({ where: at(start), expected: `at most ${ALIASES_MAX} aliases (*)`, found: "more" });
        return visit.BREAK;
      }
      const source = alias.resolve(document);
      if (source === undefined) {
        issues.push({ where: at(start), expected: "an alias (*) of an earlier anchor (&)", found: "no such anchor" });
      } else if ((source.range?.[2] ?? 0) > start) {
        issues.push({ where: at(start), expected: "an alias of something else", found: "one of what it is part of" });
      }
      return undefined;
    },
  });
  return issues;
}

/** Offset in the text of what is at `path`, or of the innermost thing around it that exists. */
function offsetOf(document: Document, path: Path, inKey: boolean): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  path.forEach((part, depth) => {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      next = pair?.value;
      const key = pair?.key as Node | undefined;
      // An empty value has no place of its own; its key has.
      if (key?.range && ((inKey && depth === path.length - 1) || pair?.value === null)) {
        [next, offset] = [null, key.range[0]];
      }
    } else if (isSeq(node)) next = node.items[Number(part)];
    node = (next ?? null) as Node | null;
    if (node?.range) offset = node.range[0];
  });
  return offset;
}

/** The node at `path`, aliases followed; undefined when there is none. */
function nodeAt(document: Document, path: Path): Node | null | undefined {
  let node: unknown = document.contents;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = pairOf(node.items, part);
      if (pair === undefined) return undefined;
      node = pair.value;
    } else if (isSeq(node) && Number(part) < node.items.length) node = node.items[Number(part)];
    else return undefined;
  }
  return (isAlias(node) ? node.resolve(document) ?? null : node) as Node | null;
}

function pairOf(items: readonly Pair[], key: string | number): Pair | undefined {
  return items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key));
}

function carryOut(edit: Edit, document: Document): void {
  if ("set" in edit) {
    const parent = nodeAt(document, edit.set.slice(0, -1));
    const { value } = edit;
    const key = edit.set.at(-1)!;
    // A plain value goes into the node that is there, which keeps its comment.
    const content = typeof value === "object" && value !== null ? document.createNode(value) : value;
    if (isMap(parent) && pairOf(parent.items, key) === undefined) parent.items.push(document.createPair(key, content));
    else if (isMap(parent) || isSeq(parent)) parent.set(key, content);
    return;
  }
  const from = "move" in edit ? edit.move : edit.remove;
  const parent = nodeAt(document, from.slice(0, -1));
  if (!isMap(parent)) return;
  const pair = pairOf(parent.items, from.at(-1)!);
  if (pair === undefined) return;
  if ("remove" in edit) return void parent.items.splice(parent.items.indexOf(pair), 1);
  const target = nodeAt(document, edit.to.slice(0, -1));
  if (!isMap(target)) return;
  // The pair itself moves, so that its comments go with it.
  if (isScalar(pair.key)) pair.key.value = edit.to.at(-1);
  if (target === parent) return;
  parent.items.splice(parent.items.indexOf(pair), 1);
  target.items.push(pair);
}
