import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../../src/core/clock.ts";
import type { FrameCounts, LatencyMessage, PowerMessage, StageLatency } from "../../../src/core/messages.ts";
import { HistoryFile, LOG_BYTES_MAX } from "../../../src/history/history_file.ts";
import { readPeriod } from "../../../src/history/period.ts";
import { HistoryRecorder } from "../../../src/history/recorder.ts";
import type { KeptRow } from "../../../src/history/tables.ts";
import { HistoryWriter } from "../../../src/history/writer.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";

const MIB = 1024 * 1024;
const NONE: StageLatency = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };

Deno.test("the history gives back what a gateway did: frames, percentiles, classes, energy", async () => {
  await inFolder(async (path) => {
    const { clock, recorder, problems } = openRecorder(path);
    const startMs = clock.wallMs();
    recorder.onMessage({
      kind: "info",
      version: "1.2.3",
      model: {
        id: "net",
        sha256: "0".repeat(64),
        tMax: 16,
        convention: "quartz-2023",
        labels: ["cat", "dog"],
        input: { shape: [1, 1, 1], color: "grey" },
      },
      backend: "simulator",
      configSha256: "",
      runtime: { name: "deno", version: "2" },
      cameras: [],
      energyModel: null,
    });
    // Ten minutes: latencies of 1 to 600 ms, a dog in every third frame, 5 W measured and 1 J a frame estimated.
    for (let minute = 0; minute < 10; minute++) {
      for (let frame = 1; frame <= 60; frame++) {
        recorder.onResult("door", 1000 * (60 * minute + frame), frame % 3 === 0 ? "dog" : "cat");
      }
      recorder.onMessage(latencyMessage({ captured: 63, classified: 60, droppedBusy: 2, droppedStale: 1 }));
      recorder.onMessage(powerMessage(60));
      await clock.advance(60_000);
    }
    await recorder[Symbol.asyncDispose]();
    assert.deepEqual(problems, []);

    const period = readPeriod(path, { fromMs: startMs, toMs: clock.wallMs() });
    assert.equal(period.binMs, 60_000);
    assert.equal(period.binCount, 10);
    assert.equal(period.runs[0].network, "net");
    const [door] = period.cameras;
    assert.deepEqual(door.frames, {
      captured: 630,
      classified: 600,
      droppedBusy: 20,
      droppedStale: 10,
      droppedMalformed: 0,
      droppedFailed: 0,
    });
    assert.equal(door.latency.count, 600);
    // The histogram is exact to 1 part in 1,000, whatever it was cut into.
    assert.ok(Math.abs(door.latency.p50Ms - 300) <= 0.3, `${door.latency.p50Ms}`);
    assert.ok(Math.abs(door.latency.p99Ms - 594) <= 0.6, `${door.latency.p99Ms}`);
    assert.ok(Math.abs(door.bins[3]!.latency.maxMs - 240) <= 0.24);
    assert.equal(door.bins[3]!.classifiedPerS, 1);
    assert.deepEqual(door.classes, [{ classId: "cat", count: 400 }, { classId: "dog", count: 200 }]);

    const [meter, model] = period.sources;
    assert.equal(meter.method, "measured");
    assert.ok(meter.isTotal);
    assert.equal(meter.energyJ, 10 * 300);
    assert.ok(Math.abs(meter.bins[0].powerW! - 5) < 1e-9);
    assert.ok(Math.abs(meter.perInferenceJ! - 5) < 1e-9);
    assert.ok(Math.abs(meter.dynamicPerInferenceJ! - 1) < 1e-9);
    assert.equal(model.method, "estimated");
    assert.equal(model.perInferenceJ, 1);
    assert.ok(!model.isTotal);
  });
});

Deno.test("a stale meter leaves its time out, and is never 0 W", async () => {
  await inFolder(async (path) => {
    const { clock, recorder } = openRecorder(path);
    const startMs = clock.wallMs();
    recorder.onMessage(powerMessage(0));
    const { sources, ...rest } = powerMessage(0);
    const stale = { ...sources[0], state: "stale" as const, powerW: null, energyJ: null };
    recorder.onMessage({ ...rest, sources: [stale], total: null, perInference: [] });
    await clock.advance(60_000);
    recorder.onMessage({ ...rest, sources: [stale], total: null, perInference: [] });
    await clock.advance(60_000);
    await recorder[Symbol.asyncDispose]();
    const [meter] = readPeriod(path, { fromMs: startMs, toMs: clock.wallMs() }).sources;
    assert.equal(meter.validMs, 60_000);
    assert.deepEqual(meter.bins.map(({ powerW }) => powerW), [5, null]);
  });
});

