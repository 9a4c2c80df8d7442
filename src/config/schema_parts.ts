/** Kinds of field that the configuration's schemas share. */

import * as z from "zod";

/** A name of `[a-z0-9_-]{1,64}`. */
export const id = (description: string, example: string) =>
  z.string().regex(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, _ and -").meta({ description, examples: [example] });

/** One line of text. */
export const text = (lengthMax: number) =>
  z.string().regex(new RegExp(`^[^\\0-\\x1f\\x7f]{1,${lengthMax}}$`), `1 to ${lengthMax} characters without line ends`);

/** A topic without wildcards, of plain names. */
export const topic = z.string().regex(
  /^(?=.{1,128}$)[\w.-]+(\/[\w.-]+)*$/,
  "names of A-Z, a-z, 0-9, _, - and . between single slashes, 128 characters at most",
);

/** A path that must be there. */
export const path = (description: string, example: string) => text(4096).meta(pathMeta(description, example));

/** A path or null. */
export const optionalPath = (description: string, example: string) =>
  text(4096).nullable().default(null).meta(pathMeta(description, example));

/** A whole number, both limits allowed. */
export const integer = (low: number, high: number) => z.int().min(low).max(high);

/** One of some words, the first by default. */
export const choice = <const T extends readonly [string, ...string[]]>(values: T, description: string) =>
  z.enum(values).default(values[0] as T[number]).meta({ description, examples: [values[0]] });

const pathMeta = (description: string, example: string) => ({
  description: `${description} Relative paths start at this file's folder.`,
  examples: [example],
});
