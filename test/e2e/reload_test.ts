/** A gateway whose configuration is edited while it runs, and one that starts with a broken file. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { PAYLOADS } from "../../src/publish/payload_schema.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { type Heard, listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";

const MNIST = `${ROOT}models/mnist-lenet`;
const FASHION = `${ROOT}models/fashion-lenet`;

const camera = (id: string, more = "", model = MNIST) =>
  `  - id: ${id}
    network: ${model}/network.safetensors
    source: { kind: synthetic, sprites: ${model}/clip.safetensors.gz, rate_fps: 20 }
    crop: { x: 98, y: 58, width: 124, height: 124 }${more === "" ? "" : `\n    ${more}`}
`;

const file = (port: number, cameras: readonly string[], more = "") =>
  `version: 1
gateway: { id: gw1 }
mqtt: { url: "mqtt://127.0.0.1:${port}" }
telemetry: { latency_every_s: 1, health_every_s: 1 }
cameras:
${cameras.join("")}${more}`;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-reload-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What was heard, by topic below the gateway. */
function reader(heard: readonly Heard[]) {
  const on = (topic: string) => heard.filter((one) => one.topic === `quartz/gw1/${topic}`).map(({ text }) => text);
  const parsed = (topic: string) => on(topic).map((text) => JSON.parse(text));
  return {
    on,
    parsed,
    results: (id: string) => parsed(`cam/${id}/result`),
    health: () => parsed("health").at(-1),
  };
}

function assertFramesAddUp(health: { cameras: { frames: Record<string, number> }[] }): void {
  for (const { frames } of health.cameras) {
    const { captured, classified, in_flight, dropped_busy, dropped_stale, dropped_malformed, dropped_failed } = frames;
    assert.equal(captured, classified + in_flight + dropped_busy + dropped_stale + dropped_malformed + dropped_failed);
  }
}

Deno.test({
  name: "a reload keeps the cameras that did not change, and takes the others (needs Debian package mosquitto)",
  ignore: !mosquittoAvailable,
  fn: () =>
    inFolder(async (folder) => {
      await using broker = await openMosquitto();
      await using listener = await listen(broker.url);
      const path = join(folder, "edge.yaml");
      const { on, parsed, results, health } = reader(listener.heard);
      const first = file(broker.port, [camera("stays"), camera("switches"), camera("goes")]);
      await writeFile(path, first);
      await using program = startProgram(["run", "--config", path, "--json", "--set", "publish.top_k=2"]);
      await listener.until(() => ["stays", "switches", "goes"].every((id) => results(id).length > 5), 20_000);

      // A bad file changes nothing, and health says what is wrong and where.
      await writeFile(path, first.replace("rate_fps: 20", "rate_fps: quick"));
      program.signal("SIGHUP");
      await listener.until(() => health().problems.length > 0);
      assert.match(health().problems[0].text, /cameras\.0\.source\.rate_fps \(line 8, column \d+\): expected a number/);
      const before = results("stays").length;
      await listener.until(() => results("stays").length > before + 5);

      const second = file(
        broker.port,
        [
          camera("comes"),
          camera("switches", "max_age_ms: 900", FASHION),
          camera("stays", "decision: { threshold: 1 }"),
        ],
        "commands: { allow: [reload], rate_per_min: 600 }\n",
      );
      await writeFile(path, second);
      program.signal("SIGHUP");
      await listener.until(() => parsed("event").some(({ event }) => event === "config_reloaded"));
      await listener.until(() => results("comes").length > 5 && on("cam/goes/status").at(-1) === "offline");
      await listener.until(() => results("switches").at(-1).model.id.includes("fashion"));
      await listener.until(() => parsed("cam/stays/state").at(-1).class === "unknown");
      await listener.until(() => health().status === "ok" && health().cameras.length === 3);
      assert.deepEqual(health().cameras.map((one: { camera: string }) => one.camera), ["comes", "switches", "stays"]);
      const [info] = parsed("info").slice(-1);
      assert.deepEqual(info.cameras.map((one: { camera: string }) => one.camera), ["comes", "switches", "stays"]);
      assert.equal(results("comes").at(-1).top.length, 2, "--set holds over a reload");
      const event = PAYLOADS.event.parse(parsed("event").find(({ event }) => event === "config_reloaded"));
      assert.equal(event.facts?.config_sha256, info.config_sha256);
      assert.match(event.text, /added: comes; removed: goes; opened anew: switches/);

      // By command, which the file allows by now; what needs a restart is refused, by name.
      const sender = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
      const ask = async (id: string) => {
        await sender.publishAsync("quartz/gw1/cmd/reload", JSON.stringify({ id, ts: new Date().toISOString() }));
        await listener.until(() => parsed("rsp/reload").some((answer) => answer.id === id));
        return parsed("rsp/reload").find((answer) => answer.id === id);
      };
      await writeFile(path, second.replace("mqtt: {", "mqtt: { outbox_max: 500,"));
      const refused = await ask("r1");
      assert.equal(refused.error.code, "config.restart");
      assert.match(refused.error.message, /only a restart changes mqtt\.outbox_max: nothing was changed/);
      await writeFile(path, second.replace("version: 1", "version: 1\nlogg: {}"));
      assert.match((await ask("r2")).error.issues[0], /logg \(line 2, column 1\).*did you mean "log"/);
      await writeFile(path, second.replace("threshold: 1", "threshold: 0"));
      const { data } = await ask("r3");
      assert.deepEqual(data.changed, ["cameras.stays.decision.threshold"]);
      assert.deepEqual(data.cameras, { added: [], removed: [], reopened: [] });
      await listener.until(() => parsed("cam/stays/state").at(-1).class !== "unknown");
      await sender.endAsync();

      assert.equal((await program.stop("SIGTERM")).code, 0, program.lines.join("\n"));
      await listener.until(() => on("status").at(-1) === "stopped");
      for (const one of parsed("health")) assertFramesAddUp(one);
      // The camera that stayed was never opened anew, and no frame of it is missing: each id has one fate.
      const ids = results("stays").map(({ frame }) => frame.id);
      assert.ok(ids.every((id, i) => i === 0 || id > ids[i - 1]), "ids go on");
      const { frames } = health().cameras.find((one: { camera: string }) => one.camera === "stays");
      assert.deepEqual([frames.classified, frames.dropped_failed, frames.in_flight], [ids.length, 0, 0]);
      assert.equal(frames.captured, ids.at(-1) + 1);
      assert.equal(on("cam/stays/status").filter((text) => text === "online").length, 1);
    }),
});