Deno.test("only changes of class are kept, and every event", async () => {
  await inFolder(async (path) => {
    const { clock, recorder } = openRecorder(path);
    const startMs = clock.wallMs();
    for (const classId of ["cat", "cat", "dog", "dog", "cat"]) {
      await clock.advance(1000);
      recorder.onMessage({
        kind: "state",
        camera: "door",
        classId,
        index: 0,
        confidence: 0.5,
        top: [],
        model: { id: "net", sha256: "" },
        backend: "simulator",
        frame: { id: 0, capturedAtWallMs: 0, ageMs: 0 },
        sinceWallMs: 0,
      });
      recorder.onMessage({ kind: "event", event: "camera_lost", camera: "door", text: classId });
    }
    await recorder[Symbol.asyncDispose]();
    const period = readPeriod(path, { fromMs: startMs, toMs: clock.wallMs() });
    assert.deepEqual(period.states.map((row) => row.class), ["cat", "dog", "cat"]);
    assert.equal(period.eventCount, 5);
    assert.equal(period.events[4].tsMs - period.events[0].tsMs, 4000);
  });
});

Deno.test("the file stays within its size, the oldest rows leaving first and counted", async () => {
  await inFolder((path) => {
    const bytesMax = 2 * MIB;
    const file = new HistoryFile({ path, daysMax: 1000, bytesMax });
    let evicted = 0;
    const total = 20_000;
    for (let i = 0; i < total; i += 1000) {
      const rows = Array.from({ length: 1000 }, (_, k) => eventRow(i + k, "x".repeat(300)));
      evicted += file.write(rows, total).evicted;
    }
    file.close();
    const { size } = statSync(path);
    assert.ok(size <= bytesMax + LOG_BYTES_MAX, `${size}`);
    const database = new DatabaseSync(path, { readOnly: true });
    const { n, first, last } = database.prepare("SELECT count(*) n, min(ts_ms) first, max(ts_ms) last FROM event")
      .get() as { n: number; first: number; last: number };
    database.close();
    assert.equal(Number(n) + evicted, total);
    assert.equal(last, total - 1);
    assert.equal(first, total - Number(n));
    assert.ok(n > 2000, `${n} rows are left`);
  });
});

Deno.test("rows over their age leave", async () => {
  await inFolder((path) => {
    const file = new HistoryFile({ path, daysMax: 1, bytesMax: 10 * MIB });
    const day = 86_400_000;
    assert.deepEqual(file.write([eventRow(10 * day, "old"), eventRow(11.5 * day, "new")], 12 * day), {
      written: 2,
      evicted: 1,
    });
    file.close();
  });
});

Deno.test("a damaged file is put aside, said, and a new one begins", async () => {
  for (
    const content of [
      new Uint8Array(8192),
      new Uint8Array(8192).map((_, i) => i * 7 & 255),
      "not a database at all",
    ]
  ) {
    await inFolder((path) => {
      writeFileSync(path, content);
      const file = new HistoryFile({ path, daysMax: 1, bytesMax: MIB });
      assert.match(file.damage ?? "", /not a database/);
      file.write([eventRow(1, "kept")], 1);
      file.close();
      assert.deepEqual(readFileSync(`${path}.damaged`), Buffer.from(content as string));
      assert.equal(readPeriod(path, { fromMs: 0, toMs: 10 }).eventCount, 1);
    });
  }
});

Deno.test("an empty file begins a history; one of a newer version is neither read nor written", async () => {
  await inFolder((path) => {
    writeFileSync(path, "");
    new HistoryFile({ path, daysMax: 1, bytesMax: MIB }).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    assert.throws(() => new HistoryFile({ path, daysMax: 1, bytesMax: MIB }), /version 99/);
    assert.throws(() => readPeriod(path, { fromMs: 0, toMs: 1 }), { code: "history.read", message: /version 99/ });
    assert.throws(() => readPeriod(`${path}.none`, { fromMs: 0, toMs: 1 }), {
      code: "history.read",
      message: /no such/,
    });
  });
});

