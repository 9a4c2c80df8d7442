/** Every value of a configuration and where it came from. */

import type { LoadedConfig } from "./load.ts";
import { overrideAt } from "./overrides.ts";
import { isSecret, type Path, valueAt } from "./problems.ts";
import { REDACTED, Secret } from "./secret.ts";

/** One value that the program works with. */
export interface Explained {
  /** As `--set` takes it, `cameras.door.max_age_ms`. */
  readonly key: string;
  /** Null, a boolean, a number or a text; secrets are redacted. */
  readonly value: unknown;
  readonly origin: Origin;
}

/** Where a value came from. */
export type Origin =
  | { readonly kind: "default" }
  /** A `--set`. */
  | { readonly kind: "flag"; readonly flag: string; readonly reference?: string }
  /** The file; with a reference when its text is one. */
  | { readonly kind: "file"; readonly line: number; readonly column: number; readonly reference?: string }
  /** Another key, which has an origin of its own. */
  | { readonly kind: "inherited"; readonly from: string; readonly origin: Origin };

/** Every value, in the order of the configuration. */
export function explain({ config, source }: LoadedConfig): Explained[] {
  const content = source.content();

  const originOf = (path: Path): Origin | null => {
    const text = valueAt(content, path);
    if (text === undefined) return null;
    const reference = typeof text === "string" && /(?<!\$)\$\{/.test(text) ? { reference: text } : {};
    const override = overrideAt(source.overrides, path);
    if (override !== undefined) return { kind: "flag", flag: override.flag, ...reference };
    const position = source.yaml().position(path);
    return position && { kind: "file", ...position, ...reference };
  };

  const rows: Explained[] = [];
  const visit = (value: unknown, path: Path, key: string): void => {
    if (typeof value === "object" && value !== null && !(value instanceof Secret) && Object.keys(value).length > 0) {
      for (const [name, inner] of Object.entries(value)) {
        const part = Array.isArray(value) ? Number(name) : snakeCase(name);
        visit(inner, [...path, part], key === "" ? String(part) : `${key}.${nameOf(inner) ?? part}`);
      }
      return;
    }
    const own = originOf(path);
    const origin = own ?? inherited(path, originOf) ?? { kind: "default" };
    const shown = value instanceof Secret || (isSecret(path) && value !== null) ? REDACTED : pemName(value);
    rows.push({ key, value: shown, origin });
  };
  visit(config, [], "");
  return rows;
}

/** An origin in a few words, with `path` as the file's name. */
export function formatOrigin(origin: Origin, path: string): string {
  if (origin.kind === "default") return "default";
  if (origin.kind === "inherited") return `${origin.from}, ${formatOrigin(origin.origin, path)}`;
  const reference = origin.reference === undefined ? "" : ` ${origin.reference}`;
  return origin.kind === "flag" ? origin.flag + reference : `${path}:${origin.line}:${origin.column}${reference}`;
}

// ---------------------------------------------------------------------------------------------------------------------

/** Keys of a camera, and the session's name, are taken from elsewhere when they are missing. */
function inherited(path: Path, originOf: (path: Path) => Origin | null): Origin | null {
  const [section, , name, rule] = path;
  const from = section === "cameras" && name === "network"
    ? ["network"]
    : section === "cameras" && name === "decision" && rule !== undefined
    ? ["decision", rule]
    : path.join(".") === "mqtt.client_id"
    ? ["gateway", "id"]
    : null;
  const origin = from && originOf(from);
  return origin && { kind: "inherited", from: from.join("."), origin };
}

/** The id or name by which `--set` finds an item of a list. */
function nameOf(item: unknown): string | undefined {
  const { id, name } = (item ?? {}) as { readonly id?: unknown; readonly name?: unknown };
  return typeof id === "string" ? id : typeof name === "string" ? name : undefined;
}

/** Certificates are long, and say nothing to people. */
function pemName(value: unknown): unknown {
  return typeof value === "string" && value.includes("-----BEGIN ") ? `PEM, ${value.length} characters` : value;
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
