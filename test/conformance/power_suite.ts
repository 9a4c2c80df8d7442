/** What every `PowerMeter` must do, whatever it measures with. */

import assert from "node:assert/strict";
import type { PowerMeter, PowerReading } from "../../src/ports/power_meter.ts";

/** A meter whose device the suite can use, take away and give back. */
export interface PowerHarness extends AsyncDisposable {
  readonly meter: PowerMeter;
  /** Draws `powerW` for a second, as far as the device shows; a counter moves by that. */
  draw(powerW: number): Promise<void>;
  /** The device does not answer any more, and again; absent: it cannot be taken away. */
  readonly outage?: { begin(): Promise<void>; end(): Promise<void> };
}

/** Registers the suite under `name`. */
export function powerSuite(name: string, open: () => Promise<PowerHarness>): void {
  const test = (title: string, run: (harness: PowerHarness) => Promise<void>) =>
    Deno.test(`power meter, ${name}: ${title}`, async () => {
      await using harness = await open();
      await run(harness);
    });

  test("channels have ids of their own that are fit for topics, and say what they are", async ({ meter, draw }) => {
    await draw(2);
    await meter.read();
    assert.ok(meter.channels.length > 0);
    const ids = meter.channels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, ids.join());
    for (const { id, kind, detail, scope, method, counter } of meter.channels) {
      assert.match(id, /^[a-z0-9_-]{1,64}$/);
      assert.ok(kind !== "" && detail !== "");
      assert.ok(["board", "rail", "accelerator", "inference"].includes(scope));
      assert.ok(["measured", "estimated"].includes(method));
      assert.ok(counter === null || counter.rangeJ === null || counter.rangeJ > 0);
    }
    assert.ok(meter.everyMs >= 0);
    assert.notEqual(meter.name, "");
  });

  test("a reading has one entry a channel: power, or the counter, by what the channel says", async (harness) => {
    const { meter, draw } = harness;
    await draw(2);
    const readings = await settled(harness);
    assert.equal(readings.length, meter.channels.length);
    readings.forEach((reading, index) => {
      assert.ok(reading !== null && !("fault" in reading), JSON.stringify(reading));
      const { counter } = meter.channels[index];
      assert.equal(typeof reading.powerW, counter === null ? "number" : "undefined");
      assert.equal(typeof reading.counterJ, counter === null ? "undefined" : "number");
    });
  });

  test("what is drawn is what is read, in W and J", async (harness) => {
    const { meter, draw } = harness;
    await draw(2);
    const first = await settled(harness);
    await draw(3);
    const second = await settled(harness);
    const { counter } = meter.channels[0];
    const [before, after] = [first[0], second[0]].map((reading) => reading as Exclude<PowerReading, { fault: string }>);
    if (counter === null) assert.ok(Math.abs(after.powerW! - 3) < 1e-6, `${after.powerW}`);
    else {assert.ok(
        Math.abs(after.counterJ! - before.counterJ! - 3) < 1e-3,
        `${after.counterJ} after ${before.counterJ}`,
      );}
  });

  test("channels stay as they are, and in their order", async (harness) => {
    const { meter, draw } = harness;
    await draw(2);
    await settled(harness);
    const before = structuredClone([...meter.channels]);
    await draw(2);
    await settled(harness);
    assert.deepEqual([...meter.channels].slice(0, before.length), before);
  });

  test("a device that does not answer is a fault or nothing new, never a value, and is read again when it does", async (harness) => {
    const { meter, draw, outage } = harness;
    if (outage === undefined) return;
    await draw(2);
    await settled(harness);
    await outage.begin();
    for (let i = 0; i < 3; i++) {
      for (const reading of await meter.read()) {
        assert.ok(reading === null || "fault" in reading, JSON.stringify(reading));
        if (reading !== null) assert.notEqual(reading.fault, "");
      }
    }
    await outage.end();
    await draw(2);
    assert.ok((await settled(harness)).every((reading) => reading !== null && !("fault" in reading)));
  });

  test("after dispose every channel is at fault, and disposing again is fine", async (harness) => {
    const { meter, draw } = harness;
    await draw(2);
    await settled(harness);
    await meter[Symbol.asyncDispose]();
    await meter[Symbol.asyncDispose]();
    const readings = await meter.read();
    assert.ok(readings.length > 0 && readings.every((reading) => reading !== null && "fault" in reading));
  });
}

/** The first reading without a hole; a device that pushes its values may take a moment. */
async function settled({ meter }: PowerHarness): Promise<readonly (PowerReading | null)[]> {
  for (let attempt = 0;; attempt++) {
    const readings = await meter.read();
    const isWhole = readings.length > 0 && readings.every((reading) => reading !== null && !("fault" in reading));
    if (isWhole || attempt === 50) return readings;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
