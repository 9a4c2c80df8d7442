/** `run` as a service manager starts it: a configuration file, a broker that may be away, signals. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventText } from "../../src/monitor/event_text.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { freePort } from "../support/mosquitto.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, runTask, startProgram } from "../support/program.ts";

/** A configuration with one synthetic camera, in a folder of its own that is removed afterwards. */
async function withConfig(port: number, work: (path: string) => Promise<void>, extra = ""): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quartz-run-"));
  try {
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: synthetic, sprites: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 50 }
    crop: { x: 98, y: 58, width: 124, height: 124 }
mqtt: { url: "mqtt://127.0.0.1:${port}" }
telemetry: { latency_every_s: 1, health_every_s: 1 }
log: { format: json }
${extra}`,
    );
    await work(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const parse = (text: string) => JSON.parse(text);

Deno.test("run publishes status, info, results, state, latency and health, and says stopped on SIGTERM within 5 s", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  await withConfig(broker.port, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await listener.until((heard) => {
      const topics = new Set(heard.map(({ topic }) => topic));
      return ["status", "info", "health", "cam/bench/latency", "cam/bench/state", "cam/bench/status"].every((name) =>
        topics.has(`quartz/gw1/${name}`)
      ) &&
        heard.filter(({ topic }) => topic === "quartz/gw1/cam/bench/result").length >= 50;
    }, 20_000);
    const { code, tookMs } = await program.stop("SIGTERM");
    assert.equal(code, 0, program.lines.join("\n"));
    assert.ok(tookMs < 5000, `took ${tookMs} ms`);
    await listener.until((heard) =>
      heard.some(({ topic, text }) => topic === "quartz/gw1/status" && text === "stopped")
    );

    const results = listener.heard.filter(({ topic }) => topic.endsWith("/result")).map(({ text }) => parse(text));
    const right = results.filter((result) => result.class === result.truth).length;
    assert.ok(right / results.length > 0.8, `${right} of ${results.length} moving digits right`);
    // Captured = classified + in flight + dropped holds in every report.
    for (const { topic, text } of listener.heard) {
      if (topic !== "quartz/gw1/health") continue;
      for (const { frames } of parse(text).cameras) {
        const { captured, classified, in_flight, dropped_busy, dropped_stale, dropped_malformed, dropped_failed } =
          frames;
        assert.equal(
          captured,
          classified + in_flight + dropped_busy + dropped_stale + dropped_malformed + dropped_failed,
        );
      }
    }
    const last = parse(listener.heard.findLast(({ topic }) => topic === "quartz/gw1/health")!.text);
    assert.equal(last.cameras[0].frames.in_flight, 0);
    assert.equal(last.cameras[0].frames.classified, results.length);
  });
});

Deno.test("run with a broker that is down at start works, reports it, and delivers what it kept when the broker comes", async () => {
  const port = await freePort();
  await withConfig(port, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await program.line(/"what":"broker"|ECONNREFUSED|refused/);
    await using broker = await openEmbeddedBroker({ port });
    await using listener = await listen(broker.url);
    await listener.until((heard) => heard.filter(({ topic }) => topic.endsWith("/result")).length >= 20, 20_000);
    const first = parse(listener.heard.find(({ topic }) => topic.endsWith("/result"))!.text);
    assert.equal(first.frame.id, 0, "the first frame, captured while the broker was away, was kept");
    const { code } = await program.stop("SIGINT");
    assert.equal(code, 0, program.lines.join("\n"));
  });
});

Deno.test("run with a monitor logs its address, shows frames and spikes, and a taken port stops nothing", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  const port = await freePort();
  await withConfig(broker.port, async (path) => {
    await using program = startProgram(["run", "--config", path]);
    await program.line(new RegExp(`"msg":"monitor","url":"http://127.0.0.1:${port}/"`));
    await using second = startProgram(["run", "--config", path, "--set", "gateway.id=gw2"]);
    assert.match(await second.line(/"what":"monitor"/), /Cannot listen on 127\.0\.0\.1/);
    const kinds = new Map<string, Record<string, unknown>>();
    await eventsUntil(`http://127.0.0.1:${port}/events`, (name, data) => {
      kinds.set(name, parse(data));
      return ["hello", "history", "counts", "frame", "raster", "latency", "state", "health"].every((one) =>
        kinds.has(one)
      );
    });
    assert.equal(kinds.get("hello")!.gateway, "gw1");
    assert.equal(kinds.get("raster")!.equal, true);
    assert.equal(kinds.get("latency")!.schema, "quartz.latency.v1");
    for (const one of [program, second]) assert.equal((await one.stop("SIGTERM")).code, 0, one.lines.join("\n"));
  }, `monitor: { listen: "127.0.0.1:${port}" }`);
});

/** Reads a monitor's events until `isEnough`. */
async function eventsUntil(url: string, isEnough: (name: string, data: string) => boolean): Promise<void> {
  const stop = new AbortController();
  const response = await fetch(url, { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]) });
  let isOver = false;
  const events = new EventText((name, data) => isOver ||= isEnough(name, data));
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    events.push(text);
    if (isOver) break;
  }
  stop.abort();
}

const BAD: { name: string; args: string[]; config?: string; code: number; pattern: RegExp }[] = [
  {
    name: "an unknown key",
    args: ["run"],
    config: "log_level: debug",
    code: 78,
    pattern: /log_level.*line \d+, column \d+/,
  },
  {
    name: "a monitor that others reach, without a token",
    args: ["run"],
    config: 'monitor: { listen: "0.0.0.0:8480" }',
    code: 78,
    pattern: /monitor\.token.*expected a token.*found none/,
  },
  { name: "a missing file", args: ["run", "--config", "nowhere.yaml"], code: 78, pattern: /nowhere\.yaml/ },
  { name: "an unknown verb", args: ["rum"], code: 2, pattern: /did you mean "run"/ },
  { name: "a network that is none", args: ["inspect", "README.md"], code: 1, pattern: /README\.md/ },
];

for (const { name, args, config, code, pattern } of BAD) {
  Deno.test(`the command line explains ${name} and exits with ${code}`, async () => {
    await withConfig(1, async (path) => {
      const finished = await runTask("quartz", config === undefined ? args : [...args, "--config", path]);
      assert.equal(finished.code, code, finished.stderr);
      assert.match(finished.stderr, pattern);
      assert.doesNotMatch(finished.stderr, /\n\s+at /, "no stack trace for a mistake of the user's");
    }, config);
  });
}
