/** `${env:NAME}` and `${file:/path}` inside texts: secrets come from outside the file. */

import type { Path, Problem } from "./problems.ts";

/** Where references get their values; each says in words why there is none. */
export interface ReferenceSources {
  /** Value of an environment variable. */
  env(name: string): string | undefined | Promise<string | undefined>;
  /** Text of a file, or why it cannot be used. */
  file(path: string): Promise<{ readonly text: string } | { readonly found: string }>;
}

/** A value with its references replaced. */
export interface Resolved {
  /** A copy; the value handed in is not touched. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** `$${` stands for a plain `${`; an opening without end is matched too, so that it can be reported. */
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const FORM = "${env:NAME} or ${file:/path}";

/** Replaces every reference in a tree of plain values; each one that fails is a problem, and its text stays. */
export async function resolveReferences(tree: unknown, sources: ReferenceSources): Promise<Resolved> {
  const problems: Problem[] = [];

  async function resolveText(text: string, path: Path): Promise<string> {
    let result = "";
    let end = 0;
    for (const match of text.matchAll(REFERENCE)) {
      result += text.slice(end, match.index);
      end = match.index + match[0].length;
      if (match[0] === "$${") {
        result += "${";
        continue;
      }
      const answer = match[2] === "" ? malformed("no closing }") : await lookUp(match[1], sources);
      if ("text" in answer) result += answer.text;
      else {
        problems.push({ path, ...answer });
        result += match[0];
      }
    }
    return result + text.slice(end);
  }

  async function resolve(value: unknown, path: Path): Promise<unknown> {
    if (typeof value === "string") return await resolveText(value, path);
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    const entries: [string, unknown][] = [];
    for (const [key, inner] of Object.entries(value)) {
      entries.push([key, await resolve(inner, [...path, Array.isArray(value) ? Number(key) : key])]);
    }
    return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
  }

  return { value: await resolve(tree, []), problems };
}

type Answer = { readonly text: string } | Omit<Problem, "path">;

async function lookUp(reference: string, sources: ReferenceSources): Promise<Answer> {
  const colon = reference.indexOf(":");
  const [kind, name] = [reference.slice(0, colon), reference.slice(colon + 1)];
  if (kind === "env") {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) return malformed("another name");
    const text = await sources.env(name);
    if (text !== undefined && text !== "") return { text };
    const found = text === undefined ? "no such variable" : "an empty one";
    return {
      expected: `environment variable ${name}`,
      found,
      hint: `set ${name} for the service, or use \${file:/path}`,
    };
  }
  if (kind !== "file" || name === "") return malformed("another form");
  const answer = await sources.file(name);
  return "text" in answer ? answer : { expected: `file ${JSON.stringify(name)}`, found: answer.found };
}

/** The text is not shown: a password may hold "${" by chance. */
function malformed(found: string): Omit<Problem, "path"> {
  return { expected: FORM, found, hint: "write $${ for a plain ${" };
}
