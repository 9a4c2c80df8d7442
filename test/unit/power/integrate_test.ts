/** Integration against closed forms, and every way in which a sensor may mislead it. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type IntegrateOptions, Integrator, type Step } from "../../../src/power/integrate.ts";
import type { CounterRule } from "../../../src/ports/power_meter.ts";

const INTERVAL_US = 1_000_000;
const OPTIONS: IntegrateOptions = {
  intervalUs: INTERVAL_US,
  powerWMax: 500,
  counter: null,
  frozenAfterUs: 60_000_000,
};
const COUNTER: CounterRule = { rangeJ: 4294.967296, unmoved: "unknown" };

/** Σ of the stretches, and how many were gaps. */
function sum(steps: readonly Step[]): { energyJ: number; coveredUs: number; gaps: number; faults: number } {
  const total = { energyJ: 0, coveredUs: 0, gaps: 0, faults: 0 };
  for (const step of steps) {
    if (step.kind === "fault") total.faults++;
    if (step.kind === "stretch" || step.kind === "first") total.gaps += Number(step.isGap);
    if (step.kind !== "stretch") continue;
    total.energyJ += step.energyJ;
    total.coveredUs += step.coveredUs;
  }
  return total;
}

function integrate(powerW: (atUs: number) => number, timesUs: readonly number[], options = OPTIONS) {
  const integrator = new Integrator(options);
  return sum(timesUs.map((atUs) => integrator.add({ powerW: powerW(atUs) }, atUs)));
}

function count(counterJ: (index: number) => number, timesUs: readonly number[], options: IntegrateOptions) {
  const integrator = new Integrator(options);
  return sum(timesUs.map((atUs, index) => integrator.add({ counterJ: counterJ(index) }, atUs)));
}

/** Sample times with steps of at most two intervals. */
const timesUs = fc.array(fc.integer({ min: 1, max: 2 * INTERVAL_US }), { minLength: 1, maxLength: 200 })
  .map((steps) => steps.reduce((times, step) => [...times, times[times.length - 1] + step], [5_000_000]));
