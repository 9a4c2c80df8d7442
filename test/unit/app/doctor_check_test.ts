import assert from "node:assert/strict";
import {
  advice,
  type Check,
  command,
  doctorExitCode,
  failed,
  inConfig,
  ok,
  runChecks,
  skipped,
  warning,
} from "../../../src/app/doctor/check.ts";
import { formatMends, formatReport } from "../../../src/app/doctor/report.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

const check = (id: string, run: Check["run"], more: Partial<Check> = {}): Check => ({
  id,
  title: id,
  group: "host",
  run,
  ...more,
});

Deno.test("runChecks() runs every check whatever becomes of the others, and keeps their order", async () => {
  const clock = createFakeClock();
  const told: string[] = [];
  const results = await runChecks([
    check("throws", () => {
      throw new Error("no such thing");
    }),
    check("rejects", () => Promise.reject(new TypeError("neither this"))),
    check("fine", () => ok("all is well")),
  ], { clock, onResult: ({ id }) => told.push(id) });
  assert.deepEqual(results.map(({ id, verdict, found }) => [id, verdict, found]), [
    ["throws", "failed", "no such thing"],
    ["rejects", "failed", "neither this"],
    ["fine", "ok", "all is well"],
  ]);
  assert.equal(told.length, 3);
});

Deno.test("a check waits for those it needs, and is skipped when one failed, however far away", async () => {
  const ran: string[] = [];
  const run = (id: string, finding: ReturnType<typeof ok>) => () => {
    ran.push(id);
    return finding;
  };
  const results = await runChecks([
    check("dns", run("dns", failed("nobody knows it"))),
    check("tcp", run("tcp", ok("")), { needs: ["dns"] }),
    check("connect", run("connect", ok("")), { needs: ["tcp"] }),
    check("plain", run("plain", skipped("does not apply"))),
    check("after", run("after", warning("hm")), { needs: ["plain"] }),
  ], { clock: createFakeClock() });
  assert.deepEqual(ran.sort(), ["after", "dns", "plain"]);
  assert.deepEqual(results.map(({ verdict }) => verdict), ["failed", "skipped", "skipped", "skipped", "warning"]);
  assert.equal(results[2].found, "as dns failed");
});

Deno.test("a check that takes too long is told to stop, has failed, and holds up nobody", async () => {
  const clock = createFakeClock();
  let isStopped = false;
  let reached = 0;
  const checks = [
    check("obeys", (signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          isStopped = true;
          resolve(failed("the socket was still closed", advice("open it")));
        });
      }), { timeoutMs: 1000 }),
    check("ignores", () => new Promise(() => {}), { timeoutMs: 2000 }),
    // More than run at once: they must get their turn.
    ...Array.from({ length: 20 }, (_, i) => check(`quick ${i}`, () => (reached++, ok("")))),
  ];
  const done = runChecks(checks, { clock });
  await clock.advance(900);
  assert.equal(isStopped, false);
  assert.equal(reached, 20);
  await clock.advance(200);
  assert.equal(isStopped, true);
  await clock.advance(2000);
  const results = await done;
  assert.equal(results[0].found, "no answer within 1 s: the socket was still closed");
  assert.equal(results[0].mend?.text, "open it");
  assert.deepEqual([results[1].verdict, results[1].found], ["failed", "no answer within 2 s"]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("the exit code is 0 or 64 and the bits of the groups that failed", async () => {
  const codeOf = async (...checks: Check[]) => doctorExitCode(await runChecks(checks, { clock: createFakeClock() }));
  assert.equal(await codeOf(check("a", () => warning("hm")), check("b", () => ok(""))), 0);
  const fails = () => failed("");
  assert.equal(await codeOf(check("a", fails, { group: "broker" })), 64 + 8);
  assert.equal(await codeOf(check("a", fails, { group: "files" }), check("b", fails)), 64 + 1 + 32);
  const all = (["files", "runtime", "cameras", "broker", "board", "host"] as const)
    .map((group) => check(group, fails, { group }));
  assert.equal(await codeOf(...all), 127);
});

Deno.test("the report is aligned, coloured on request, and the script of mends runs only commands", async () => {
  const results = await runChecks([
    check("short", () => ok("well"), { group: "files" }),
    check("much longer", () => failed("no\nfile", command("sudo touch file", "ls"))),
    check("other", () => warning("odd", inConfig("mqtt.url: mqtts://x"))),
  ], { clock: createFakeClock() });
  const plain = formatReport(results, false);
  assert.deepEqual(plain.slice(0, 2), ["configuration and networks", "  ✓ short        well"]);
  assert.ok(plain.includes("                 → $ sudo touch file"));
  assert.equal(plain.at(-1), "1 failed, 1 warning, 1 ok");
  // deno-lint-ignore no-control-regex
  const uncoloured = formatReport(results, true).join("\n").replaceAll(/\x1b\[\d+m/g, "");
  assert.equal(uncoloured, plain.join("\n"));
  const script = formatMends(results);
  assert.deepEqual(script.filter((line) => line !== "" && !line.startsWith("#")), ["sudo touch file", "ls"]);
  assert.ok(script.includes("# in the configuration: mqtt.url: mqtts://x"));
  assert.ok(script.includes("# much longer: no file"));
});
