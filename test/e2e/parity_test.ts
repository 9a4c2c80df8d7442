/** A board's twin in its own process behind each kind of line, compared with the simulator as its users do it. */

import assert from "node:assert/strict";
import { EXIT_CODES } from "../../src/app/exit_codes.ts";
import { ROOT } from "../support/program.ts";
import { openPtyPair, socatAvailable } from "../support/pty.ts";
import { startTwin } from "../support/twin.ts";

const NETWORK = "models/mnist-lenet/network.safetensors";
/** Frames of each comparison; `PARITY_FRAMES` for more. */
const FRAMES = Deno.env.get("PARITY_FRAMES") ?? "60";

async function parity(words: readonly string[]): Promise<{ code: number; report: Record<string, unknown> }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Serial lines go through foreign calls, which `--allow-all` covers.
    args: ["run", "--quiet", "--allow-all", "src/main.ts", "parity", NETWORK, ...words, "--json"],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return { code, report: JSON.parse(text) };
}

function assertEqual({ code, report }: Awaited<ReturnType<typeof parity>>): void {
  const { frames, spikes, failed, spikeMismatches, labelMismatches } = report;
  assert.deepEqual({ frames, spikes, failed, spikeMismatches, labelMismatches }, {
    frames: Number(FRAMES),
    spikes: 10 * Number(FRAMES),
    failed: 0,
    spikeMismatches: 0,
    labelMismatches: 0,
  });
  assert.equal(code, 0);
}

Deno.test("parity over TCP: every output spike and label, the image is sent once, the twin stops when told to", async () => {
  await using twin = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const first = await parity(["--link", twin.address, "--frames", FRAMES]);
  assertEqual(first);
  assert.equal((first.report.counts as { uploads: number }).uploads, 1);
  const again = await parity(["--link", twin.address, "--frames", FRAMES, "--full"]);
  assertEqual(again);
  assert.deepEqual(again.report.counts, { connections: 1, uploads: 0, cachedImages: 1, retries: 0, rejected: 0 });
  const layers = again.report.layers as { name: string; spikes: number; mismatches: number }[];
  assert.ok(layers.length > 5 && layers.every(({ spikes, mismatches }) => spikes > 0 && mismatches === 0));
  assert.equal(await twin.stop(), EXIT_CODES.ok.code);
});

Deno.test("parity by a host on node@22 with a twin on Deno: every output spike and label", async () => {
  await using twin = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const words = ["src/main.ts", "parity", NETWORK, "--link", twin.address, "--frames", FRAMES, "--json"];
  const { code, stdout } = await new Deno.Command("npx", {
    args: ["--yes", "--package", "node@22", "--", "node", ...words],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assertEqual({ code, report: JSON.parse(new TextDecoder().decode(stdout)) });
});

Deno.test("parity over TCP without a board: says what to do", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "src/main.ts", "parity", NETWORK, "--link", "tcp:127.0.0.1:1"],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assert.equal(code, EXIT_CODES.failure.code);
  assert.match(new TextDecoder().decode(stderr), /Cannot connect to 127.0.0.1:1 .*\nhint: .*quartz twin/);
});

Deno.test({
  name: "parity over a serial line: every output spike and label (needs Debian package socat)",
  ignore: !socatAvailable,
  fn: async () => {
    await using line = await openPtyPair();
    await using twin = await startTwin(["--listen", `serial:${line.b}`]);
    assert.match(twin.address, /^serial:/);
    assertEqual(await parity(["--link", `serial:${line.a}`, "--frames", FRAMES]));
    assert.equal(await twin.stop(), EXIT_CODES.ok.code);
  },
});
