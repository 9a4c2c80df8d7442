/** `--set key=value`: single values of a configuration that the command line replaces. */

import type { Issue } from "../core/errors.ts";
import { formatPath, type Path } from "./problems.ts";
import { didYouMean } from "./suggest.ts";
import { readYamlValue } from "./yaml_text.ts";

/** One value from the command line. */
export interface Override {
  /** For errors: `--set mqtt.url`. Never the value. */
  readonly flag: string;
  /** With indices where the command line may have had ids. */
  readonly path: Path;
}

/** A configuration's value after its overrides. */
export interface Overridden {
  /** A copy as far as it differs. */
  readonly value: unknown;
  /** In the order of the command line. */
  readonly overrides: readonly Override[];
  readonly issues: readonly Issue[];
}

/** Deepest place; no key of ours lies deeper. */
const DEPTH_MAX = 16;

/**
 * Puts each setting (`cameras.door.max_age_ms=500`) into `tree`, in order.
 *
 * An item of a list goes by its index, or by its `id` or `name`; the index after the last one appends. Sections that
 * are missing are made. Values are read as YAML; none at all is null. Unknown keys are set like others: the schema,
 * which knows better, refuses them.
 */
export function applyOverrides(tree: unknown, settings: readonly string[]): Overridden {
  const overrides: Override[] = [];
  const issues: Issue[] = [];
  let value = tree;
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    const key = equals < 0 ? "" : setting.slice(0, equals).trim();
    const flag = key === "" ? "--set" : `--set ${key}`;
    const read = readSetting(key, equals, setting);
    if ("where" in read) {
      issues.push(read);
      continue;
    }
    const outcome = put(value, read.parts, read.value);
    if ("expected" in outcome) issues.push({ where: flag, ...outcome });
    else {
      value = outcome.tree;
      overrides.push({ flag, path: outcome.path });
    }
  }
  return { value, overrides, issues };
}

/** The override that gave the value at `path`, or a part of it; the last one wins. */
export function overrideAt(overrides: readonly Override[], path: Path): Override | undefined {
  return overrides.findLast((override) => override.path.every((part, depth) => String(part) === String(path[depth])));
}

// ---------------------------------------------------------------------------------------------------------------------

function readSetting(key: string, equals: number, setting: string): Issue | { parts: string[]; value: unknown } {
  const form = { expected: "key=value, such as cameras.door.max_age_ms=500" };
  if (equals < 0) return { where: "--set", ...form, found: "no =" };
  const parts = key.split(".");
  if (parts.length > DEPTH_MAX || parts.some((part) => !/^[\w-]{1,64}$/.test(part))) {
    const expected = "a key of names, ids and indices with dots between, such as cameras.0.source.rate_fps";
    return { where: "--set", expected, found: formatPath([key]) };
  }
  const read = readYamlValue(setting.slice(equals + 1));
  const hint = 'put texts that hold { } [ ] , # or : in "quotes", inside those of the shell';
  return read === null
    ? { where: `--set ${key}`, expected: "a YAML value", found: "something else", hint }
    : { parts, value: read.value };
}

type Outcome = { readonly tree: unknown; readonly path: Path } | Omit<Issue, "where">;

/** `tree` with `value` at the place that `parts` name; only what lies on the way is copied, as aliases share the rest. */
function put(tree: unknown, parts: readonly string[], value: unknown): Outcome {
  if (parts.length === 0) return { tree: value, path: [] };
  const [part, ...rest] = parts;
  if (Array.isArray(tree)) {
    const index = indexOf(tree, part);
    if (typeof index !== "number") return index;
    const inner = put(tree[index], rest, value);
    return "expected" in inner ? inner : { tree: tree.toSpliced(index, 1, inner.tree), path: [index, ...inner.path] };
  }
  if (tree !== null && tree !== undefined && typeof tree !== "object") {
    return { expected: `a mapping or list that holds ${part}`, found: "a single value there" };
  }
  const entries = new Map(Object.entries(tree ?? {}));
  const inner = put(entries.get(part), rest, value);
  if ("expected" in inner) return inner;
  // Through a map, so that "__proto__" is a key like others.
  return { tree: Object.fromEntries(entries.set(part, inner.tree)), path: [part, ...inner.path] };
}

/** The index that `part` names, by id or number, or what is wrong with it. */
function indexOf(list: readonly unknown[], part: string): number | Omit<Issue, "where"> {
  const names = list.map((item) => {
    const { id, name } = (item ?? {}) as { readonly id?: unknown; readonly name?: unknown };
    return String(id ?? name ?? "");
  });
  const byName = names.indexOf(part);
  if (byName >= 0) return byName;
  if (/^\d{1,5}$/.test(part) && Number(part) <= list.length) return Number(part);
  const known = names.filter((name) => name !== "");
  const expected = `an index from 0 to ${list.length}${known.length === 0 ? "" : `, or one of ${known.join(", ")}`}`;
  const hint = didYouMean(part, known);
  return { expected, found: JSON.stringify(part), ...(hint === undefined ? {} : { hint }) };
}
