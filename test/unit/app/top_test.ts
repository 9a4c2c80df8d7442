/** Goal: `top` shows what it heard, whole or counted as hidden, in any terminal. Method: payloads of our own publisher. */

import assert from "node:assert/strict";
import { createTopModel, hear, isComplete } from "../../../src/app/top/model.ts";
import { renderTop, type Screen } from "../../../src/app/top/view.ts";
import type { Message } from "../../../src/core/messages.ts";
import { encodeMessage } from "../../../src/publish/payload.ts";
import { sampleHealth, sampleInfo, sampleLatency, sampleState } from "../../support/sample_messages.ts";

const SCREEN: Screen = { columns: 80, rows: 24, hasColor: false, selected: null, foot: "q quits" };

function heardOf(...messages: Message[]) {
  const model = createTopModel("test");
  model.connection_problem = null;
  for (const message of messages) {
    const envelope = { tsWallMs: Date.UTC(2026, 0, 1), seq: 0, boot: "b", synced: true, mqttProtocol: null };
    const { payload, camera } = encodeMessage(message, envelope);
    hear(model, message.kind, payload, camera);
  }
  return model;
}

const all = () => heardOf(sampleInfo(), sampleHealth(), sampleLatency(), sampleState("person"));
// deno-lint-ignore no-control-regex
const plain = (line: string) => line.replace(/\x1b\[[0-9;]*m/g, "");

Deno.test("the picture has class, counts that add up, percentiles and problems", () => {
  const model = all();
  assert.ok(isComplete(model));
  const text = renderTop(model, { ...SCREEN, rows: 60 }).join("\n");
  assert.match(text, /1 problem/);
  assert.match(text, /door +online +person +93 %/);
  assert.match(text, /captured 300 = classified 95 \+ dropped 204 \+ in flight 1 adds up/);
  assert.match(text, /dropped: busy 201, stale 3/);
  assert.match(text, /to decision +1\.90 +2\.40 +6\.00 +9\.10 +9\.10/);
  assert.match(text, /! camera\.door: no frame for 5 s/);
  assert.match(text, /power: none published yet/);
});

Deno.test("no line is wider than the terminal, no picture taller, and what is left out is counted", () => {
  const model = all();
  for (let i = 0; i < 30; i++) model.events.push({ ts: "2026-01-01T00:00:00.000Z", text: "long ".repeat(40) });
  for (const [columns, rows] of [[80, 24], [40, 10], [200, 60], [10, 3]]) {
    for (const hasColor of [false, true]) {
      const lines = renderTop(model, { ...SCREEN, columns, rows, hasColor });
      assert.ok(lines.length <= rows, `${lines.length} lines on ${rows} rows`);
      for (const line of lines) {
        assert.ok(plain(line).length <= columns, `${plain(line).length} on ${columns}: ${line}`);
      }
      if (!hasColor) assert.ok(!lines.join("").includes("\x1b"), "no colour means no escape codes");
    }
  }
  const lines = renderTop(model, { ...SCREEN, rows: 10 });
  assert.match(lines[7], /^… \d+ more lines: make the terminal taller$/);
  assert.equal(lines.at(-1), "q quits");
});

Deno.test("control characters in what a gateway says do not reach the terminal", () => {
  const model = all();
  model.problems = [{ what: "x", since: "", text: "a\x1b[2Jb\x07" }];
  const text = renderTop(model, { ...SCREEN, rows: 60 }).join("\n");
  assert.ok(text.includes("a?[2Jb?") && !text.includes("\x1b"));
});

Deno.test("before anything is heard, and when the connection breaks, it says so", () => {
  const model = createTopModel("test");
  assert.match(renderTop(model, SCREEN).join("\n"), /connecting\n.*No camera heard of yet/s);
  model.connection_problem = "connection refused";
  assert.match(renderTop(model, SCREEN)[0], /no connection: connection refused/);
});

Deno.test("a camera's own status is newer than the health that a broker kept", () => {
  const model = all();
  hear(model, "cameraStatus", "paused", "door");
  hear(
    model,
    "health",
    encodeMessage(sampleHealth(), { tsWallMs: 0, seq: 0, boot: "b", synced: true, mqttProtocol: null }).payload,
  );
  assert.equal(model.cameras[0].status, "paused");
});

Deno.test("what is not JSON, or not ours, is passed over; cameras that are gone go", () => {
  const model = all();
  for (const text of ["", "{", "null", "[]", '"x"', "7"]) hear(model, "health", text === "[]" ? "nonsense" : text);
  hear(model, "unheard_of", "{}");
  assert.equal(model.cameras.length, 1);
  const { cameras: _, ...rest } = sampleHealth();
  const gone = heardOf(sampleState("person"), { ...rest, cameras: [] });
  assert.equal(gone.cameras.length, 0);
});
