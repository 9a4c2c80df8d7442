/** The files under firmware-config/monitoring against the program: names, fields, and a real Prometheus that asks every question. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import type { Message } from "../../src/core/messages.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { encodeMessage } from "../../src/publish/payload.ts";
import { type TopicKey, topicMatches, topicOf } from "../../src/publish/topics.ts";
import { METRICS } from "../../src/telemetry/metrics.ts";
import { JETSON, makeSysfs } from "../support/fake_sysfs.ts";
import { ROOT, startProgram } from "../support/program.ts";
import { promtool, promtoolAvailable } from "../support/promtool.ts";
import { sampleHealth, sampleLatency, samplePower, sampleState } from "../support/sample_messages.ts";

const FOLDER = `${ROOT}firmware-config/monitoring/`;
const PROMETHEUS = "/usr/bin/prometheus";

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}
interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

const dashboard = JSON.parse(readFileSync(`${FOLDER}grafana-dashboard.json`, "utf8")) as Dashboard;
const rulesText = readFileSync(`${FOLDER}quartz-rules.yml`, "utf8");
const rules = (parseYaml(rulesText) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** A query as Grafana sends it when everything is chosen. */
const filled = (expr: string) => expr.replaceAll("$__rate_interval", "5s").replaceAll(/\$(instance|camera)/g, ".*");

