/** A clock that starts in 1970 and is stepped about under a running gateway: dates follow, durations and cameras do not care. */

import assert from "node:assert/strict";
import { compose } from "../../src/app/compose.ts";
import { loadConfig } from "../../src/config/load.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { PAYLOADS } from "../../src/publish/payload_schema.ts";
import { temporaryFolder } from "../support/clips.ts";
import { ffmpegAvailable, makeVideo } from "../support/ffmpeg.ts";
import { accountedFrames, makeGateway, sceneCamera } from "../support/gateway.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";

const HOUR_MS = 3_600_000;
const DATE_MS = Date.UTC(2026, 5, 1, 12);

Deno.test({
  name: "a date of 1970 that is set, and steps of an hour and a day both ways, are seen in dates only (needs ffmpeg)",
  ignore: !ffmpegAvailable,
  async fn() {
    await using folder = await temporaryFolder();
    const broker = await openEmbeddedBroker({ port: 0 });
    const { port } = broker;
    await broker[Symbol.asyncDispose](); // away at first: what is from 1970 waits in the spool
    const video = makeVideo(folder.path, { frames: 50, rateFps: 25 });
    using gateway = makeGateway({
      cameras: [sceneCamera("scene", 25), { id: "street", source: { kind: "file", path: video, loop: true } }],
      mqtt: { url: `mqtt://127.0.0.1:${port}` },
      spool: { path: "spool", sync_every_ms: 50, age_max_s: 600, backlog_per_s: 2000 },
      commands: { allow: ["ping"] },
    });
    const startUs = systemClock.nowUs();
    let setMs = 1000; // what a clock without a battery starts with
    const clock: Clock = { ...systemClock, wallMs: () => setMs + (systemClock.nowUs() - startUs) / 1000 };
    const problems: string[] = [];
    const { config, configSha256 } = await loadConfig(gateway.path);
    const composition = await compose(config, {
      configSha256,
      clock,
      random: createRandom(1),
      log: () => {},
      observers: [{ onProblem: ({ what, text }) => void problems.push(`${what}: ${text}`) }],
    });
    const { runtime, publisher } = composition;
    const stop = new AbortController();
    const running = runtime.run(stop.signal);
    const classified = () => runtime.cameras.map(({ counts }) => counts.classified);
    const moreFrames = async (count: number) => {
      const before = classified();
      await eventually(() => classified().every((now, i) => now >= before[i] + count), "frames go on");
    };
    await moreFrames(10);
    await using back = await openEmbeddedBroker({ port });
    await using listener = await listen(back.url);
    await eventually(() => publisher.state === "online", "online");
    const steps = [DATE_MS, DATE_MS + HOUR_MS, DATE_MS - HOUR_MS, DATE_MS + 24 * HOUR_MS, DATE_MS];
    for (const to of steps) {
      setMs = to;
      await moreFrames(8);
    }
    await eventually(() => publisher.counts.queued <= 4, "delivered");
    stop.abort();
    await running;
    await composition[Symbol.asyncDispose]();
    await listener.until((heard) => heard.some(({ text }) => text === "stopped"));

    assert.deepEqual(problems.filter((text) => !text.startsWith("broker")), [], "no camera was lost, nothing failed");
    const results = listener.heard.filter(({ topic }) => topic.endsWith("/result"))
      .map(({ text }) => PAYLOADS.result.parse(JSON.parse(text)));
    assert.equal(new Set(results.map(({ seq }) => seq)).size, classified().reduce((sum, count) => sum + count));
    const energies = new Map<string, Set<number>>();
    for (const { camera, latency_ms, frame, synced, ts, energy } of results) {
      assert.ok(
        latency_ms >= 0 && latency_ms < 5000 && frame.age_ms >= 0,
        `latency ${latency_ms}, age ${frame.age_ms}`,
      );
      assert.equal(synced, Date.parse(ts) > Date.UTC(2026, 0, 1), `${ts} is ${synced ? "" : "not "}synced`);
      energies.set(camera, (energies.get(camera) ?? new Set()).add(energy!.per_inference_uj));
    }
    assert.ok([...energies.values()].every((values) => values.size === 1), "an energy jumped");
    const unsynced = results.filter(({ synced }) => !synced);
    assert.ok(unsynced.length >= 20 && unsynced.some(({ historical }) => historical), "those of 1970 came, too");
    const bySeq = results.toSorted((a, b) => a.seq - b.seq);
    assert.ok(bySeq.some(({ ts }, i) => i > 0 && Date.parse(ts) < Date.parse(bySeq[i - 1].ts) - HOUR_MS / 2));
    for (const { topic, text } of listener.heard) {
      if (topic.endsWith("/latency")) {
        const { stages, window_s } = PAYLOADS.latency.parse(JSON.parse(text));
        assert.ok(window_s > 0 && window_s < 60 && stages.end_to_end.max < 5000, text);
      }
      if (!topic.endsWith("/health")) continue;
      const health = PAYLOADS.health.parse(JSON.parse(text));
      assert.ok(health.uptime_s < 60, `uptime ${health.uptime_s}`);
      for (const { frames } of health.cameras) assert.equal(accountedFrames(frames), frames.captured);
    }
    assert.ok(!listener.heard.some(({ text }) => text.includes("camera_lost")));
    console.log(`${steps.length} steps of the date: ${results.length} results, ${unsynced.length} of them from 1970`);
  },
});