Deno.test("a gateway with a broken file runs on the last good copy, unless it is strict, and takes the mended file", () =>
  inFolder(async (folder) => {
    await using broker = await openEmbeddedBroker({ port: 0 });
    const path = join(folder, "edge.yaml");
    const copy = join(folder, "state/last_good_config");
    const good = file(broker.port, [camera("door")], "mqtt_password_is: none\n").replace(
      "mqtt_password_is: none\n",
      "",
    );
    const run = (...args: string[]) =>
      startProgram(["run", "--config", path, ...args], { STATE_DIRECTORY: join(folder, "state") });
    await writeFile(path, good);
    {
      await using listener = await listen(broker.url);
      await using program = run();
      await listener.until(() => reader(listener.heard).results("door").length > 0, 20_000);
      await program.stop("SIGTERM");
      assert.ok((await readFile(copy, "utf8")).endsWith(`}\n${good}`));
    }
    await writeFile(path, good.replace("id: gw1", "id: GW 1"));
    {
      await using listener = await listen(broker.url);
      const { health, results } = reader(listener.heard);
      await using program = run();
      await listener.until(() => results("door").length > 0 && health()?.status === "degraded", 20_000);
      assert.match(health().problems[0].text, /^Runs on the copy of .*gateway\.id \(line 2, column 16\): expected/);
      await writeFile(path, good);
      program.signal("SIGHUP");
      await listener.until(() => health().status === "ok");
      await program.stop("SIGTERM");
    }
    await writeFile(path, "\0".repeat(100));
    const strict = run("--strict");
    assert.equal(await strict.ended, 78, strict.lines.join("\n"));
    await strict[Symbol.asyncDispose]();
    await writeFile(copy, "\0".repeat(4096));
    const damaged = run();
    assert.equal(await damaged.ended, 78);
    await damaged[Symbol.asyncDispose]();
    assert.match(damaged.lines.join("\n"), /must be whole: found a file with NUL bytes/);
    assert.match(damaged.lines.join("\n"), /found a NUL byte at offset 0/);
  }));
