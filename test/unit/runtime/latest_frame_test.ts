import assert from "node:assert/strict";
import type { Frame } from "../../../src/core/frame.ts";
import { FRAME_BYTES_MAX, LatestFrame } from "../../../src/runtime/latest_frame.ts";

function frame(id: number, length = 4): Frame {
  const pixels = new Uint8Array(length).fill(id);
  return {
    id,
    capturedAtUs: id * 10,
    capturedAtWallMs: id,
    width: length,
    height: 1,
    channels: 1,
    pixels,
    truth: id % 3,
    decodeUs: undefined,
  };
}

function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
  return Promise.race([promise.then(() => true), turn]);
}

Deno.test("the newest frame wins, and those it replaced are counted", () => {
  const slot = new LatestFrame();
  assert.equal(slot.take(), null);
  for (let id = 0; id < 5; id++) slot.put(frame(id));
  assert.equal(slot.waiting, 1);
  assert.deepEqual({ ...slot.take() }, frame(4));
  assert.equal(slot.take(), null);
  assert.deepEqual([slot.waiting, slot.droppedBusy], [0, 4]);
});

Deno.test("put() copies: the camera may overwrite its buffer at once", () => {
  const slot = new LatestFrame();
  const lent = frame(1);
  slot.put(lent);
  lent.pixels.fill(99);
  assert.deepEqual([...(slot.take()?.pixels ?? [])], [1, 1, 1, 1]);
});

Deno.test("a taken frame stays as it is until the next take()", () => {
  const slot = new LatestFrame();
  slot.put(frame(1));
  const taken = slot.take();
  for (let id = 2; id < 9; id++) slot.put(frame(id, id * 100));
  assert.deepEqual({ ...taken }, frame(1));
  assert.deepEqual({ ...slot.take() }, frame(8, 800));
});

Deno.test("two buffers serve any number of frames, and grow to the largest", () => {
  const slot = new LatestFrame();
  const buffers = new Set<ArrayBufferLike>();
  for (let id = 0; id < 100; id++) {
    slot.put(frame(id, id === 0 || id === 1 ? 64 : 1 + (id % 64)));
    const taken = slot.take();
    assert.deepEqual({ ...taken }, frame(id, id === 0 || id === 1 ? 64 : 1 + (id % 64)));
    if (taken !== null) buffers.add(taken.pixels.buffer);
  }
  assert.equal(buffers.size, 2);
});

Deno.test("a frame over the limit is refused, and what waits is kept", () => {
  const slot = new LatestFrame();
  slot.put(frame(1));
  assert.throws(() => slot.put({ ...frame(2), pixels: new Uint8Array(FRAME_BYTES_MAX + 1) }), { code: "camera.frame" });
  assert.deepEqual([slot.take()?.id, slot.droppedBusy], [1, 0]);
});

Deno.test("waitForFrame() resolves when a frame is put, and at once when one waits", async () => {
  const slot = new LatestFrame();
  const { signal } = new AbortController();
  const waiting = slot.waitForFrame(signal);
  assert.equal(await isSettled(waiting), false);
  slot.put(frame(1));
  assert.equal(await waiting, true);
  assert.equal(await slot.waitForFrame(signal), true);
  slot.take();
  assert.equal(await isSettled(slot.waitForFrame(signal)), false);
  slot.end();
});

Deno.test("waitForFrame() ends with false on abort, before or while waiting", async () => {
  const slot = new LatestFrame();
  const abort = new AbortController();
  const waiting = slot.waitForFrame(abort.signal);
  abort.abort();
  assert.equal(await waiting, false);
  assert.equal(await slot.waitForFrame(abort.signal), false);
  assert.equal(await isSettled(slot.waitForFrame(new AbortController().signal)), false);
  slot.end();
});

Deno.test("after end() a waiting frame may still be taken, then waiting ends", async () => {
  const slot = new LatestFrame();
  const { signal } = new AbortController();
  slot.put(frame(1));
  slot.end();
  assert.equal(await slot.waitForFrame(signal), true);
  assert.equal(slot.take()?.id, 1);
  assert.equal(await slot.waitForFrame(signal), false);
});

Deno.test("waiting a thousand times on one signal leaves no listeners behind", async () => {
  const slot = new LatestFrame();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners += 1;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners -= 1;
    Reflect.apply(removeEventListener, signal, args);
  };
  for (let id = 0; id < 1000; id++) {
    const waiting = slot.waitForFrame(signal);
    slot.put(frame(id));
    assert.equal(await waiting, true);
    slot.take();
  }
  assert.equal(listeners, 0);
});
