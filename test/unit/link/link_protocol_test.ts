/** PROTOCOL.md is true: its layouts are those of the codecs, and its examples decode and encode to the same bytes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cobsEncode } from "../../../src/link/cobs.ts";
import { crc32c } from "../../../src/core/crc32c.ts";
import { decodeBody, encodeBody, type Kind, MESSAGES } from "../../../src/link/messages/all.ts";
import { BODY_BYTES_MAX, decodePacket, encodePacket, framePacket } from "../../../src/link/packet.ts";
import { ByteWriter } from "../../../src/link/wire.ts";
import { bytesOf, exampleOf, layoutOf } from "../../support/protocol_doc.ts";

const TEXT = readFileSync(new URL("../../../src/link/PROTOCOL.md", import.meta.url), "utf8");
const writer = new ByteWriter(BODY_BYTES_MAX);

Deno.test("PROTOCOL.md has a section for every message, with its number", () => {
  const found = [...TEXT.matchAll(/^### ([A-Z_]+) \(0x([0-9a-f]{2})\)$/gm)].map(([, name, type]) => [name, type]);
  const expected = (Object.keys(MESSAGES) as Kind[])
    .map((kind) => [kind.toUpperCase(), MESSAGES[kind].type.toString(16).padStart(2, "0")]);
  assert.deepEqual(found, expected);
});

for (const kind of Object.keys(MESSAGES) as Kind[]) {
  Deno.test(`PROTOCOL.md: layout and example of ${kind}`, () => {
    const section = sectionOf(kind.toUpperCase());
    assert.equal(blockOf(section, "layout"), layoutOf(kind));
    const example = blockOf(section, "example");
    const bytes = bytesOf(example);
    assert.equal(example, exampleOf(kind, bytes));
    const { body } = decodeBody(MESSAGES[kind].type, bytes);
    assert.deepEqual(encodeBody(kind, body as never, writer), bytes);
  });
}

Deno.test("PROTOCOL.md: the packet on both kinds of line", () => {
  const section = sectionOf("A whole packet");
  const packet = bytesOf(blockOf(section, "packet"));
  const decoded = decodePacket(packet);
  assert.ok(typeof decoded !== "string", `the packet is bad: ${decoded}`);
  assert.deepEqual(decoded, { type: 0x21, flags: 0, seq: 258, session: 0xc0ffee00, body: decoded.body });
  assert.deepEqual(decodeBody(decoded.type, decoded.body), { kind: "credit", body: { frames: 4, bytes: 16384 } });
  assert.deepEqual(encodePacket(decoded, decoded.body), packet);
  assert.deepEqual(framePacket(packet, "cobs"), bytesOf(blockOf(section, "cobs")));
  assert.deepEqual(framePacket(packet, "length"), bytesOf(blockOf(section, "length")));
});

Deno.test("CRC-32C: the check value and the vectors of RFC 3720, B.4", () => {
  const text = new TextEncoder();
  assert.equal(crc32c(text.encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(0)), 0);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
});

Deno.test("COBS: the examples of the paper's encoding", () => {
  const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => (from + i) & 0xff);
  const cases: [number[], number[]][] = [
    [[], [1]],
    [[0], [1, 1]],
    [[0, 0], [1, 1, 1]],
    [[0, 0x11, 0], [1, 2, 0x11, 1]],
    [[0x11, 0x22, 0, 0x33], [3, 0x11, 0x22, 2, 0x33]],
    [[0x11, 0, 0, 0], [2, 0x11, 1, 1, 1]],
    [run(1, 254), [0xff, ...run(1, 254)]],
    [[0, ...run(1, 254)], [1, 0xff, ...run(1, 254)]],
    [run(1, 255), [0xff, ...run(1, 254), 2, 0xff]],
    [[...run(2, 255), 0], [0xff, ...run(2, 255), 1, 1]],
    [[...run(3, 255), 0, 1], [0xfe, ...run(3, 255), 2, 1]],
  ];
  for (const [data, expected] of cases) {
    const target = new Uint8Array(600);
    const end = cobsEncode(Uint8Array.from(data), target);
    assert.deepEqual([...target.subarray(0, end)], expected);
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function sectionOf(title: string): string {
  const start = TEXT.search(new RegExp(`^###? ${title}( \\(|$)`, "m"));
  assert.ok(start >= 0, `no section ${title}`);
  const rest = TEXT.slice(start + 4);
  const end = rest.search(/^##/m);
  return end < 0 ? rest : rest.slice(0, end);
}

function blockOf(section: string, name: string): string {
  const match = new RegExp("```" + name + "\\n([\\s\\S]*?)\\n```").exec(section);
  assert.ok(match !== null, `no block ${name}`);
  return match[1];
}
