/** Commands do what they say, once; everything else is refused with a reason. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decode } from "fast-png";
import { createCommandHandler, IDS_REMEMBERED } from "../../../src/commands/command_handler.ts";
import { COMMAND_BYTES_MAX } from "../../../src/commands/command_schema.ts";
import { encodePng } from "../../../src/commands/png.ts";
import { COMMAND_VERBS, type CommandVerb } from "../../../src/core/commands.ts";
import { EdgeError } from "../../../src/core/errors.ts";
import type { Controls } from "../../../src/ports/controls.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

interface Answer {
  readonly id?: string;
  readonly status: "ok" | "error";
  readonly error?: { readonly code: string; readonly message: string };
  readonly data?: Record<string, unknown>;
}

/** A handler, what it did, and a way to ask it. */
function harness(allow: readonly CommandVerb[] = COMMAND_VERBS, ratePerMin = 6000) {
  const clock = createFakeClock();
  const did: string[] = [];
  const controls: Controls = {
    cameras: ["door", "porch"],
    pause: (camera) => void did.push(`pause ${camera}`),
    resume: (camera) => void did.push(`resume ${camera}`),
    setThreshold: (camera, threshold) => did.push(`threshold ${camera} ${threshold}`) * 0 + 0.5,
    snapshot: () =>
      Promise.resolve({
        frameId: 7,
        classId: "dog",
        confidence: 0.9,
        shape: [1, 2, 3],
        bytes: Uint8Array.of(1, 2, 3, 4, 5, 6),
      }),
    switchNetwork: (camera, name) => {
      did.push(`switch ${camera} ${name}`);
      return name === "night"
        ? Promise.resolve({ id: "n", sha256: "00" })
        : Promise.reject(new EdgeError("command.network", `No network "${name}"`));
    },
    restart: () => void did.push("restart"),
    reload: null,
  };
  const logged: string[] = [];
  const handler = createCommandHandler({
    allow,
    maxAgeMs: 60_000,
    ratePerMin,
    controls,
    clock,
    log: (_level, text) => logged.push(text),
  });
  const answers: Answer[] = [];
  const send = async (verb: string, payload: string | Uint8Array, isRetained = false): Promise<Answer | undefined> => {
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    const before = answers.length;
    handler.sink({ verb, payload: bytes, isRetained }, (answer) => answers.push(JSON.parse(answer)));
    for (let i = 0; i < 8; i++) await Promise.resolve();
    return answers[before];
  };
  let ids = 0;
  const command = (args: unknown = {}, changes: Record<string, unknown> = {}) =>
    JSON.stringify({ id: `id-${ids++}`, ts: new Date(clock.wallMs()).toISOString(), args, ...changes });
  return { handler, clock, did, send, command, answers, logged };
}

Deno.test("every verb does its deed and answers with the command's id", async () => {
  const { send, command, did, clock } = harness();
  assert.deepEqual((await send("ping", command({}, { id: "a" })))?.status, "ok");
  assert.equal((await send("pause", command({}, { id: "b" })))?.id, "b");
  await send("resume", command({ camera: "porch" }));
  await send("pause", command({ camera: "porch", paused: true }));
  await send("pause", command({ camera: "porch", paused: false }));
  const { data } = await send("set_threshold", command({ camera: "door", threshold: 0.8 })) as Answer;
  assert.deepEqual(data, { cameras: [{ camera: "door", before: 0.5, threshold: 0.8 }] });
  await send("switch_network", command({ camera: "door", network: "night" }));
  assert.equal((await send("reload", command()))?.error?.code, "unsupported");
  await clock.advance(5);
  assert.equal((await send("restart", command()))?.status, "ok");
  assert.deepEqual(did, [
    "pause door",
    "pause porch",
    "resume porch",
    "pause porch",
    "resume porch",
    "threshold door 0.8",
    "switch door night",
  ]);
  await clock.advance(500);
  assert.equal(did.at(-1), "restart", "after the answer had time to get out");
});

Deno.test("a snapshot is a PNG of what the network saw", async () => {
  const { send, command } = harness();
  const { data } = await send("snapshot", command({ camera: "door" })) as Answer;
  assert.deepEqual([data?.frame, data?.class, data?.width, data?.height], [7, "dog", 3, 2]);
  const png = decode(Buffer.from(String(data?.base64), "base64"));
  assert.deepEqual([...png.data], [1, 2, 3, 4, 5, 6]);
  const rgb = decode(encodePng(Uint8Array.of(1, 2, 3, 4, 5, 6), [3, 1, 2]));
  assert.deepEqual([rgb.width, rgb.channels, ...rgb.data], [2, 3, 1, 3, 5, 2, 4, 6]);
});