/** Metric names in an expression, without what a histogram adds to them. */
function metricsOf(expr: string): string[] {
  const names = expr.match(/\b(?:quartz|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => {
    const family = name.replace(/_(bucket|sum|count)$/, "");
    return family in METRICS && METRICS[family as keyof typeof METRICS].type === "histogram" ? family : name;
  });
}

Deno.test("dashboard and rules name only metrics that there are, and the dashboard shows most of them", () => {
  const recorded = new Set(rules.map(({ record }) => record));
  const shown = [
    ...queries.map(({ expr }) => expr),
    ...dashboard.templating.list.map(({ definition }) => definition ?? ""),
    ...rules.map(({ expr }) => expr),
  ].map((expr) =>
    [...recorded].reduce<string>((text, name) => name === undefined ? text : text.replaceAll(name, ""), expr)
  );
  const names = new Set(shown.flatMap(metricsOf));
  assert.deepEqual([...names].filter((name) => !(name in METRICS)), []);
  assert.ok(queries.length > 25, `${queries.length} queries`);
  assert.ok(names.size > Object.keys(METRICS).length / 2, `${names.size} of ${Object.keys(METRICS).length}`);
});

Deno.test({
  name: "promtool takes the rules and every query of the dashboard (needs Debian package prometheus)",
  ignore: !promtoolAvailable,
  async fn() {
    const folder = await mkdtemp(join(tmpdir(), "quartz-rules-"));
    try {
      assert.ok(promtool(["check", "rules", `${FOLDER}quartz-rules.yml`]).ok);
      const path = join(folder, "queries.yml");
      const write = async (exprs: string[]) => {
        const rules = exprs.map((expr, index) => ({ record: `query:${index}`, expr: filled(expr) }));
        await writeFile(path, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
      };
      await write(queries.map(({ expr }) => expr));
      const { ok, text } = promtool(["check", "rules", path]);
      assert.ok(ok, text);
      await write(["sum by (quartz_problems"]);
      assert.ok(!promtool(["check", "rules", path]).ok, "a wrong query is found");
    } finally {
      await rm(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "a real Prometheus scrapes a running gateway and answers every query (needs Debian package prometheus)",
  ignore: !existsSync(PROMETHEUS),
  async fn() {
    await using broker = await openEmbeddedBroker({ port: 0 });
    using sysfs = makeSysfs();
    sysfs.addHwmon(0, "1-0040", JETSON);
    const folder = await mkdtemp(join(tmpdir(), "quartz-prometheus-"));
    const [page, api] = [await freePort(), await freePort()];
    const path = join(folder, "edge.yaml");
    await writeFile(
      path,
      `version: 1
gateway: { id: gw1 }
network: ${ROOT}models/mnist-lenet/network.safetensors
cameras:
  - id: bench
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 40, loop: true }
    shadow: { model: ${ROOT}models/mnist-lenet/model.onnx, every: 5 }
mqtt: { url: "${broker.url}" }
monitor: { listen: "127.0.0.1:${page}" }
power: { sysfs: ${sysfs.root}, every_ms: 200, window_s: 1, idle_at_start_s: 1 }
telemetry: { latency_every_s: 1 }
`,
    );
    // The file as it is, but for what a test must change.
    const config = parseYaml(readFileSync(`${FOLDER}prometheus.yml`, "utf8"));
    config.global = { scrape_interval: "1s", evaluation_interval: "1s" };
    config.rule_files = [`${FOLDER}quartz-rules.yml`];
    delete config.scrape_configs[0].authorization;
    config.scrape_configs[0].static_configs[0].targets = [`127.0.0.1:${page}`];
    await writeFile(join(folder, "prometheus.yml"), JSON.stringify(config));

    const ask = async (query: string) => {
      const response = await fetch(`http://127.0.0.1:${api}/api/v1/query`, {
        method: "POST",
        body: new URLSearchParams({ query }),
      });
      const { status, error, data } = await response.json();
      assert.equal(status, "success", `${query}: ${error}`);
      return data.result as { metric: Record<string, string>; value: [number, string] }[];
    };
    await using program = startProgram(["run", "--config", path, "--json"]);
    const server = spawn(PROMETHEUS, [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${api}`,
    ], { stdio: "ignore" });
    const ended = new Promise((resolve) => server.once("exit", resolve));
    try {
      const empty = async () => {
        const missing: string[] = [];
        for (const { title, expr } of queries) {
          const result = await ask(filled(expr));
          if (result.length === 0 && !/^Messages lost/.test(title)) missing.push(`${title}: ${expr}`);
        }
        return missing;
      };
      let missing = ["not asked yet"];
      for (const start = performance.now(); missing.length > 0 && performance.now() - start < 45_000;) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        missing = await empty().catch((error) => [String(error)]);
      }
      assert.deepEqual(missing, [], program.lines.slice(-3).join("\n"));
      const [{ value }] = await ask(
        "histogram_quantile(0.5, sum by (le) (rate(quartz_frame_latency_seconds_bucket[5s])))",
      );
      assert.ok(Number(value[1]) > 0 && Number(value[1]) < 1, `median ${value[1]} s`);
      const [{ value: rate }] = await ask("sum(rate(quartz_frames_classified_total[5s]))");
      assert.ok(Number(rate[1]) > 10 && Number(rate[1]) < 60, `${rate[1]} frames a second`);
      const alerts = await ask("ALERTS");
      assert.deepEqual(alerts.filter(({ metric }) => metric.alertname === "QuartzGatewayDown"), []);
    } finally {
      if (server.pid !== undefined) process.kill(server.pid, "SIGTERM");
      await ended;
      await program.stop("SIGTERM");
      await rm(folder, { recursive: true });
    }
  },
});

Deno.test("Telegraf's file is TOML whose topics we publish and whose paths lie in our payloads", () => {
  interface Input {
    topics: string[];
    qos: number;
    data_format: string;
    topic_parsing: { topic: string; measurement: string; tags: string }[];
    json_v2: {
      timestamp_path: string;
      tag?: { path: string }[];
      field?: { path: string; type: string }[];
      object?: { path: string; tags: string[]; included_keys: string[] }[];
    }[];
  }
  const { inputs } = parseToml(readFileSync(`${FOLDER}telegraf.conf`, "utf8")) as unknown as {
    inputs: { mqtt_consumer: Input[] };
  };
  const root = { baseTopic: "quartz", gatewayId: "gw" };
  const envelope = { tsWallMs: 0, seq: 1, boot: "b", synced: true, mqttProtocol: "5" } as const;
  const messages: Message[] = [sampleLatency(), sampleState(), samplePower(), sampleHealth()];
  assert.equal(inputs.mqtt_consumer.length, messages.length);
  inputs.mqtt_consumer.forEach((input, index) => {
    const { topicKey, camera, payload, qos } = encodeMessage(messages[index], envelope);
    const topic = topicOf(topicKey as TopicKey, root, camera);
    assert.ok(input.topics.every((filter) => topicMatches(filter, topic)), `${input.topics} and ${topic}`);
    assert.equal(input.qos, qos, topic);
    const [{ measurement, tags, topic: parsed }] = input.topic_parsing;
    const levels = topic.split("/").length;
    for (const pattern of [measurement, tags, parsed]) assert.equal(pattern.split("/").length, levels, pattern);
    const value = JSON.parse(payload);
    const [json] = input.json_v2;
    for (const { path } of [{ path: json.timestamp_path }, ...json.tag ?? [], ...json.field ?? []]) {
      assert.notEqual(lookUp(value, path), undefined, `${topic}: ${path}`);
    }
    for (const { path, type } of json.field ?? []) {
      const found = lookUp(value, path);
      assert.equal(typeof found, type === "string" ? "string" : "number", `${topic}: ${path}`);
      if (type === "int") assert.ok(Number.isInteger(found), path);
    }
    for (const { path, tags, included_keys } of json.object ?? []) {
      const [first] = lookUp(value, path) as Record<string, unknown>[];
      for (const key of [...tags, ...included_keys]) assert.ok(key in first, `${topic}: ${path}.${key}`);
    }
  });
});

// ---

/** A path of Telegraf's parser: names between full stops, `#` for the length of a list. */
function lookUp(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((inner, key) => {
    if (key === "#") return (inner as unknown[]).length;
    return (inner as Record<string, unknown> | undefined)?.[key];
  }, value);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
