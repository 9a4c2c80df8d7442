/** Metrics of a real run: a network on a clip, a broker, and Prometheus' own checker. */

import assert from "node:assert/strict";
import { compose } from "../../src/app/compose.ts";
import { parseConfig } from "../../src/config/schema.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { readExposition } from "../support/exposition.ts";
import { ROOT } from "../support/program.ts";
import { promtool, promtoolAvailable } from "../support/promtool.ts";

Deno.test({
  name: "the metrics of a run are what it did, and promtool has nothing to say (needs Debian package prometheus)",
  ignore: !promtoolAvailable,
  async fn() {
    const frames = 40;
    await using broker = await openEmbeddedBroker({ port: 0 });
    const config = parseConfig({
      version: 1,
      gateway: { id: "gw" },
      network: `${ROOT}models/mnist-lenet/network.safetensors`,
      cameras: [{ id: "door", source: { kind: "replay", path: `${ROOT}models/mnist-lenet/clip.safetensors.gz` } }],
      mqtt: { url: broker.url },
    });
    await using composition = await compose(config, {
      configSha256: "0".repeat(64),
      clock: systemClock,
      random: createRandom(1),
      log: () => {},
      frameLimit: frames,
    });
    const before = composition.metricsText();
    await composition.runtime.run(new AbortController().signal);
    const after = composition.metricsText();

    for (const text of [before, after]) assert.deepEqual(promtool(["check", "metrics"], text), { ok: true, text: "" });
    const { samples } = readExposition(after);
    const valueOf = (name: string, label = "", value = "") =>
      samples.find((sample) => sample.name === name && (label === "" || sample.labels[label] === value))?.value;
    assert.equal(valueOf("quartz_frames_captured_total", "camera", "door"), frames);
    assert.equal(valueOf("quartz_frames_classified_total", "camera", "door"), frames);
    assert.equal(valueOf("quartz_frame_latency_seconds_count"), frames);
    assert.equal(valueOf("quartz_stage_duration_seconds_bucket", "le", "+Inf"), frames);
    const sumS = valueOf("quartz_frame_latency_seconds_sum")!;
    assert.ok(sumS > 0 && sumS < 60, `${sumS} s`);
    assert.equal(valueOf("quartz_gateway_info", "gateway", "gw"), 1);
    assert.ok(valueOf("process_resident_memory_bytes")! > 1e6);
    assert.ok(samples.some(({ name }) => name === "quartz_camera_class_info"));
  },
});
