/** A gateway that Home Assistant finds: the whole program, a real broker, and a switch that is turned. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { brokenRules } from "../support/home_assistant_rules.ts";
import { jinjaAvailable, renderTemplates } from "../support/jinja.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, runTask, startProgram } from "../support/program.ts";

const TOPIC = "homeassistant/device/quartz_gw1/config";

Deno.test({
  name: "a gateway is announced, takes a switch, and is removed (needs Debian packages mosquitto, python3-jinja2)",
  ignore: !mosquittoAvailable || !jinjaAvailable,
  async fn() {
    await using broker = await openMosquitto();
    const folder = await mkdtemp(join(tmpdir(), "quartz-ha-"));
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: synthetic, sprites: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 20 }
mqtt: { url: "${broker.url}" }
home_assistant: { name: Bench }
commands: { allow: [pause, resume, set_threshold, restart] }
telemetry: { latency_every_s: 1 }
`,
    );
    try {
      await using listener = await listen(broker.url);
      const newest = (topic: string) => listener.heard.findLast((one) => one.topic === topic)?.text;
      {
        await using program = startProgram(["run", "--config", path, "--json"]);
        await listener.until(
          () => newest(TOPIC) !== undefined && newest("quartz/gw1/cam/bench/latency") !== undefined,
          30_000,
        );
        const message = JSON.parse(newest(TOPIC)!);
        assert.deepEqual(brokenRules(TOPIC, message), []);
        const printed = await runTask("quartz", ["discovery", "print", "--config", path, "--json"]);
        const { topic, payload } = JSON.parse(printed.stdout);
        assert.equal(topic, TOPIC);
        for (const key of Object.keys(payload.cmps)) assert.deepEqual(payload.cmps[key], message.cmps[key], key);

        const { command_topic, command_template, state_topic, value_template } = message.cmps.cam_bench_paused;
        const [command] = renderTemplates([{ template: command_template, variables: { value: "ON" } }]);
        const assistant = await mqtt.connectAsync(broker.url);
        await assistant.publishAsync(command_topic, command, { qos: 1 });
        await listener.until(() => newest(state_topic) === "paused");
        assert.deepEqual(renderTemplates([{ template: value_template, variables: { value: "paused" } }]), ["ON"]);
        await assistant.endAsync();
        await program.stop("SIGTERM");
      }
      const cleared = await runTask("quartz", ["discovery", "clear", "--config", path]);
      assert.equal(cleared.code, 0, cleared.stderr);
      await listener.until(() => newest(TOPIC) === "");
      await using late = await listen(broker.url);
      await late.until((heard) => heard.some(({ topic }) => topic === "quartz/gw1/status"));
      assert.ok(!late.heard.some(({ topic }) => topic === TOPIC));
      await broker.kill();
      const failed = await runTask("quartz", ["discovery", "clear", "--config", path, "--json"]);
      assert.equal(failed.code, 1);
      assert.equal(JSON.parse(failed.stderr.trim().split("\n").at(-1)!).error.code, "publish.forget");
    } finally {
      await rm(folder, { recursive: true });
    }
  },
});
