/** The window's figures against those of a plain list of frames. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { zeroCounters } from "../../../src/core/results.ts";
import { SnnWindow } from "../../../src/runtime/snn_window.ts";
import { darkOrBright } from "../../support/runtime_parts.ts";

const frame = fc.record({
  decisionStep: fc.oneof(fc.nat(300), fc.nat(70_000)),
  spikes: fc.integer({ min: 1, max: 100_000 }),
  earlyShare: fc.double({ min: 0, max: 1, noNaN: true }),
  synopsEvents: fc.nat(1e6),
  isBoard: fc.boolean(),
});

Deno.test("an SnnWindow's figures are those of the frames of its window, whatever came before", () => {
  const network = darkOrBright();
  const window = new SnnWindow();
  fc.assert(fc.property(fc.array(frame, { minLength: 1, maxLength: 200 }), (frames) => {
    window.reset();
    for (const { decisionStep, spikes, earlyShare, synopsEvents, isBoard } of frames) {
      const earlySpikes = isBoard ? NaN : Math.floor(earlyShare * spikes);
      window.add({
        ...zeroCounters(),
        decisionStep,
        spikes,
        earlySpikes,
        synopsEvents: isBoard ? NaN : synopsEvents,
      });
    }
    const read = window.read(network)!;
    const steps = frames.map(({ decisionStep }) => Math.min(65_536, decisionStep)).sort((a, b) => a - b);
    const at = (share: number) => steps[Math.max(0, Math.ceil(share * steps.length) - 1)];
    assert.equal(read.decisionStepP50, at(0.5));
    assert.equal(read.decisionStepP99, at(0.99));
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    assert.equal(read.spikesPerInference, sum(frames.map(({ spikes }) => spikes)) / frames.length);
    const counted = frames.filter(({ isBoard }) => !isBoard);
    if (counted.length === 0) {
      assert.equal("earlySpikeShare" in read || "synopsPerInference" in read, false);
    } else {
      const early = sum(counted.map(({ earlyShare, spikes }) => Math.floor(earlyShare * spikes)));
      assert.equal(read.earlySpikeShare, early / sum(counted.map(({ spikes }) => spikes)));
      assert.equal(read.synopsPerInference, sum(counted.map(({ synopsEvents }) => synopsEvents)) / counted.length);
    }
  }));
});

Deno.test("an SnnWindow without a frame has no figures", () => {
  const window = new SnnWindow();
  assert.equal(window.read(darkOrBright()), undefined);
  window.add({ ...zeroCounters(), decisionStep: 5 });
  window.reset();
  assert.equal(window.read(darkOrBright()), undefined);
});
