/** Laws of the link's codes over random inputs: round trips, any chunking, any damage, any rubbish. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LinkError } from "../../src/core/errors.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { cobsBytesMax, cobsDecode, cobsEncode } from "../../src/link/cobs.ts";
import { decodeLevels, encodeLevels, planLevels } from "../../src/link/level_code.ts";
import { type LinkStats, rejectedPackets, zeroLinkStats } from "../../src/link/link_stats.ts";
import { decodeBody, encodeBody, MESSAGES } from "../../src/link/messages/all.ts";
import {
  BODY_BYTES_MAX,
  encodePacket,
  framePacket,
  HEADER_BYTES,
  type Packet,
  PACKET_BYTES_MAX,
} from "../../src/link/packet.ts";
import { createPacketReader } from "../../src/link/packet_reader.ts";
import { ByteWriter } from "../../src/link/wire.ts";
import type { Framing } from "../../src/ports/transport.ts";
import { anyMessage, KINDS, levels, messageOf } from "../support/messages_arbitrary.ts";

const writer = new ByteWriter(BODY_BYTES_MAX);

Deno.test("COBS: no zero inside, at most the stated size, and back again, at every length to 1100 and at random", () => {
  const check = (data: Uint8Array) => {
    const stuffed = new Uint8Array(cobsBytesMax(data.length));
    const end = cobsEncode(data, stuffed);
    assert.equal(stuffed.subarray(0, end).indexOf(0), -1);
    const back = stuffed.slice();
    assert.equal(cobsDecode(back, end), data.length);
    assert.deepEqual(back.subarray(0, data.length), data);
  };
  for (let length = 0; length <= 1100; length++) {
    check(new Uint8Array(length));
    check(new Uint8Array(length).fill(1));
    check(Uint8Array.from({ length }, (_, i) => (i % 255 === 254 ? 0 : 1)));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), check), { numRuns: 500 });
});

Deno.test("COBS: any bytes decode to something shorter or are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const length = cobsDecode(bytes.slice(), bytes.length);
      assert.ok(length === -1 || length < bytes.length);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("levels: both codes give back what went in, and the shorter is sent", () => {
  fc.assert(
    fc.property(levels, (values) => {
      const plan = planLevels(values);
      const bytes = new Uint8Array(plan.bytes);
      encodeLevels(values, plan, bytes);
      assert.deepEqual(decodeLevels(bytes, { ...plan, count: values.length }), values);
      const highest = Math.max(0, ...values);
      const dense = Math.ceil((values.length * (32 - Math.clz32(highest))) / 8);
      assert.ok(plan.bytes <= dense);
      assert.equal(plan.code === "dense", plan.bytes === dense);
    }),
    { numRuns: 1000 },
  );
});

for (const kind of KINDS) {
  Deno.test(`message ${kind}: back again, from exactly its bytes and no others`, () => {
    fc.assert(
      fc.property(messageOf(kind), fc.nat(), (message, seed) => {
        const bytes = encodeBody(kind, message.body, writer).slice();
        assert.deepEqual(decodeBody(MESSAGES[kind].type, bytes), message);
        // One byte less, or one more.
        if (bytes.length > 0) assertRefused(MESSAGES[kind].type, bytes.subarray(0, seed % bytes.length));
        assertRefused(MESSAGES[kind].type, Uint8Array.of(...bytes, seed & 0xff));
      }),
      { numRuns: 150 },
    );
  });
}

Deno.test("decoders: damaged and random bodies are messages or LinkErrors, and what is read can be written", () => {
  const tally = { messages: 0, refused: 0 };
  const judge = (type: number, bytes: Uint8Array) => {
    try {
      const { kind, body } = decodeBody(type, bytes);
      tally.messages++;
      const again = encodeBody(kind, body, writer).slice();
      assert.deepEqual(decodeBody(MESSAGES[kind].type, again), { kind, body });
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      tally.refused++;
    }
  };
  fc.assert(
    fc.property(anyMessage, fc.nat(), (message, seed) => {
      const bytes = encodeBody(message.kind, message.body as never, writer).slice();
      damage(bytes, createRandom(seed), 1 + seed % 4);
      judge(MESSAGES[message.kind].type, bytes);
    }),
    { numRuns: 5000 },
  );
  fc.assert(fc.property(fc.nat(255), fc.uint8Array({ maxLength: 300 }), judge), { numRuns: 5000 });
  assert.ok(tally.messages > 500 && tally.refused > 500, JSON.stringify(tally));
});

Deno.test("decoders: a small body that claims much allocates little", () => {
  // A count of 2^32 − 1 everywhere a count may stand.
  for (const kind of KINDS) {
    for (let length = 0; length < 120; length++) {
      for (const fill of [0x00, 0x01, 0xff]) {
        const bytes = new Uint8Array(length).fill(fill);
        if (length >= 4) bytes.fill(0xff, length - 4);
        const before = performance.now();
        try {
          decodeBody(MESSAGES[kind].type, bytes);
        } catch (error) {
          if (!(error instanceof LinkError)) throw error;
        }
        assert.ok(performance.now() - before < 2000, `${kind} took long`);
      }
    }
  }
});

for (const framing of ["cobs", "length"] as const) {
  Deno.test(`packet reader over ${framing}: every packet arrives once, whole and in order, in any chunks`, () => {
    fc.assert(
      fc.property(fc.array(anyPacket(), { maxLength: 12 }), fc.nat(), (packets, seed) => {
        const stats = zeroLinkStats();
        const line = concat(packets.map((packet) => framePacket(encodePacket(packet, packet.body), framing)));
        assert.deepEqual(readAll(chunks(line, createRandom(seed)), framing, stats), packets);
        assert.equal(rejectedPackets(stats), 0);
        assert.deepEqual([stats.rxBytes, stats.rxPackets], [line.length, packets.length]);
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("packet reader over cobs: flips that leave the zeros alone reject exactly the packets that they hit", () => {
  let hitPackets = 0;
  fc.assert(
    fc.property(fc.array(anyPacket(), { minLength: 1, maxLength: 10 }), fc.nat(), (packets, seed) => {
      const random = createRandom(seed);
      const stats = zeroLinkStats();
      const good: Packet[] = [];
      const pieces = packets.map((packet) => {
        const piece = framePacket(encodePacket(packet, packet.body), "cobs");
        const flips = random.integer(4);
        for (let i = 0; i < flips; i++) flipInside(piece, random);
        const isHit = !same(piece, framePacket(encodePacket(packet, packet.body), "cobs"));
        if (isHit) hitPackets++;
        else good.push(packet);
        return piece;
      });
      assert.deepEqual(readAll(chunks(concat(pieces), random), "cobs", stats), good);
      assert.equal(rejectedPackets(stats), packets.length - good.length);
    }),
    { numRuns: 1000 },
  );
  assert.ok(hitPackets > 1000, `${hitPackets} packets hit`);
});

Deno.test("packet reader over length: flips behind the prefix reject exactly the packets that they hit", () => {
  fc.assert(
    fc.property(fc.array(anyPacket(), { minLength: 1, maxLength: 10 }), fc.nat(), (packets, seed) => {
      const random = createRandom(seed);
      const stats = zeroLinkStats();
      const good: Packet[] = [];
      const pieces = packets.map((packet) => {
        const piece = framePacket(encodePacket(packet, packet.body), "length");
        // One to three bits are always found by this checksum at these lengths; twice the same one is none.
        const bits = new Set(
          Array.from({ length: random.integer(4) }, () => 32 + random.integer(8 * piece.length - 32)),
        );
        for (const bit of bits) piece[bit >> 3] ^= 1 << (bit & 7);
        if (bits.size === 0) good.push(packet);
        return piece;
      });
      assert.deepEqual(readAll(chunks(concat(pieces), random), "length", stats), good);
      assert.equal(rejectedPackets(stats), packets.length - good.length);
      assert.equal(stats.badCrc, packets.length - good.length);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("packet reader over cobs: any noise costs only what it touches, and every reject is counted", () => {
  let lost = 0;
  fc.assert(
    fc.property(fc.array(anyPacket(), { maxLength: 12 }), fc.nat(), (packets, seed) => {
      const random = createRandom(seed);
      const line = concat(packets.map((packet) => framePacket(encodePacket(packet, packet.body), "cobs")));
      const noisy = addNoise(line, random);
      // The oracle: cut the whole line at its zeros and compare the pieces with what was sent.
      const sent = new Map(packets.map((packet) => {
        const framed = framePacket(encodePacket(packet, packet.body), "cobs");
        return [framed.subarray(1, -1).join(), packet];
      }));
      const pieces = splitAtZeros(noisy).filter((piece) => piece.length > 0);
      const expected = pieces.flatMap((piece) => sent.get(piece.join()) ?? []);
      const stats = zeroLinkStats();
      assert.deepEqual(readAll(chunks(concat([noisy, Uint8Array.of(0)]), random), "cobs", stats), expected);
      assert.equal(rejectedPackets(stats), pieces.length - expected.length);
      lost += packets.length - expected.length;
    }),
    { numRuns: 1500 },
  );
  assert.ok(lost > 1000, `noise hit ${lost} packets`);
});

Deno.test("packet reader: rubbish yields nothing but counts, then the next packet arrives", () => {
  const random = createRandom(11);
  const stats = zeroLinkStats();
  const packets: Packet[] = [];
  const reader = createPacketReader({ framing: "cobs", stats, onPacket: (packet) => packets.push(copy(packet)) });
  for (let i = 0; i < 300; i++) {
    reader.push(Uint8Array.from({ length: random.integer(5000) }, () => random.integer(i % 2 === 0 ? 256 : 4)));
  }
  // A run without any zero, far longer than any packet.
  for (let i = 0; i < 40; i++) reader.push(new Uint8Array(2 ** 14).fill(0x55));
  assert.equal(stats.badOversize, 1);
  assert.equal(packets.length, 0);
  const packet = { type: 5, flags: 0, seq: 1, session: 2, body: Uint8Array.of(1, 2, 3) };
  reader.push(framePacket(encodePacket(packet, packet.body), "cobs"));
  assert.deepEqual(packets, [packet]);
  assert.ok(stats.rxRejectedBytes <= stats.rxBytes);
});

Deno.test("packet reader over length: an impossible length ends the stream with one error and one count", () => {
  for (const prefix of [0, HEADER_BYTES + 3, PACKET_BYTES_MAX + 1, 0xffffffff]) {
    const stats = zeroLinkStats();
    const reader = createPacketReader({ framing: "length", stats, onPacket: () => assert.fail("a packet") });
    const bytes = new Uint8Array(new Uint32Array([prefix]).buffer);
    assert.throws(() => reader.push(bytes), { name: "LinkError", code: "link.framing" });
    reader.push(new Uint8Array(100));
    assert.equal(stats.badPrefix, 1);
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function assertRefused(type: number, bytes: Uint8Array): void {
  assert.throws(() => decodeBody(type, bytes), { name: "LinkError", code: "link.malformed" });
}

function anyPacket(): fc.Arbitrary<Packet> {
  const u32 = fc.nat(2 ** 32 - 1);
  // Zeros are what COBS is about, so they are frequent.
  const byte = fc.oneof(fc.constant(0), fc.nat(255));
  const body = fc.oneof(fc.array(byte, { maxLength: 300 }), fc.array(fc.nat(255), { minLength: 250, maxLength: 1200 }));
  return fc.record({
    type: fc.nat(255),
    flags: fc.nat(65535),
    seq: u32,
    session: u32,
    body: body.map((bytes) => Uint8Array.from(bytes)),
  }, { noNullPrototype: true });
}

function readAll(pieces: Uint8Array[], framing: Framing, stats: LinkStats): Packet[] {
  const packets: Packet[] = [];
  const reader = createPacketReader({ framing, stats, onPacket: (packet) => packets.push(copy(packet)) });
  for (const piece of pieces) reader.push(piece);
  return packets;
}

function copy(packet: Packet): Packet {
  return { ...packet, body: packet.body.slice() };
}

function chunks(bytes: Uint8Array, random: Random): Uint8Array[] {
  const made: Uint8Array[] = [];
  const most = 1 + random.integer(random.integer(3) === 0 ? 3 : 400);
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random.integer(most);
    made.push(bytes.slice(at, end));
    at = end;
  }
  return made;
}

function concat(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function damage(bytes: Uint8Array, random: Random, times: number): void {
  for (let i = 0; i < times && bytes.length > 0; i++) bytes[random.integer(bytes.length)] = random.integer(256);
}

/** Turns one bit between the zeros of a framed packet, making no zero. */
function flipInside(piece: Uint8Array, random: Random): void {
  const at = 1 + random.integer(piece.length - 2);
  const flipped = piece[at] ^ (1 << random.integer(8));
  if (flipped !== 0) piece[at] = flipped;
}

/** Flips, losses, insertions, repetitions. */
function addNoise(line: Uint8Array, random: Random): Uint8Array {
  const out: number[] = [];
  const rate = random.next() * 0.01;
  for (const byte of line) {
    const what = random.next() < rate ? random.integer(4) : 4;
    if (what === 0) continue;
    if (what === 1) out.push(byte ^ (1 << random.integer(8)));
    else if (what === 2) out.push(random.integer(256), byte);
    else if (what === 3) out.push(...out.slice(-random.integer(60)), byte);
    else out.push(byte);
  }
  return Uint8Array.from(out);
}

function splitAtZeros(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let zero = bytes.indexOf(0); zero >= 0; zero = bytes.indexOf(0, from)) {
    pieces.push(bytes.subarray(from, zero));
    from = zero + 1;
  }
  return [...pieces, bytes.subarray(from)];
}
