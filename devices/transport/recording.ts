/**
 * The file of a recorded link: one JSON object a line.
 *
 * First line: `{"format":"quartz-link-recording","version":1,"name":"tcp …","framing":"length","started_at_wall_ms":…}`.
 * Then a line a chunk, `{"at_us":12,"way":"tx","hex":"00…"}`, `at_us` since the start, `tx` from the recording side; and
 * as the last `{"at_us":…,"end":"…"}` with why it ended: `closed` (by the recording side), `ended`, `lost`, `full`.
 */

import { Buffer } from "node:buffer";
import { LinkError } from "../../src/core/errors.ts";
import type { Framing } from "../../src/ports/transport.ts";

/** Largest file that is written or read. */
export const RECORDING_BYTES_MAX = 2 ** 28;

/** The first line. */
export interface RecordingHead {
  readonly name: string;
  readonly framing: Framing;
  readonly startedAtWallMs: number;
}

/** One of the other lines. */
export type RecordingEntry =
  | { readonly atUs: number; readonly way: "tx" | "rx"; readonly bytes: Uint8Array }
  | { readonly atUs: number; readonly end: string };

/** A head as a line. */
export function headLine(head: RecordingHead): string {
  const { name, framing, startedAtWallMs } = head;
  const fields = { format: "quartz-link-recording", version: 1, name, framing, started_at_wall_ms: startedAtWallMs };
  return `${JSON.stringify(fields)}\n`;
}

/** An entry as a line. */
export function entryLine(entry: RecordingEntry): string {
  if ("end" in entry) return `${JSON.stringify({ at_us: entry.atUs, end: entry.end })}\n`;
  return `{"at_us":${entry.atUs},"way":"${entry.way}","hex":"${toHex(entry.bytes)}"}\n`;
}

/** Reads a whole file. @throws {LinkError} `link.replay` with the number of the first wrong line */
export function parseRecording(text: string): { readonly head: RecordingHead; readonly entries: RecordingEntry[] } {
  const lines = text.split("\n").filter((line) => line !== "");
  const first = parseLine(lines[0] ?? "", 1);
  const { format, version, name, framing, started_at_wall_ms: startedAtWallMs } = first;
  const isHead = format === "quartz-link-recording" && version === 1 && typeof name === "string" &&
    (framing === "cobs" || framing === "length") && typeof startedAtWallMs === "number";
  if (!isHead) throw wrongLine(1, "the head of a link recording, version 1");
  const entries = lines.slice(1).map((line, i) => toEntry(parseLine(line, i + 2), i + 2));
  return { head: { name, framing, startedAtWallMs }, entries };
}

// ---------------------------------------------------------------------------------------------------------------------

function parseLine(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw wrongLine(number, "a JSON object");
}

function toEntry(fields: Record<string, unknown>, number: number): RecordingEntry {
  const { at_us: atUs, way, hex, end } = fields;
  if (typeof atUs === "number" && atUs >= 0) {
    if (typeof end === "string") return { atUs, end };
    if ((way === "tx" || way === "rx") && typeof hex === "string" && /^(?:[0-9a-f]{2})+$/.test(hex)) {
      return { atUs, way, bytes: fromHex(hex) };
    }
  }
  throw wrongLine(number, "a chunk or the end");
}

function wrongLine(number: number, expected: string): LinkError {
  return new LinkError("link.replay", `Cannot replay as line ${number} must be ${expected}: found something else`);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
