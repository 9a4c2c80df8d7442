/** Goal: a board may be away, emptied or refuse its image, and the link says so and mends what it can. Time is a parameter. */

import assert from "node:assert/strict";
import { createRandom } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shape.ts";
import { type BoardLink, openBoardLink } from "../../../src/loihi/board_link.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";
import { testBoard } from "../../support/loihi.ts";
import { randomNetwork } from "../../support/random_network.ts";
import { openMemoryTwin } from "../../support/twin.ts";

const NETWORK = randomNetwork(createRandom(3), {
  tMax: 16,
  kinds: ["conv2d", "dense"],
});
const LEVELS = new Int16Array(sizeOf(NETWORK.input.shape));

/** Moves the clock until `work` has settled. */
async function settle<T>(
  clock: FakeClock,
  started: PromiseLike<T>,
): Promise<T> {
  const work = Promise.resolve(started);
  let isOver = false;
  work.finally(() => isOver = true).catch(() => {});
  for (let ms = 0; !isOver; ms++) {
    assert.ok(ms < 200_000, "more than 200 s");
    await clock.advance(1);
  }
  return await work;
}

/** A twin that may be away, a link to it, and what the link logged. */
async function withLink(
  { isAway }: { isAway: boolean },
  work: (
    parts: { link: BoardLink; twin: ReturnType<typeof openMemoryTwin>; clock: FakeClock; logged: string[] },
  ) => Promise<void>,
): Promise<void> {
  const clock = createFakeClock();
  const logged: string[] = [];
  const twin = openMemoryTwin("length", { clock });
  twin.setAway(isAway);
  const log = (level: string, text: string) => void logged.push(`${level} ${text}`);
  const link = await settle(
    clock,
    openBoardLink(NETWORK, { ...twin.options, awayWaitMs: 1000, log }),
  );
  await work({ link, twin, clock, logged });
  await settle(clock, link[Symbol.asyncDispose]());
  await assert.rejects(link.runFrame(LEVELS), { code: "backend.closed" });
  await settle(clock, twin[Symbol.asyncDispose]());
  assert.equal(clock.sleepers, 0);
}

Deno.test("openBoardLink() with mustConnect fails with the line's own error", async () => {
  const clock = createFakeClock();
  const twin = openMemoryTwin("length", { clock });
  twin.setAway(true);
  const opening = openBoardLink(NETWORK, {
    ...twin.options,
    mustConnect: true,
  });
  await assert.rejects(settle(clock, opening), { code: "link.open" });
});

Deno.test("a board that is away: a frame waits for a while, fails with the reason, and works when it has come", async () => {
  await withLink({ isAway: true }, async ({ link, twin, clock, logged }) => {
    const startUs = clock.nowUs();
    await assert.rejects(settle(clock, link.runFrame(LEVELS)), {
      code: "backend.failed",
      message: /nobody listens/,
    });
    assert.ok(clock.nowUs() - startUs >= 1_000_000);
    assert.equal(logged.length, 1, "the same reason is logged once");
    const waiting = link.runFrame(LEVELS);
    twin.setAway(false);
    await settle(clock, waiting.catch(() => {}));
    while (link.session === null) await clock.advance(10);
    await settle(clock, link.runFrame(LEVELS));
    assert.deepEqual({ ...link.counts }, {
      connections: 1,
      uploads: 1,
      cachedImages: 0,
    });
  });
});

Deno.test("a board that was emptied gets its image again", async () => {
  await withLink({ isAway: false }, async ({ link, clock }) => {
    await settle(clock, link.runFrame(LEVELS));
    await settle(clock, link.session!.reset("image"));
    await assert.rejects(settle(clock, link.runFrame(LEVELS)), {
      code: "backend.failed",
    });
    while (link.counts.connections < 2) {
      await clock.advance(10);
      await settle(clock, link.runFrame(LEVELS).catch(() => {}));
    }
    await settle(clock, link.runFrame(LEVELS));
    assert.equal(link.counts.cachedImages, 1, "the board had kept it");
  });
});

Deno.test("a board that refuses the image: frames fail with its words", async () => {
  const clock = createFakeClock();
  // Compiled for cores of a few compartments, the image needs more of them than this board has.
  const board = testBoard("twin");
  const wide = { ...board, limits: { ...board.limits, compartments: 2 } };
  const twin = openMemoryTwin("length", {
    clock,
    board: { ...board, chips: 1, coresPerChip: 1 },
  });
  const opening = openBoardLink(NETWORK, {
    ...twin.options,
    board: wide,
    mustConnect: true,
  });
  await assert.rejects(settle(clock, opening), {
    code: "link.image_refused",
    message: /cores must be among the 1 of/,
  });
  await settle(clock, twin[Symbol.asyncDispose]());
});
