/** Goal: a line is one line, of the asked form and level, without credentials or payloads, whatever it is given. */

import assert from "node:assert/strict";
import { createLog, type LogSettings } from "../../../src/app/log.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

function logOf(settings: LogSettings, isTerminal = false) {
  const lines: string[] = [];
  const console = {
    print: () => {},
    note: (line: string) => void lines.push(line),
    draw: () => {},
    isTerminal,
    hasColor: false,
    printsColor: false,
  };
  return { log: createLog({ ...settings, clock: createFakeClock(), console }), lines };
}

Deno.test("levels above the asked one are left out, and the level may change", () => {
  const { log, lines } = logOf({ level: "warn", format: "json" });
  for (const level of ["error", "warn", "info", "debug"] as const) log(level, level, {});
  log.adjust({ level: "debug", format: "pretty" });
  log("debug", "seen", {});
  assert.deepEqual(lines.map((line) => line.includes("{") ? JSON.parse(line).msg : line.slice(13)), [
    "error",
    "warn",
    "debug seen",
  ]);
});

Deno.test("auto is pretty on a terminal, and JSON elsewhere", () => {
  for (const isTerminal of [true, false]) {
    const { log, lines } = logOf({ level: "info", format: "auto" }, isTerminal);
    log("info", "x", { n: 1 });
    assert.equal(lines[0].startsWith("{"), !isTerminal);
  }
});

Deno.test("no credentials, no payloads, and no fact in the place of the line's own fields", () => {
  for (const format of ["json", "pretty"] as const) {
    const { log, lines } = logOf({ level: "info", format });
    log("info", "at rtsp://u:hunter2@cam/1", {
      url: "mqtt://u:hunter2@h",
      payload: "p".repeat(100_000),
      inner: { bytes: Array(10_000).fill(7) },
      level: "error",
      msg: "forged",
    });
    log("info", "m".repeat(100_000), {});
    assert.ok(!lines.join().includes("hunter2"));
    assert.ok(lines[0].length < 1500 && lines[1].length < 9000, String(lines.map((line) => line.length)));
    if (format === "json") {
      assert.deepEqual([JSON.parse(lines[0]).level, JSON.parse(lines[0]).msg.slice(0, 2)], ["info", "at"]);
    }
  }
});

Deno.test("text from outside cannot begin a line of its own or move a terminal's cursor", () => {
  for (const format of ["json", "pretty"] as const) {
    const { log, lines } = logOf({ level: "info", format });
    log("warn", "a\nforged line\r\x1b[2J", { verb: "b\n12:00:00.000 error c\u009b31m" });
    // deno-lint-ignore no-control-regex -- they are what is looked for
    assert.ok(!/[\x00-\x1f\x7f]/.test(lines[0]), JSON.stringify(lines[0]));
    if (format === "pretty") assert.ok(!lines[0].includes("\u009b"));
  }
  const { log, lines } = logOf({ level: "info", format: "pretty" });
  log("error", "error: x\n  - a: expected b, found c\nhint: d", {});
  assert.equal(lines[0].split("\n").length, 3, "an error's own lines stay");
});
