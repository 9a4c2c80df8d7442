/** Percentiles against a sorted list, and the edges. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { keepLatency, latencyFromKept } from "../../../src/telemetry/kept_latency.ts";
import { LATENCY_US_MAX, LatencyHistogram } from "../../../src/telemetry/latency_histogram.ts";
import { StageLatencies } from "../../../src/telemetry/stage_latency.ts";

Deno.test("percentiles lie within 1 part in 1,000 of those of the sorted times", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 300 }), (times) => {
      const latencies = new StageLatencies();
      for (const time of times) latencies.record("infer", time);
      const sorted = times.toSorted((a, b) => a - b);
      const read = latencies.read("infer");
      for (
        const [share, found] of [[0.5, read.p50Ms], [0.9, read.p90Ms], [0.99, read.p99Ms], [1, read.maxMs]] as const
      ) {
        const expectedUs = sorted[Math.max(0, Math.ceil(share * times.length) - 1)];
        assert.ok(
          Math.abs(found * 1000 - expectedUs) <= expectedUs / 1000 + 1,
          `${share}: ${found * 1000} for ${expectedUs}`,
        );
      }
      assert.ok(
        read.p50Ms <= read.p90Ms && read.p99Ms <= read.p999Ms && read.p999Ms <= read.maxMs,
        "none above the max",
      );
      assert.equal(read.count, times.length);
    }),
  );
});

Deno.test("an empty window is all zeros, and reset makes one", () => {
  const latencies = new StageLatencies();
  const empty = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
  assert.deepEqual(latencies.read("encode"), empty);
  latencies.record("encode", 5);
  latencies.reset();
  assert.deepEqual(latencies.read("encode"), empty);
});

Deno.test("times outside the range are recorded at its edge", () => {
  const latencies = new StageLatencies();
  latencies.record("infer", -5);
  latencies.record("infer", LATENCY_US_MAX * 10);
  const { count, maxMs, p50Ms } = latencies.read("infer");
  assert.equal(count, 2);
  assert.equal(p50Ms, 0);
  assert.ok(Math.abs(maxMs * 1000 / LATENCY_US_MAX - 1) < 0.001);
});

Deno.test("counts up to a bound are those of the sorted times, to the end of the bound's cell", () => {
  const bounds = [0, 10, 1000, 2047, 5000, 1_000_000, 4_000_000];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5_000_000 }), { maxLength: 300 }), (times) => {
      const latencies = new StageLatencies();
      for (const time of times) latencies.record("infer", time);
      const { counts, count, sumUs } = latencies.readCumulative("infer", bounds);
      assert.equal(count, times.length);
      assert.equal(sumUs, times.reduce((sum, time) => sum + time, 0));
      bounds.forEach((bound, index) => {
        const least = times.filter((time) => time <= bound).length;
        const most = times.filter((time) => time <= (bound < 2048 ? bound : bound * 1.001)).length;
        assert.ok(counts[index] >= least && counts[index] <= most, `${counts[index]} up to ${bound} of ${times}`);
      });
    }),
  );
});

Deno.test("kept and read back, or merged from parts, a histogram is the one of all latencies", () => {
  const times = fc.array(fc.integer({ min: 0, max: LATENCY_US_MAX }), { maxLength: 200 });
  fc.assert(
    fc.property(times, times, (first, second) => {
      const parts = [first, second].map((some) => {
        const part = new LatencyHistogram();
        for (const time of some) part.record(time);
        return part;
      });
      const whole = new LatencyHistogram();
      for (const time of [...first, ...second]) whole.record(time);
      const merged = latencyFromKept(keepLatency(parts[0]));
      merged.merge(latencyFromKept(keepLatency(parts[1])));
      const [found, wanted] = [merged.read(), whole.read()];
      assert.equal(found.count, wanted.count);
      for (const key of ["p50Ms", "p90Ms", "p99Ms", "p999Ms", "maxMs"] as const) {
        assert.ok(Math.abs(found[key] - wanted[key]) <= wanted[key] / 1000, `${key}: ${found[key]} for ${wanted[key]}`);
      }
    }),
  );
});

Deno.test("a kept histogram that is damaged is refused", () => {
  const kept = keepLatency(new LatencyHistogram());
  for (const text of ["", "AAAA", kept.slice(0, 20), "!".repeat(100), "A".repeat(1 << 20)]) {
    assert.throws(() => latencyFromKept(text), RangeError, text.slice(0, 30));
  }
});

Deno.test("stages that not every camera has are there once they were recorded, and stay", () => {
  const latencies = new StageLatencies();
  const always = ["wait", "preprocess", "encode", "infer", "decide", "endToEnd"];
  assert.deepEqual(Object.keys(latencies.readAll()), always);
  assert.deepEqual([latencies.has("publish"), latencies.read("publish").count], [false, 0]);
  latencies.record("publish", 1000);
  latencies.record("decode", 2000);
  assert.deepEqual(Object.keys(latencies.readAll()).sort(), [...always, "decode", "publish"].sort());
  latencies.reset();
  assert.deepEqual([latencies.has("publish"), latencies.read("publish").count], [true, 0]);
});