Deno.test("rows that could not be written wait, and go out once they can", async () => {
  await inFolder(async (path) => {
    // A folder in the file's place.
    const inTheWay = new HistoryFile({ path: join(path, "inner"), daysMax: 1, bytesMax: MIB });
    inTheWay.close();
    const problems: (string | null)[] = [];
    const heard = Promise.withResolvers<void>();
    const writer = new HistoryWriter({
      path,
      daysMax: 1,
      bytesMax: MIB,
      clock: systemClock,
      onProblem: (text) => {
        if (problems.at(-1) !== text) problems.push(text);
        heard.resolve();
      },
      onNote: () => {},
    });
    const nowMs = systemClock.wallMs();
    writer.write([eventRow(nowMs, "first")]);
    await heard.promise;
    rmSync(path, { recursive: true });
    writer.write([eventRow(nowMs + 1, "second")]);
    await writer[Symbol.asyncDispose]();
    assert.equal(writer.written, 2);
    assert.equal(writer.dropped, 0);
    assert.match(problems[0] ?? "", /Cannot write the history/);
    assert.equal(problems.at(-1), null);
    assert.deepEqual(
      readPeriod(path, { fromMs: nowMs - 1, toMs: nowMs + 10 }).events.map(({ text }) => text),
      ["first", "second"],
    );
  });
});

// ---------------------------------------------------------------------------------------------------------------------

async function inFolder(work: (path: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quartz-history-"));
  try {
    await work(join(folder, "history.sqlite"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openRecorder(path: string): { clock: FakeClock; recorder: HistoryRecorder; problems: string[] } {
  const clock = createFakeClock();
  const problems: string[] = [];
  const writer = new HistoryWriter({
    path,
    daysMax: 1000,
    bytesMax: 10 * MIB,
    // The thread is real, and so is its time; a busy machine gets more of it.
    clock: {
      ...systemClock,
      wallMs: () => clock.wallMs(),
      sleep: (durationMs, signal) => systemClock.sleep(10 * durationMs, signal),
    },
    onProblem: (text) => text !== null && problems.push(text),
    onNote: (text) => problems.push(text),
  });
  return { clock, problems, recorder: new HistoryRecorder({ writer, clock, gatewayId: "gw7", intervalMs: 60_000 }) };
}

function eventRow(tsMs: number, text: string): KeptRow {
  return { table: "event", row: { tsMs, event: "camera_lost", camera: null, text } };
}

function latencyMessage(frames: Partial<FrameCounts>): LatencyMessage {
  const none = { captured: 0, classified: 0, inFlight: 0 };
  const dropped = { droppedBusy: 0, droppedStale: 0, droppedMalformed: 0, droppedFailed: 0 };
  return {
    kind: "latency",
    camera: "door",
    windowMs: 60_000,
    frames: { ...none, ...dropped, ...frames },
    stages: { preprocess: NONE, encode: NONE, infer: NONE, decide: NONE, endToEnd: NONE },
  };
}

/** A minute at 5 W by a meter, 4 W of it idle, and 1 J a frame by a model. */
function powerMessage(inferences: number): PowerMessage {
  const meter = { id: "vdd_in", kind: "hwmon", scope: "board", method: "measured", state: "ok" } as const;
  const model = { id: "snn", kind: "model", scope: "inference", method: "estimated", state: "ok" } as const;
  const cost = { inferences, idlePowerW: 4, edpJs: 0 };
  return {
    kind: "power",
    windowMs: 60_000,
    sources: [
      { ...meter, powerW: 5, energyJ: 300, energyTotalJ: 1000, samples: 60, gaps: 0 },
      { ...model, powerW: null, energyJ: inferences, energyTotalJ: null, samples: inferences, gaps: 0 },
    ],
    total: { source: "vdd_in", powerW: 5, method: "measured" },
    perInference: inferences === 0 ? [] : [
      { ...cost, source: "vdd_in", scope: "board", method: "measured", energyJ: 5, dynamicEnergyJ: 1 },
      { ...cost, source: "snn", scope: "inference", method: "estimated", energyJ: 1, dynamicEnergyJ: null },
    ],
  };
}
