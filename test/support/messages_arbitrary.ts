/** Random messages for property tests, from the form that each codec says it has. */

import fc from "fast-check";
import type { Form } from "../../src/link/codec.ts";
import { type Kind, type Message, MESSAGES } from "../../src/link/messages/all.ts";

/** Records as programs make them: with a prototype, which `deepEqual` looks at. */
const PLAIN = { noNullPrototype: true } as const;

/** Every name of a message. */
export const KINDS = Object.keys(MESSAGES) as Kind[];

/** A message of one kind. */
export function messageOf(kind: Kind): fc.Arbitrary<Message> {
  const body = kind === "frame" ? frameBody() : valueOf(MESSAGES[kind].codec.form);
  return body.map((made) => ({ kind, body: made }) as Message);
}

/** Input levels: pictures with much background, noise, and edge cases. */
export const levels: fc.Arbitrary<Uint16Array> = fc.oneof(
  fc.array(fc.nat(16), { maxLength: 800 }),
  fc.array(fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(65535)), { maxLength: 800 }),
  fc.array(fc.nat(1), { maxLength: 300 }),
  fc.tuple(fc.nat(20_000), fc.nat(65535), fc.nat(300)).map(([zeros, level, count]) => [
    ...new Array<number>(zeros).fill(0),
    ...new Array<number>(count).fill(level),
  ]),
).map((values) => Uint16Array.from(values));

/** Any message that can be sent. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...KINDS.map((kind) => messageOf(kind)));

// ---------------------------------------------------------------------------------------------------------------------

function frameBody(): fc.Arbitrary<unknown> {
  const u32 = fc.nat(2 ** 32 - 1);
  return fc.record({ number: u32, frameId: u32, capturedAtUs: fc.maxSafeNat(), tMax: fc.nat(65535), levels }, PLAIN);
}

function valueOf(form: Form): fc.Arbitrary<unknown> {
  switch (form.kind) {
    case "uint":
      return form.bytes === 8 ? fc.maxSafeNat() : fc.nat(2 ** (8 * form.bytes) - 1);
    case "choice":
      return fc.constantFrom(...Object.keys(form.values));
    case "flags":
      return fc.record(mapValues(form.bits, () => fc.boolean()), PLAIN);
    case "text":
      return fc.string({ unit: "grapheme", maxLength: Math.floor(form.bytesMax / 32) });
    case "hex":
      return hexText(form.bytes);
    case "blob":
      return fc.uint8Array({ maxLength: Math.min(form.bytesMax, 600) });
    case "steps":
      return fc.array(fc.nat(65535), { maxLength: 300 }).map((values) => Uint16Array.from(values));
    case "list":
      return fc.array(valueOf(form.item), { maxLength: form.countMax });
    case "struct":
      return fc.record(mapValues(form.fields, valueOf), PLAIN);
    case "levels":
      throw new Error("only frames have levels, and they are made by hand");
  }
}

function hexText(bytes: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength: bytes, maxLength: bytes })
    .map((values) => Array.from(values, (byte) => byte.toString(16).padStart(2, "0")).join(""));
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
