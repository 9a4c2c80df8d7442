/**
 * Texts as systemd's unit files take them (systemd.syntax(7), systemd.unit(5)): no value may ever become a line, a specifier, a
 * variable or a second value. What no escape can carry is refused.
 */

import { ConfigError } from "../../core/errors.ts";

/** A word of a command line: quoted where it must be, with `%` and `$` doubled. @throws {ConfigError} `unit.text` */
export function commandWord(text: string): string {
  const escaped = checked(text).replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[\w@:,.+=/%-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** `source:destination` for `BindReadOnlyPaths=`; fine when the source is not there. @throws {ConfigError} `unit.text` */
export function bindPath(source: string, destination = source): string {
  // Backslashes and no quotes: those are read in two different ways, depending on systemd's version.
  const part = (path: string) => checked(path).replaceAll("%", "%%").replaceAll(/[\\"': ]/g, "\\$&");
  return source === destination ? `-${part(source)}` : `-${part(source)}:${part(destination)}`;
}

/** `name:path` for `LoadCredential=`, which knows no quotes and no escapes. @throws {ConfigError} `unit.text` */
export function credential(name: string, path: string): string {
  // A backslash at the end would take in the next line.
  if (path.includes("\\") || path !== path.trim()) throw refused(path);
  return `${checked(name).replaceAll("%", "%%")}:${checked(path).replaceAll("%", "%%")}`;
}

// ---------------------------------------------------------------------------------------------------------------------

/** A text without what would end a line of the unit. */
function checked(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) throw refused(text);
  return text;
}

function refused(text: string): ConfigError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  const message =
    "Cannot write a unit as its paths must have no control characters, and those of secrets no backslashes " +
    `and no spaces at their ends: found ${shown}`;
  return new ConfigError("unit.text", message, { hint: "Rename the file, or mend the configuration" });
}
