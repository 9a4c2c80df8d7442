/** A gateway under remote control. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";

/** A gateway's configuration in a folder of its own; `spool` is beside it. */
async function writeConfig(port: number, rateFps: number): Promise<{ readonly folder: string; readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-commands-"));
  const path = join(folder, "edge.yaml");
  await writeFile(
    path,
    `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: synthetic, sprites: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: ${rateFps} }
    crop: { x: 98, y: 58, width: 124, height: 124 }
mqtt: { url: "mqtt://127.0.0.1:${port}" }
spool: { path: spool, sync_every_ms: 50, backlog_per_s: 5000 }
commands:
  allow: [ping, pause, resume, snapshot, set_threshold, switch_network, reload, restart]
  rate_per_min: 600
  networks: [{ name: twin, path: ${ROOT}models/mnist-lenet/network.safetensors }]
log: { format: json }
`,
  );
  return { folder, path };
}

Deno.test("a gateway is paused, resumed, looked at, tuned, given another network and restarted over MQTT", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  const { folder, path } = await writeConfig(broker.port, 50);
  await using listener = await listen(broker.url);
  const sender = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  await using program = startProgram(["run", "--config", path]);
  const heard = (topic: string) => listener.heard.filter((one) => one.topic === `quartz/gw1/${topic}`);
  const results = () => heard("cam/bench/result").map(({ text }) => JSON.parse(text));
  let ids = 0;
  const ask = async (verb: string, args: unknown = {}) => {
    const id = `e2e-${ids++}`;
    await sender.publishAsync(`quartz/gw1/cmd/${verb}`, JSON.stringify({ id, ts: new Date().toISOString(), args }));
    let answer: { status: string; error?: { code: string }; data: Record<string, unknown> } | undefined;
    await listener.until(() => {
      answer = heard(`rsp/${verb}`).map(({ text }) => JSON.parse(text)).find((one) => one.id === id);
      return answer !== undefined;
    }, 20_000);
    return answer!;
  };
  await listener.until(() => results().length >= 10, 20_000);
  // A gateway refuses a restart that was asked for before it started; a clock has whole milliseconds.
  assert.equal((await ask("ping")).status, "ok");

  assert.equal((await ask("pause")).status, "ok");
  await listener.until(() => heard("cam/bench/status").at(-1)?.text === "paused");
  const before = results().length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(results().length, before, "nothing is classified while paused");
  assert.equal((await ask("snapshot", { camera: "bench" })).error?.code, "no_frame");
  assert.equal((await ask("resume")).status, "ok");
  await listener.until(() => results().length > before + 5);
  assert.equal(heard("cam/bench/status").at(-1)?.text, "online");

  const shot = await ask("snapshot", { camera: "bench" });
  assert.deepEqual([shot.data.width, shot.data.height, shot.data.content_type], [28, 28, "image/png"]);
  await ask("set_threshold", { threshold: 1 });
  await listener.until(() => JSON.parse(heard("cam/bench/state").at(-1)?.text ?? "{}").class === "unknown");
  await listener.until(() => JSON.parse(heard("health").at(-1)?.text ?? "{}").cameras?.[0].threshold === 1);
  await ask("set_threshold", { threshold: 0 });

  const switched = await ask("switch_network", { camera: "bench", network: "twin" });
  assert.equal(switched.status, "ok", JSON.stringify(switched));
  const known = results().length;
  await listener.until(() => results().length > known + 10 && heard("event").length > 0);
  assert.deepEqual(results().at(-1).model, switched.data.model);
  assert.deepEqual(heard("info").length, 2, "what the gateway runs was said again");
  assert.equal(JSON.parse(heard("event").at(-1)!.text).event, "network_switched");
  assert.equal((await ask("switch_network", { camera: "bench", network: "secret" })).error?.code, "network");
  assert.deepEqual((await ask("reload")).data.changed, []);
  assert.deepEqual(
    results().at(-1).model,
    switched.data.model,
    "what a command did stays while the file says the same",
  );

  assert.equal((await ask("restart")).status, "ok");
  await listener.until(() => heard("status").at(-1)?.text === "stopped");
  assert.equal(await program.ended, 75);
  for (const { frames } of JSON.parse(heard("health").at(-1)!.text).cameras) {
    const { captured, classified, in_flight, dropped_busy, dropped_stale, dropped_malformed, dropped_failed } = frames;
    assert.equal(captured, classified + in_flight + dropped_busy + dropped_stale + dropped_malformed + dropped_failed);
  }
  await sender.endAsync();
  await rm(folder, { recursive: true });
});
