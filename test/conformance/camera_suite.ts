/** What every `CameraSource` must do. A driver's test calls `testCamera` with a way to open it. */

import assert from "node:assert/strict";
import type { Clock } from "../../src/core/clock.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { CameraSource, MalformedFrame } from "../../src/ports/camera_source.ts";
import { createFakeClock, type FakeClock } from "../support/fake_clock.ts";

/** A driver under test. */
export interface CameraCase {
  /** Stands before each test's name. */
  readonly name: string;
  /** Opens a fresh source on `clock`. */
  readonly open: (clock: Clock) => Promise<CameraSource>;
  readonly pacing: "live" | "on_demand";
  /** Rate that a live source must keep to the microsecond; null for `on_demand`, or when hardware sets the pace. */
  readonly rateFps: number | null;
  /** How many frames it yields before it ends; null when it does not end by itself. */
  readonly frames: number | null;
  /** Truth is −1 or below this. */
  readonly classes: number;
  /** Ids that come as `MalformedFrame`; none when absent. */
  readonly malformed?: readonly number[];
  /** Reason in the name, please. */
  readonly ignore?: boolean;
}

/** Frames looked at in each test. */
const FRAMES_SEEN_MAX = 12;

/** Registers the suite. */
export function testCamera(camera: CameraCase): void {
  const test = (what: string, run: (source: CameraSource, clock: FakeClock) => Promise<void>) =>
    Deno.test({
      name: `${camera.name}: ${what}`,
      ignore: camera.ignore ?? false,
      fn: async () => {
        const clock = createFakeClock();
        await using source = await camera.open(clock);
        await run(source, clock);
      },
    });
  const seen = Math.min(camera.frames ?? FRAMES_SEEN_MAX, FRAMES_SEEN_MAX);

  test("ids count from 0, sizes, times and truth are right", async (source, clock) => {
    assert.match(source.id, /^[a-z0-9_-]{1,64}$/);
    assert.equal(source.pacing, camera.pacing);
    const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    let earlierUs = -Infinity;
    for (let id = 0; id < seen; id++) {
      const frame = (await pull(iterator, clock, camera)).value as Frame | MalformedFrame;
      assert.equal(frame.id, id);
      assert.equal("malformed" in frame, camera.malformed?.includes(id) ?? false, `frame ${id} malformed`);
      if ("malformed" in frame) {
        assert.ok(frame.reason.length > 0);
        continue;
      }
      checkFrame(frame, camera.classes);
      assert.ok(frame.capturedAtUs >= earlierUs, "time steps back");
      earlierUs = frame.capturedAtUs;
    }
    if (camera.frames === null) await iterator.return?.();
    else if (seen === camera.frames) assert.equal((await pull(iterator, clock, camera)).done, true);
  });

  test("abort ends the iteration without an error and without time passing", async (source, clock) => {
    const abort = new AbortController();
    const iterator = source.frames(abort.signal)[Symbol.asyncIterator]();
    assert.equal((await pull(iterator, clock, camera)).done, false);
    const waiting = camera.pacing === "live" ? iterator.next() : null;
    abort.abort();
    if (waiting !== null) assert.equal((await waiting).done, true);
    assert.equal((await iterator.next()).done, true);
    assert.equal(clock.sleepers, 0);
  });

  test("a signal that was aborted before gives no frame", async (source) => {
    for await (const _ of source.frames(AbortSignal.abort())) assert.fail("a frame came");
  });

  test("frames() a second time is refused, and the first goes on", async (source, clock) => {
    const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    await pull(iterator, clock, camera);
    await assert.rejects(first(source), { code: "camera.open" });
    if (seen > 1) assert.equal(((await pull(iterator, clock, camera)).value as Frame).id, 1);
    await iterator.return?.();
  });

  test("dispose ends the iteration, may be repeated, and frames() is refused after it", async (source, clock) => {
    const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    await pull(iterator, clock, camera);
    await source[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
    assert.equal((await iterator.next()).done, true);
    await assert.rejects(first(source), { code: "camera.open" });
    assert.equal(clock.sleepers, 0);
  });

  test("leaving the loop leaves nothing behind", async (source, clock) => {
    const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    await pull(iterator, clock, camera);
    assert.equal((await iterator.return?.())?.done, true);
    assert.equal((await iterator.next()).done, true);
    assert.equal(clock.sleepers, 0);
  });

  if (camera.pacing === "on_demand") {
    test("frames come without time passing", async (source, clock) => {
      const before = clock.nowUs();
      let count = 0;
      for await (const _ of source.frames(new AbortController().signal)) if (++count === seen) break;
      assert.equal(clock.nowUs(), before);
    });
  }
  if (camera.rateFps === null) return;
  const rateFps = camera.rateFps;
  const dueUs = (startUs: number, id: number) => startUs + Math.round((id * 1e6) / rateFps);

  test("frame k comes at start + k / rate, not before, without drift", async (source, clock) => {
    const startUs = clock.nowUs();
    const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    for (let id = 0; id < seen; id++) {
      let isHere = false;
      const next = iterator.next().finally(() => isHere = true);
      const waitUs = dueUs(startUs, id) - clock.nowUs();
      if (waitUs > 0) {
        await clock.advance((waitUs - 1) / 1000);
        assert.equal(isHere, false, `frame ${id} came early`);
        await clock.advance(0.001);
      }
      const frame = (await next).value as Frame | MalformedFrame;
      if (!("malformed" in frame)) assert.equal(frame.capturedAtUs, dueUs(startUs, id), `frame ${id}`);
    }
    await iterator.return?.();
  });

  test(
    "a consumer that comes late gets its frames in order and at once, then at the old beat",
    async (source, clock) => {
      if (seen < 5) return;
      const startUs = clock.nowUs();
      const iterator = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
      await iterator.next();
      await clock.advance(3500 / rateFps);
      for (let id = 1; id <= 3; id++) assert.equal((await iterator.next()).value.id, id);
      const next = iterator.next();
      await clock.advance(500 / rateFps + 0.001);
      const frame = (await next).value as Frame | MalformedFrame;
      assert.equal(frame.id, 4);
      if (!("malformed" in frame)) assert.ok(Math.abs(frame.capturedAtUs - dueUs(startUs, 4)) <= 1);
      await iterator.return?.();
    },
  );
}

// ---------------------------------------------------------------------------------------------------------------------

type FrameIterator = AsyncIterator<Frame | MalformedFrame>;

/** The next frame, with the time that it takes. */
async function pull(
  iterator: FrameIterator,
  clock: FakeClock,
  { rateFps }: CameraCase,
): Promise<IteratorResult<Frame | MalformedFrame>> {
  const next = iterator.next();
  if (rateFps !== null) await clock.advance(1000 / rateFps + 0.001);
  return await next;
}

async function first(source: CameraSource): Promise<void> {
  for await (const _ of source.frames(new AbortController().signal)) break;
}

function checkFrame(frame: Frame, classes: number): void {
  assert.ok(frame.channels === 1 || frame.channels === 3);
  assert.ok(Number.isInteger(frame.width) && frame.width > 0 && Number.isInteger(frame.height) && frame.height > 0);
  assert.equal(frame.pixels.length, frame.width * frame.height * frame.channels);
  assert.ok(Number.isFinite(frame.capturedAtUs) && Number.isFinite(frame.capturedAtWallMs));
  assert.ok(Number.isInteger(frame.truth) && frame.truth >= -1 && frame.truth < classes, `truth ${frame.truth}`);
}
