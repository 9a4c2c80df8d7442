/** Power of a whole gateway: sensors in a fake tree, a broker, and a board's rails over its link. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { PAYLOADS } from "../../src/publish/payload_schema.ts";
import { INA219, JETSON, makeSysfs, packageZone } from "../support/fake_sysfs.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";
import { startTwin } from "../support/twin.ts";

async function withConfig(text: string, work: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-power-"));
  try {
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras: [{ id: a, source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 40, loop: true } }]
telemetry: { latency_every_s: 1, health_every_s: 1 }
log: { format: json }
${text}`,
    );
    await work(path, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const powers = (heard: readonly { topic: string; text: string }[]) =>
  heard.filter(({ topic }) => topic === "quartz/gw1/power").map(({ text }) => PAYLOADS.power.parse(JSON.parse(text)));

Deno.test("run finds the sensors, publishes each by itself, energy an inference and its total, and keeps the energies", async () => {
  using tree = makeSysfs();
  tree.addHwmon(0, "platform/1-0040", JETSON);
  tree.addHwmon(1, "platform/1-0041", INA219);
  tree.addZone("intel-rapl:0", packageZone(1_000_000));
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const text = `mqtt: { url: "${broker.url}" }
power: { every_ms: 100, window_s: 1, sysfs: ${tree.root}, idle_at_start_s: 3, state_file: energy }`;
  await withConfig(text, async (path, folder) => {
    await using program = startProgram(["run", "--config", path]);
    const isWhole = ({ per_inference }: ReturnType<typeof powers>[number]) =>
      per_inference.some(({ source }) => source === "vdd_in");
    await listener.until((heard) => powers(heard).filter(isWhole).length >= 3, 40_000);
    assert.equal((await program.stop("SIGTERM")).code, 0, program.lines.join("\n"));

    const info = PAYLOADS.info.parse(JSON.parse(listener.heard.find(({ topic }) => topic.endsWith("/info"))!.text));
    assert.deepEqual(info.power?.meters.map(({ id, kind, scope, method }) => [id, kind, scope, method]), [
      ["vdd_in", "ina3221", "board", "measured"],
      ["vdd_cpu_gpu_cv", "ina3221", "rail", "measured"],
      ["ina219_1_0041", "ina219", "rail", "measured"],
      ["package_0", "powercap", "rail", "measured"],
      ["snn_model", "model", "inference", "estimated"],
    ]);
    const window = powers(listener.heard).findLast(isWhole)!;
    assert.deepEqual(window.total, { source: "vdd_in", power_w: 6, method: "measured" });
    const byId = Object.fromEntries(window.sources.map((source) => [source.id, source]));
    assert.deepEqual([byId.vdd_in.state, byId.vdd_in.power_w, byId.package_0.state], ["ok", 6, "stale"]);
    const board = window.per_inference.find(({ source }) => source === "vdd_in")!;
    // 6 W shared by the inferences of this window; the clip runs at 40 a second.
    assert.ok(Math.abs(board.energy_j * board.inferences - 6 * window.window_s) < 0.01, JSON.stringify(board));
    assert.equal(board.idle_power_w, 6);
    assert.ok(Math.abs(board.dynamic_energy_j!) < 1e-9 && board.edp_js > 0);
    const model = window.per_inference.find(({ source }) => source === "snn_model")!;
    assert.deepEqual([model.method, model.idle_power_w], ["estimated", null]);
    assert.ok(Math.abs(model.energy_j - 95.32e-6) < 0.1e-6, `${model.energy_j} J as every result says`);
    assert.ok(Number(JSON.parse((await readFile(join(folder, "energy"), "utf8")).split("\n")[0]).totalsJ.vdd_in) > 18);

    const latency = listener.heard.findLast(({ topic }) => topic === "quartz/gw1/cam/a/latency")!;
    const { stages, snn } = PAYLOADS.latency.parse(JSON.parse(latency.text));
    assert.ok(stages.publish!.n > 0 && stages.publish!.p50 > 0 && stages.wait!.n === stages.end_to_end.n);
    assert.ok(snn!.early_spike_share! >= 0 && snn!.synops_per_inference! > 1000);
    assert.ok(snn!.decision_step_p99! >= snn!.decision_step_p50);
  });
});

Deno.test("run on a board publishes its rails, each by itself and never as the gateway's total", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  await using twin = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const text = `mqtt: { url: "${broker.url}" }
backend: { kind: loihi, link: "${twin.address}", board: twin, fallback: none }
power: { every_ms: 200, window_s: 1, sysfs: null }`;
  await withConfig(text, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await listener.until(
      (heard) =>
        powers(heard).some(({ per_inference }) => per_inference.some(({ source }) => source === "loihi_cores")),
      40_000,
    );
    const infos = listener.heard.filter(({ topic }) => topic.endsWith("/info")).map(({ text }) => JSON.parse(text));
    assert.ok(infos.at(-1).power.meters.some(({ id }: { id: string }) => id === "loihi_cores"), "info is sent again");
    const window = powers(listener.heard).findLast(({ per_inference }) => per_inference.length > 1)!;
    assert.equal(window.total, null);
    const rails = window.sources.filter(({ kind }) => kind === "board_rail");
    assert.ok(rails.length >= 2);
    for (const { scope, method, state, power_w } of rails) {
      assert.deepEqual([scope, method, state], ["accelerator", "estimated", "ok"]);
      assert.ok(power_w! > 0);
    }
    assert.equal((await program.stop("SIGTERM")).code, 0, program.lines.join("\n"));
  });
});
