/** `top` in a real terminal, against a monitor, and over a broker. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { startMonitor } from "../support/monitors.ts";
import { ROOT, runTask, startProgram } from "../support/program.ts";

const SCRIPT = "/usr/bin/script";
const TOKEN = "0123456789abcdef-secret";

/** A pseudo terminal of 80 by 24 around `top`; keys go in, what the screen got comes out. */
function inTerminal(args: readonly string[], color: boolean) {
  const command = `stty cols 80 rows 24; exec ${Deno.execPath()} run --quiet -R -N -E -S src/main.ts top ${
    args.join(" ")
  }`;
  const env = {
    PATH: Deno.env.get("PATH"),
    HOME: Deno.env.get("HOME"),
    TERM: "xterm",
    ...(color ? {} : { NO_COLOR: "1" }),
  };
  const child = spawn(SCRIPT, ["-qec", command, "/dev/null"], { cwd: ROOT, env: env as Record<string, string> });
  let screen = "";
  let check = () => {};
  child.stdout.on("data", (chunk) => {
    screen += chunk.toString();
    check();
  });
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return {
    screen: () => screen,
    shows: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not on the screen: ${pattern}\n${screen}`)), 20_000);
        check = () => {
          if (!pattern.test(screen)) return;
          clearTimeout(timer);
          resolve();
        };
        check();
      }),
    press: (keys: string) => child.stdin.write(keys),
    ended,
  };
}

for (const [name, key, color] of [["q", "q", true], ["Ctrl-C", "\x03", false]] as const) {
  Deno.test({
    name: `top draws in place in 80 by 24, and ${name} gives the terminal back${
      existsSync(SCRIPT) ? "" : " (needs the Debian package bsdutils)"
    }`,
    ignore: !existsSync(SCRIPT),
    async fn() {
      await using started = await startMonitor();
      const terminal = inTerminal(["--url", started.url], color);
      await terminal.shows(/adds up/);
      assert.ok(terminal.screen().includes("\x1b[?1049h\x1b[?25l"), "another screen, no cursor");
      assert.equal(terminal.screen().includes("\x1b[32m"), color, "NO_COLOR is honoured");
      await terminal.shows(/▸ .*door/);
      terminal.press("j");
      await terminal.shows(/▸ .*yard/);
      terminal.press(key);
      assert.equal(await terminal.ended, 0);
      assert.ok(terminal.screen().trimEnd().endsWith("\x1b[?25h\x1b[?1049l"), "and both are given back, last of all");
    },
  });
}

Deno.test("top --once --json over a monitor needs its token, from a file", async () => {
  await using started = await startMonitor({ token: TOKEN });
  const folder = await mkdtemp(join(tmpdir(), "quartz-top-"));
  try {
    const path = join(folder, "token");
    await writeFile(path, `${TOKEN}\n`);
    const refused = await runTask("quartz", ["top", "--url", started.url, "--once", "--json"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /answers 401.*--token-file FILE/s);
    const { code, stdout, stderr } = await runTask("quartz", [
      "top",
      "--url",
      started.url,
      "--token-file",
      path,
      "--once",
      "--json",
    ]);
    assert.equal(code, 0, stderr);
    const { schema, gateway, cameras } = JSON.parse(stdout);
    assert.deepEqual([schema, gateway], ["quartz.top.v1", "gw1"]);
    assert.equal(cameras[0].frames.captured, 7);
    assert.ok(!(stdout + stderr + refused.stderr).includes(TOKEN));
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("top over a broker shows a gateway that is elsewhere", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using demo = startProgram(["demo", "--plain", "--rate", "20", "--broker", broker.url]);
  await demo.line(/^frame \d\d+:/);
  const { code, stdout, stderr } = await runTask("quartz", [
    "top",
    "--broker",
    broker.url,
    "--gateway",
    "demo",
    "--once",
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /quartz-edge demo {2}all well/);
  assert.match(stdout, /digits +online/);
  assert.match(stdout, /captured [\d,]+ = classified .* adds up/);
});

Deno.test("top says what is wrong with how it was called", async () => {
  const wrong: readonly [args: string[], pattern: RegExp][] = [
    [["--url", "http://user:pw@h/"], /--token-file FILE/],
    [["--url", "http://h/", "--broker", "mqtt://h"], /one of --url, --broker and --config/],
    [["--broker", "mqtt://h"], /--gateway ID/],
    [[], /--json for one object a second, or --once/],
  ];
  const answers = await Promise.all(
    wrong.map(([args]) => runTask("quartz", ["top", ...args, ...(args.length > 0 ? ["--once"] : [])])),
  );
  answers.forEach(({ code, stderr }, at) => {
    assert.equal(code, 2, stderr);
    assert.match(stderr, wrong[at][1]);
    assert.ok(!stderr.includes("pw@"));
  });
});
