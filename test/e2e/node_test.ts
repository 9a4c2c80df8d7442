/** The same source on Node: `demo`, `run` and `doctor` do there what they do under Deno. */

import assert from "node:assert/strict";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { makeConfig } from "../support/doctor.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, runTask } from "../support/program.ts";

/** The oldest that the README promises. It strips types from .ts files by itself. */
const NODE = "node@22";

/** npm brings the Node to test with: the machine's own may be older. */
function onNode(args: readonly string[], command = ["src/main.ts"]): Deno.Command {
  return new Deno.Command("npx", {
    args: ["--yes", "--package", NODE, "--", "node", ...command, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test(`demo on ${NODE} answers as it does on Deno`, async () => {
  const onDeno = await runTask("demo", ["--frames", "50"]);
  const { code, stdout, stderr } = await onNode(["demo", "--frames", "50"]).output();
  assert.equal(code, 0, text(stderr));
  const lastLine = (lines: string) => JSON.parse(lines.trimEnd().split("\n").at(-1)!);
  const timed = ["latencyMsP50", "latencyMsP99"];
  const figures = (lines: string) => Object.entries(lastLine(lines)).filter(([name]) => !timed.includes(name));
  assert.deepEqual(figures(text(stdout)), figures(onDeno.stdout));
});

Deno.test(`run on ${NODE} publishes, keeps a spool, and stops on SIGTERM`, async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  using config = makeConfig(`cameras:
  - id: door
    network: ${ROOT}models/mnist-lenet/network.safetensors
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 20, loop: true }
mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }
spool: { path: spool }
history: { path: history.sqlite }
monitor: { listen: "127.0.0.1:0" }`);
  // The path of that Node, so that the signal reaches it and not npx.
  const { stdout } = await onNode([], ["-p", "process.execPath"]).output();
  const child = new Deno.Command(text(stdout).trim(), {
    args: ["src/main.ts", "run", "--config", config.path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const logged = new Response(child.stderr).text();
  try {
    const results = () => listener.heard.filter(({ topic }) => topic === "quartz/gw7/cam/door/result");
    await Promise.race([
      listener.until(() => results().length >= 5, 40_000),
      child.status.then(async ({ code }) => assert.fail(`ended with ${code}: ${await logged}`)),
    ]);
    const { class: found, truth, backend } = JSON.parse(results()[0].text);
    assert.deepEqual([found, backend], [truth, "simulator"]);
    child.kill("SIGTERM");
    const { code } = await child.status;
    assert.equal(code, 0, await logged);
    await listener.until((heard) =>
      heard.some(({ topic, text }) => topic === "quartz/gw7/status" && text === "stopped")
    );
    const errors = (await logged).split("\n").filter((line) => line.includes('"level":"error"'));
    assert.deepEqual(errors, []);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It had ended.
    }
    await child.status;
    await logged;
  }
});

Deno.test(`doctor on ${NODE} finds what it finds on Deno`, async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  using config = makeConfig(`mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }\nspool: { path: spool }`);
  const args = ["doctor", "--config", config.path, "--json"];
  const onDeno = await runTask("quartz:serial", args);
  const { code, stdout, stderr } = await onNode(args).output();
  assert.equal(code, 0, text(stderr) + text(stdout));
  const report = JSON.parse(text(stdout));
  assert.equal(report.runtime.name, "node");
  const verdicts = (checks: { id: string; verdict: string }[]) => checks.map(({ id, verdict }) => `${id} ${verdict}`);
  assert.deepEqual(verdicts(report.checks), verdicts(JSON.parse(onDeno.stdout).checks));
});
