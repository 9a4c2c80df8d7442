/** Goal: the twin answers as the chip model does, refuses what a board must refuse, and its modelled rails add up. */

import assert from "node:assert/strict";
import type { FrameInput } from "../../../src/link/messages/frame.ts";
import { outputLevels } from "../../../src/loihi/chip/chip.ts";
import { createChip } from "../../../src/loihi/chip/chip_fast.ts";
import { levelsOfSteps } from "../../../src/loihi/board_backend.ts";
import { compileForBoard } from "../../../src/loihi/compile/compile.ts";
import { activityOf, estimateFrame } from "../../../src/loihi/energy.ts";
import { createImageCache } from "../../../src/loihi/twin/image_cache.ts";
import { createRailMeter } from "../../../src/loihi/twin/rail_meter.ts";
import { createTwinBoard } from "../../../src/loihi/twin/twin_board.ts";
import { createRandom } from "../../../src/core/random.ts";
import { randomLevels } from "../../conformance/backend_suite.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { testBoard } from "../../support/loihi.ts";
import { randomNetwork } from "../../support/random_network.ts";

const BOARD = testBoard("twin");
const NETWORK = randomNetwork(createRandom(3), { tMax: 16, kinds: ["conv2d", "dense"] });
const IMAGE = compileForBoard(NETWORK, BOARD);
const NO_SIGNAL = new AbortController().signal;

function openTwin() {
  const clock = createFakeClock();
  return { clock, twin: createTwinBoard({ board: BOARD, clock, random: createRandom(1), name: "twin" }) };
}

function frame(number: number, change: Partial<FrameInput> = {}): FrameInput {
  return { number, frameId: number, capturedAtUs: 0, tMax: 16, levels: randomLevels(NETWORK, number), ...change };
}

Deno.test("the twin answers with the chip model's spikes and totals, and keeps spikes when asked to", async () => {
  const { twin } = openTwin();
  await assert.rejects(twin.runFrame(frame(0), NO_SIGNAL), { code: "link.no_image" });
  assert.match(await twin.loadImage(IMAGE.sha256, IMAGE.bytes), /of 4096 cores/);
  assert.equal(await twin.hasImage(IMAGE.sha256), true);
  twin.configure({ options: { earlyStop: true, keepSpikes: true }, telemetryIntervalMs: 1 });
  const chip = createChip(IMAGE);
  const expected = new Int16Array(NETWORK.labels.length);
  const levels = new Int16Array(NETWORK.labels.length);
  for (let number = 0; number < 20; number++) {
    const answer = await twin.runFrame(frame(number), NO_SIGNAL);
    chip.run(randomLevels(NETWORK, number));
    outputLevels(chip, expected);
    levelsOfSteps({ image: IMAGE }, answer.firstSteps, levels);
    assert.deepEqual(levels, expected);
    assert.equal(answer.winner, expected.indexOf(Math.max(...expected)));
    assert.equal(answer.synops, chip.counters.synops);
    assert.equal(
      answer.energy.coreNj,
      Math.round(estimateFrame(BOARD, activityOf(IMAGE, chip.counters)).coreDynamicUj * 1000),
    );
  }
  assert.deepEqual(twin.readSpikes(19, IMAGE.layers.length - 1)?.length, NETWORK.labels.length);
  assert.equal(twin.readSpikes(0, 0), null, "only the last frames are kept");
  assert.equal(twin.readSpikes(19, 99), null);
  assert.equal(twin.stepCounter(), 20 * IMAGE.frameSteps);
});

Deno.test("the twin takes no settings that it does not have", () => {
  const { twin } = openTwin();
  assert.deepEqual(twin.configure({ options: { earlyStop: true, keepSpikes: false }, telemetryIntervalMs: 1 }), {
    options: { earlyStop: false, keepSpikes: false },
    telemetryIntervalMs: 10,
  });
});

Deno.test("the twin refuses frames and images that are not its own", async () => {
  const { twin } = openTwin();
  await assert.rejects(twin.loadImage("0", Uint8Array.of(1, 2, 3)));
  await twin.loadImage(IMAGE.sha256, IMAGE.bytes);
  const refused = { code: "link.frame_refused" };
  await assert.rejects(twin.runFrame(frame(0, { tMax: 8 }), NO_SIGNAL), refused);
  await assert.rejects(twin.runFrame(frame(0, { levels: [1] }), NO_SIGNAL), refused);
  const levels = randomLevels(NETWORK, 1);
  levels[0] = 17;
  await assert.rejects(twin.runFrame(frame(0, { levels }), NO_SIGNAL), refused);
  await twin.runFrame(frame(0), NO_SIGNAL);
  await twin.reset("image");
  await assert.rejects(twin.runFrame(frame(0), NO_SIGNAL), { code: "link.no_image" });
});

Deno.test("the rails idle, take what a frame costs on top, and never fall", async () => {
  const clock = createFakeClock();
  const meter = createRailMeter(BOARD, () => clock.nowUs());
  const { energy } = BOARD;
  const attributableMw = energy.x86StaticMw.value + energy.x86ClockMw.value;
  await clock.advance(1000);
  const idle = meter.read();
  assert.deepEqual(idle.rails.map(({ method }) => method), ["estimated", "estimated", "estimated"]);
  assert.deepEqual(
    idle.rails.map(({ powerUw }) => powerUw),
    [0, attributableMw * 1000, energy.boardIdleMw!.value * 1000].map(Math.round),
  );
  meter.setCores(10);
  const cost = estimateFrame(BOARD, { compartments: 5000, cores: 10, steps: 106, synops: 250_000, inputSpikes: 785 });
  await clock.advance(cost.latencyMs);
  meter.add(cost);
  const busy = meter.read();
  const spent = busy.rails.map(({ energyUj }, rail) => energyUj - idle.rails[rail].energyUj);
  // The clock ran for exactly the frame's time, so the rails drew exactly what the frame costs.
  assert.ok(Math.abs(spent[0] - (cost.coreDynamicUj + energy.coreStaticMw.value * 10 * cost.latencyMs)) <= 1);
  assert.ok(Math.abs(spent[1] - cost.attributableUj) <= 1);
  assert.ok(Math.abs(spent[2] - cost.boardUj!) <= 1);
  assert.equal(busy.sequence, idle.sequence + 1);
});

Deno.test("the image cache forgets the oldest images first and keeps the newest whatever its size", () => {
  const cache = createImageCache(10);
  cache.put("a", new Uint8Array(4));
  cache.put("b", new Uint8Array(4));
  cache.put("a", new Uint8Array(4));
  assert.deepEqual(["a", "b"].map(cache.has), [true, true]);
  cache.put("c", new Uint8Array(4));
  assert.deepEqual(["a", "b", "c"].map(cache.has), [true, false, true]);
  cache.put("d", new Uint8Array(40));
  assert.deepEqual(["a", "c", "d"].map(cache.has), [false, false, true]);
});
