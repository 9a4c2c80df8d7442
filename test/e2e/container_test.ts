/**
 * The Dockerfile without Docker: its files are copied as it says, its packages installed, and its entry point run with its
 * flags. What this cannot show is that the base images have what it expects of them.
 */

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { ROOT } from "../support/program.ts";

/** `INSTRUCTION rest` of each, comments and line ends within taken out. */
const INSTRUCTIONS = readFileSync(`${ROOT}Dockerfile`, "utf8")
  .replaceAll(/^#.*\n/gm, "").replaceAll("\\\n", "").split("\n").filter((line) => line.trim() !== "")
  .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1).trim()] as const);
const all = (name: string) => INSTRUCTIONS.filter(([instruction]) => instruction === name).map(([, rest]) => rest);

Deno.test("the image runs as nobody in particular, with a health check, and not with all permissions", () => {
  const words = JSON.parse(all("ENTRYPOINT")[0]) as string[];
  assert.ok(!words.includes("-A") && !words.includes("--allow-all") && !words.includes("--allow-ffi"));
  for (const kind of ["read", "write", "run"]) {
    assert.ok(!words.includes(`--allow-${kind}`), `--allow-${kind} of everything`);
  }
  assert.match(all("USER").at(-1)!, /^[1-9]\d*:[1-9]\d*$/);
  assert.equal(all("HEALTHCHECK").length, 1);
  const order = INSTRUCTIONS.map(([instruction]) => instruction);
  assert.ok(order.indexOf("USER") < order.indexOf("ENTRYPOINT"));
  const pinned = JSON.parse(readFileSync(`${ROOT}deno.json`, "utf8"));
  assert.ok(pinned.tasks.demo !== undefined);
  assert.match(all("RUN")[0], /deno@2\.9\.5/);
  assert.ok(readFileSync(`${ROOT}.ci/run`, "utf8").includes("deno@2.9.5"), "the version that is tested");
});

Deno.test("what the builder is sent is what the Dockerfile copies", () => {
  const copied = all("COPY").filter((rest) => !rest.startsWith("--from")).flatMap((rest) =>
    rest.split(" ").slice(0, -1)
  );
  const sent = readFileSync(`${ROOT}.dockerignore`, "utf8").split("\n").filter((line) => line.startsWith("!"));
  assert.deepEqual(copied.sort(), sent.map((line) => line.slice(1)).sort());
  for (const path of copied) assert.ok(existsSync(`${ROOT}${path}`), path);
});

Deno.test("the copied files are enough: packages install as locked, the entry point publishes, the health file is renewed", async () => {
  const root = mkdtempSync(join(tmpdir(), "quartz-image-"));
  try {
    const inside = (path: string) => join(root, path);
    for (const folder of ["opt/quartz-edge", "etc/quartz-edge", "var/lib/quartz-edge", "run/quartz-edge", "cache"]) {
      mkdirSync(inside(folder), { recursive: true });
    }
    for (const rest of all("COPY").filter((one) => !one.startsWith("--from"))) {
      const [target, ...sources] = rest.split(" ").reverse();
      for (const source of sources) {
        const to = target === "./" ? source : target;
        cpSync(`${ROOT}${source}`, inside(`opt/quartz-edge/${to}`), {
          recursive: true,
          filter: (path) => !/\/models\/(training|[^/]+\/build)(\/|$)/.test(path) && !path.endsWith(".md"),
        });
      }
    }
    const deno = (args: string[], env: Record<string, string> = {}) =>
      new Deno.Command(Deno.execPath(), {
        args,
        cwd: inside("opt/quartz-edge"),
        env: { NO_COLOR: "1", ...env },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      });
    const installed = await deno(["install", "--quiet", "--frozen"]).output();
    assert.equal(installed.code, 0, new TextDecoder().decode(installed.stderr));

    await using broker = await openEmbeddedBroker({ port: 0 });
    await using listener = await listen(broker.url);
    const models = inside("opt/quartz-edge/models/mnist-lenet");
    writeFileSync(
      inside("etc/quartz-edge/edge.yaml"),
      `version: 1
gateway: { id: box }
network: ${models}/network.safetensors
cameras: [{ id: door, source: { kind: replay, path: ${models}/clip.safetensors.gz, rate_fps: 20, loop: true } }]
mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }
spool: { path: ${inside("var/lib/quartz-edge/spool")} }\n`,
    );
    // The image's own paths, below another root.
    const moved = (word: string) => word.replaceAll(/(^|[=,])\/(?=opt|etc|var|run)/g, `$1${root}/`);
    const [, ...entry] = (JSON.parse(all("ENTRYPOINT")[0]) as string[]).map(moved);
    const command = (JSON.parse(all("CMD").at(-1)!) as string[]).map(moved);
    const child = deno([...entry, ...command], { DENO_DIR: inside("cache") }).spawn();
    const stderr = new Response(child.stderr).text();
    try {
      await listener.until(
        (heard) => heard.filter(({ topic }) => topic === "quartz/box/cam/door/result").length >= 3,
        40_000,
      );
      await eventually(() => existsSync(inside("run/quartz-edge/alive")), "the health file");
      assert.ok(Date.now() - statSync(inside("run/quartz-edge/alive")).mtimeMs < 60_000);
    } finally {
      child.kill("SIGTERM");
    }
    const { code } = await child.status;
    assert.equal(code, 0, await stderr);
    await stderr;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
