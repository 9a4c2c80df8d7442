/** The pictures in PROTOCOL.md, made from the codecs: the layout of each message, and an example taken apart byte by byte. */

import type { Form } from "../../src/link/codec.ts";
import { decodeBody, type Kind, MESSAGES } from "../../src/link/messages/all.ts";
import { ByteReader } from "../../src/link/wire.ts";

/** Fields of a message with their offsets, as far as they are fixed. */
export function layoutOf(kind: Kind): string {
  const rows: [string, string, string][] = [];
  let offset: number | null = 0;
  const walk = (form: Form, name: string) => {
    if (form.kind === "struct") {
      for (const [field, inner] of Object.entries(form.fields)) walk(inner, dotted(name, field));
      return;
    }
    rows.push([offset === null ? "…" : String(offset), name, wording(form)]);
    const bytes = fixedBytes(form);
    offset = offset === null || bytes === null ? null : offset + bytes;
    if (form.kind === "list" && form.item.kind === "struct") {
      for (const [field, inner] of Object.entries(form.item.fields)) {
        rows.push(["…", `${name}[].${snake(field)}`, wording(inner)]);
      }
    }
  };
  walk(MESSAGES[kind].codec.form, "");
  if (rows.length === 0) return "(no fields)";
  const width = Math.max(...rows.map(([, name]) => name.length));
  return rows.map(([at, name, what]) => `${at.padEnd(4)}${name.padEnd(width)}  ${what}`).join("\n");
}

/** The bytes of a body, a field a line, with what they mean. */
export function exampleOf(kind: Kind, bytes: Uint8Array): string {
  const { body } = decodeBody(MESSAGES[kind].type, bytes);
  const reader = new ByteReader(bytes);
  const rows: [string, string][] = [];
  const take = (count: number, note: string) => {
    const hex = Array.from(reader.bytes(count, note), (byte) => byte.toString(16).padStart(2, "0"));
    for (let at = 0; at === 0 || at < hex.length; at += 16) {
      rows.push([hex.slice(at, at + 16).join(" "), at === 0 ? note : ""]);
    }
  };
  const walk = (form: Form, value: unknown, name: string): void => {
    switch (form.kind) {
      case "struct":
        for (const [field, inner] of Object.entries(form.fields)) {
          walk(inner, (value as Record<string, unknown>)[field], dotted(name, field));
        }
        return;
      case "list":
        take(1, `${name}: ${(value as unknown[]).length} of them`);
        return (value as unknown[]).forEach((item, i) => walk(form.item, item, `${name}[${i}]`));
      case "levels":
        return take(reader.left, `${name}: ${[...(value as Uint16Array)].join(" ")}`);
      default:
        return take(variableBytes(form, value), `${name} = ${meaning(form, value)}`);
    }
  };
  const shown = kind === "frame" ? { ...body, ...framePlan(bytes) } : body;
  walk(MESSAGES[kind].codec.form, shown, "");
  if (rows.length === 0) return "(no bytes)";
  const width = Math.max(...rows.map(([hex]) => hex.length));
  return rows.map(([hex, note]) => `${hex.padEnd(width)}  ${note}`.trimEnd()).join("\n");
}

/** The hex column of an example. */
export function bytesOf(block: string): Uint8Array {
  const pairs = block.split("\n").flatMap((line) =>
    /^((?:[0-9a-f]{2} ?)+)(?:\s|$)/.exec(line)?.[1].trim().split(" ") ?? []
  );
  return Uint8Array.from(pairs.map((pair) => Number.parseInt(pair, 16)));
}

// ---------------------------------------------------------------------------------------------------------------------

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function dotted(before: string, field: string): string {
  return before === "" ? snake(field) : `${before}.${snake(field)}`;
}

function wording(form: Form): string {
  const listed = (record: Readonly<Record<string, number>>) =>
    Object.entries(record).map(([name, number]) => `${number} ${snake(name)}`).join(", ");
  switch (form.kind) {
    case "uint":
      return `u${8 * form.bytes}`;
    case "choice":
      return `u8: ${listed(form.values)}`;
    case "flags":
      return `u${8 * form.bytes}, bits: ${listed(form.bits)}`;
    case "text":
      return `u16 length, then at most ${form.bytesMax} bytes of UTF-8`;
    case "hex":
      return `${form.bytes} bytes`;
    case "blob":
      return `u32 length, then at most ${form.bytesMax} bytes`;
    case "steps":
      return `u32 count, then at most ${form.countMax} u16`;
    case "levels":
      return "the rest of the body: see Levels";
    case "list":
      return `u8 count, then at most ${form.countMax} of`;
    case "struct":
      return "";
  }
}

function fixedBytes(form: Form): number | null {
  switch (form.kind) {
    case "uint":
    case "flags":
    case "hex":
      return form.bytes;
    case "choice":
      return 1;
    default:
      return null;
  }
}

function variableBytes(form: Form, value: unknown): number {
  if (form.kind === "text") return 2 + new TextEncoder().encode(value as string).length;
  if (form.kind === "blob") return 4 + (value as Uint8Array).length;
  if (form.kind === "steps") return 4 + 2 * (value as Uint16Array).length;
  return fixedBytes(form) as number;
}

function meaning(form: Form, value: unknown): string {
  if (form.kind === "text") return JSON.stringify(value);
  if (form.kind === "hex") return `${(value as string).slice(0, 8)}…`;
  if (form.kind === "blob") return `${(value as Uint8Array).length} bytes`;
  if (form.kind === "steps") {
    return [...(value as Uint16Array)].map((step) => (step === 0xffff ? "none" : step)).join(" ");
  }
  if (form.kind === "choice") return snake(value as string);
  if (form.kind === "flags") {
    return Object.entries(value as Record<string, boolean>).filter(([, on]) => on).map(([name]) => snake(name)).join(
      ", ",
    ) ||
      "none";
  }
  return String(value);
}

/** How a frame's levels are written, which its decoded form does not say. */
function framePlan(bytes: Uint8Array): { code: string; bits: number; count: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { code: view.getUint8(18) === 0 ? "dense" : "runs", bits: view.getUint8(19), count: view.getUint32(20, true) };
}