const near = (found: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found} for ${expected}`);
const spanS = (times: readonly number[]) => (times[times.length - 1] - times[0]) / 1e6;

Deno.test("constant power: energy is power times time, whenever the samples come", () => {
  fc.assert(fc.property(timesUs, fc.double({ min: 0, max: 500, noNaN: true }), (times, powerW) => {
    const { energyJ, coveredUs, gaps, faults } = integrate(() => powerW, times);
    near(energyJ, powerW * spanS(times), 1e-9 * (1 + energyJ), "J");
    near(coveredUs / 1e6, spanS(times), 1e-6, "s");
    assert.deepEqual([gaps, faults], [0, 0]);
  }));
});

Deno.test("a ramp: the trapezoid is exact", () => {
  fc.assert(fc.property(timesUs, fc.double({ min: 0, max: 1, noNaN: true }), (times, slopeWPerS) => {
    const powerW = (atUs: number) => slopeWPerS * (atUs - times[0]) / 1e6;
    fc.pre(powerW(times[times.length - 1]) <= 500);
    const { energyJ } = integrate(powerW, times);
    near(energyJ, slopeWPerS * spanS(times) ** 2 / 2, 1e-9 * (1 + energyJ), "J");
  }));
});

Deno.test("a sine: the error stays within the trapezoid's bound, Σ h³/12 · max |p''|", () => {
  fc.assert(
    fc.property(
      timesUs,
      fc.double({ min: 0.01, max: 0.4, noNaN: true }),
      fc.double({ min: 0, max: 6 }),
      (times, hz, phase) => {
        fc.pre(Number.isFinite(phase));
        const omega = 2 * Math.PI * hz;
        const at = (us: number) => omega * us / 1e6 + phase;
        const { energyJ } = integrate((us) => 100 + 50 * Math.sin(at(us)), times);
        const [first, last] = [times[0], times[times.length - 1]];
        const exactJ = 100 * spanS(times) - 50 / omega * (Math.cos(at(last)) - Math.cos(at(first)));
        let boundJ = 1e-6;
        for (let i = 1; i < times.length; i++) boundJ += ((times[i] - times[i - 1]) / 1e6) ** 3 / 12 * 50 * omega ** 2;
        near(energyJ, exactJ, boundJ, "J");
      },
    ),
  );
});

Deno.test("a gap costs what it hides: two intervals are counted, and every gap once", () => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 2 * INTERVAL_US }) },
    fc.integer({ min: 2 * INTERVAL_US + 1, max: 100 * INTERVAL_US }),
  );
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 100 }), (steps) => {
    const times = steps.reduce((all, one) => [...all, all[all.length - 1] + one], [0]);
    const { energyJ, coveredUs, gaps } = integrate(() => 7, times);
    const covered = steps.reduce((total, one) => total + Math.min(one, 2 * INTERVAL_US), 0);
    assert.equal(coveredUs, covered);
    near(energyJ, 7 * covered / 1e6, 1e-6, "J");
    assert.equal(gaps, steps.filter((one) => one > 2 * INTERVAL_US).length);
  }));
});

Deno.test("readings that cannot be true are faults and leave a gap, never 0 W", () => {
  for (const bad of [-1, -0.11, 501, 1e12, NaN, Infinity]) {
    const values = [10, bad, bad, bad, 10];
    const { energyJ, coveredUs, gaps, faults } = integrate(
      (atUs) => values[atUs / INTERVAL_US],
      values.map((_, index) => index * INTERVAL_US),
    );
    assert.deepEqual([faults, gaps, coveredUs], [3, 1, 2 * INTERVAL_US], `${bad}`);
    near(energyJ, 20, 1e-9, "J");
  }
});

Deno.test("one reading that failed costs nothing: the trapezoid spans it", () => {
  const integrator = new Integrator(OPTIONS);
  const steps = [{ powerW: 4 }, { fault: "EAGAIN" }, { powerW: 6 }].map((reading, index) =>
    integrator.add(reading, index * INTERVAL_US)
  );
  assert.deepEqual(sum(steps), { energyJ: 10, coveredUs: 2_000_000, gaps: 0, faults: 1 });
});

Deno.test("a sensor's offset without a load counts as 0 W", () => {
  assert.equal(integrate(() => -0.04, [0, INTERVAL_US]).energyJ, 0);
});

Deno.test("nothing new, and a time that does not advance, are passed over", () => {
  const integrator = new Integrator(OPTIONS);
  integrator.add({ powerW: 1 }, 10);
  assert.deepEqual(integrator.add({ powerW: 9 }, 10), { kind: "nothing" });
  assert.deepEqual(integrator.add({ powerW: 9 }, 5), { kind: "nothing" });
  assert.deepEqual(integrator.add(null, 20), { kind: "nothing" });
});

Deno.test("a counter: the energies add up to what was drawn, through any number of wraps", () => {
  const drawJ = fc.array(fc.double({ min: 0.001, max: 450, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(drawJ, fc.double({ min: 0, max: 4294, noNaN: true }), (draws, startJ) => {
    let totalJ = startJ;
    const shown = [startJ, ...draws.map((draw) => (totalJ += draw) % COUNTER.rangeJ!)];
    const times = shown.map((_, index) => index * INTERVAL_US);
    const { energyJ, gaps, faults } = count((index) => shown[index], times, { ...OPTIONS, counter: COUNTER });
    near(energyJ, totalJ - startJ, 1e-6, "J");
    assert.deepEqual([gaps, faults], [0, 0]);
  }));
});

Deno.test("a counter's gap costs nothing, unless it may have gone round more than once", () => {
  const options = { ...OPTIONS, counter: COUNTER };
  const short = count((index) => [100, 300][index], [0, 5 * INTERVAL_US], options);
  assert.deepEqual(short, { energyJ: 200, coveredUs: 5_000_000, gaps: 1, faults: 0 });
  const long = count((index) => [100, 300][index], [0, 60 * INTERVAL_US], options);
  assert.deepEqual(long, { energyJ: 0, coveredUs: 0, gaps: 1, faults: 0 });
  const endless = { ...OPTIONS, counter: { rangeJ: null, unmoved: "unknown" } as const };
  assert.equal(count((index) => [100, 300][index], [0, 60 * INTERVAL_US], endless).energyJ, 200);
});

Deno.test("a counter that was set back begins anew, and no energy is negative", () => {
  const endless = { ...OPTIONS, counter: { rangeJ: null, unmoved: "unknown" } as const };
  const values = [1000, 1010, 0, 10];
  const times = values.map((_, index) => index * INTERVAL_US);
  const back = count((index) => values[index], times, endless);
  assert.deepEqual(back, { energyJ: 20, coveredUs: 2_000_000, gaps: 1, faults: 0 });
  // With a range it looks like a wrap that nothing could have drawn.
  const wide = count((index) => values[index], times, { ...OPTIONS, counter: { rangeJ: 262_143, unmoved: "unknown" } });
  assert.deepEqual(wide, { energyJ: 20, coveredUs: 2_000_000, gaps: 0, faults: 1 });
});

Deno.test("a counter beyond 32 bits is not taken to wrap there", () => {
  const values = [5000, 5010, 20];
  const { energyJ, gaps } = count((index) => values[index], [0, 1e6, 2e6], { ...OPTIONS, counter: COUNTER });
  assert.deepEqual([energyJ, gaps], [10, 1]);
});

Deno.test("a counter that stands still: nothing drawn, nothing new, or stopped, as its device is", () => {
  const still = (unmoved: CounterRule["unmoved"]) => {
    const times = Array.from({ length: 100 }, (_, index) => index * INTERVAL_US);
    return count(() => 5, times, { ...OPTIONS, counter: { rangeJ: null, unmoved } });
  };
  assert.deepEqual(still("idle"), { energyJ: 0, coveredUs: 99_000_000, gaps: 0, faults: 0 });
  assert.deepEqual(still("unknown"), { energyJ: 0, coveredUs: 0, gaps: 0, faults: 0 });
  assert.deepEqual(still("fault"), { energyJ: 0, coveredUs: 0, gaps: 0, faults: 39 });
});

Deno.test("a coarse counter gives each step the whole time that it took", () => {
  const values = [100, 100, 100, 103.6, 103.6, 107.2];
  const times = values.map((_, index) => index * INTERVAL_US);
  const { energyJ, coveredUs, gaps } = count((index) => values[index], times, {
    ...OPTIONS,
    counter: { rangeJ: null, unmoved: "unknown" },
  });
  near(energyJ, 7.2, 1e-9, "J");
  assert.deepEqual([coveredUs, gaps], [5_000_000, 0]);
});
