/** Goal: events come out whole however their text was cut. Method: one stream, every cut. */

import assert from "node:assert/strict";
import { EVENT_LENGTH_MAX, EventText } from "../../../src/monitor/event_text.ts";

const STREAM =
  'event: hello\ndata: {"a":1}\n\n: a comment\n\nid: 7\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata:bare\n\nevent: none\n\n';

function read(...pieces: string[]): [string, string][] {
  const events: [string, string][] = [];
  const text = new EventText((name, data) => events.push([name, data]));
  for (const piece of pieces) text.push(piece);
  return events;
}

Deno.test("events are the same for every cut of their text", () => {
  const whole = read(STREAM);
  assert.deepEqual(whole, [["hello", '{"a":1}'], ["x", "one\ntwo"], ["message", "bare"]]);
  for (let cut = 0; cut <= STREAM.length; cut++) assert.deepEqual(read(STREAM.slice(0, cut), STREAM.slice(cut)), whole);
  assert.deepEqual(read(...STREAM), whole, "character by character");
});

Deno.test("an event that is too long is passed over, and the next one comes", () => {
  const long = "x".repeat(EVENT_LENGTH_MAX);
  assert.deepEqual(read(`data: ${long}`, long, "\n\n", "data: next\n\n"), [["message", "next"]]);
  assert.deepEqual(read(`data: ${long}\ndata: y\n\ndata: next\n\n`), [["message", "next"]]);
});