Deno.test("what is wrong is refused with its code, and does nothing", async () => {
  const { send, command, did, handler, clock } = harness([
    "ping",
    "pause",
    "set_threshold",
    "switch_network",
    "restart",
  ]);
  const at = (ms: number) => ({ ts: new Date(clock.wallMs() + ms).toISOString() });
  const rows: [string, string, string | Uint8Array, boolean?][] = [
    ["unknown_verb", "format_disk", command()],
    ["unknown_verb", "__proto__", command()],
    ["unknown_verb", "", command()],
    ["not_allowed", "snapshot", command({ camera: "door" })],
    ["not_allowed", "pause", command({ paused: false })],
    ["invalid", "pause", command({ paused: "no" })],
    ["retained", "pause", command(), true],
    ["too_large", "pause", new Uint8Array(COMMAND_BYTES_MAX + 1)],
    ["invalid", "pause", ""],
    ["invalid", "pause", "pause"],
    ["invalid", "pause", Uint8Array.of(0xff, 0xfe, 0x00)],
    ["invalid", "pause", "null"],
    ["invalid", "pause", "[]"],
    ["invalid", "pause", '{"id":1,"ts":"now"}'],
    ["invalid", "pause", command({}, { id: "a b" })],
    ["invalid", "pause", command({}, { ts: "2026-01-01" })],
    ["invalid", "pause", command({}, { exec: "reboot" })],
    ["invalid", "pause", command({ camera: "../door" })],
    ["invalid", "pause", command().replace('"args":{}', '"args":{"__proto__":{"camera":"door"}}')],
    ["invalid", "pause", command().replace('"args":{}', '"__proto__":{}')],
    ["invalid", "set_threshold", command({ threshold: "0.5" })],
    ["invalid", "set_threshold", command({ threshold: 1.5 })],
    ["stale", "pause", command({}, at(-60_001))],
    ["stale", "pause", command({}, at(60_001))],
    ["stale", "restart", command({}, at(-1))],
    ["camera", "pause", command({ camera: "garden" })],
    ["network", "switch_network", command({ camera: "door", network: "day" })],
  ];
  for (const [code, verb, payload, isRetained] of rows) {
    const answer = await send(verb, payload, isRetained);
    assert.equal(answer?.status, "error", `${verb} ${payload}`);
    assert.equal(answer?.error?.code, code, `${verb} ${payload}: ${answer?.error?.message}`);
  }
  assert.deepEqual(did, ["switch door day"]);
  assert.deepEqual(handler.counts, { done: 0, failed: 2, refused: rows.length - 2, ignored: 0 });
  assert.equal(({} as { camera?: string }).camera, undefined, "no prototype was polluted");
});

Deno.test("a command that is delivered again is answered again and not done again, for the last 256 ids", async () => {
  const { send, command, did } = harness();
  const first = command({ camera: "door" }, { id: "again" });
  const answer = await send("pause", first);
  assert.deepEqual(await send("pause", first), answer);
  assert.deepEqual(did, ["pause door"]);
  for (let i = 0; i < IDS_REMEMBERED; i++) await send("ping", command());
  await send("pause", first);
  assert.deepEqual(did, ["pause door", "pause door"], "forgotten by then; its age still protects it");
});

Deno.test("a flood is ignored beyond the rate, logged once, and over when it is over", async () => {
  const { send, command, handler, clock, answers, logged } = harness(["ping"], 10);
  for (let i = 0; i < 10_000; i++) await send("ping", i % 2 === 0 ? command() : "garbage");
  assert.deepEqual([answers.length, handler.counts.ignored], [10, 9990]);
  assert.ok(logged.length <= 11, `${logged.length} lines`);
  await clock.advance(6000);
  assert.equal((await send("ping", command()))?.status, "ok");
  assert.equal(await send("ping", command()), undefined);
});

Deno.test("no bytes whatever make the handler throw, or do anything", async () => {
  const { send, did, handler, clock } = harness(COMMAND_VERBS, 6000);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(...COMMAND_VERBS), fc.string()),
      fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map((text) => new TextEncoder().encode(text))),
      fc.boolean(),
      async (verb, payload, isRetained) => {
        await clock.advance(100);
        assert.equal((await send(verb, payload, isRetained))?.status, "error");
      },
    ),
    { numRuns: 500 },
  );
  assert.deepEqual([did, handler.counts.done], [[], 0]);
});
