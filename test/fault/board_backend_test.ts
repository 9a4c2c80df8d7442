/**
 * A board behind a bad line, by seed, as cameras use it: several back ends over one link, bytes lost and changed, the line cut, the
 * agent killed and started again without its images. No answer is ever wrong, every frame is answered once or fails with a
 * reason, and when all is well again frames flow within a bound. `BOARD_FAULT_FRAMES` for more frames.
 */

import assert from "node:assert/strict";
import { parseLinkAddress } from "../../devices/transport/address.ts";
import { createFaultyTransport, type Faults, type FaultyTransport } from "../../devices/transport/faulty.ts";
import { openSerial } from "../../devices/transport/serial.ts";
import { connectTcp } from "../../devices/transport/tcp.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { BackendError } from "../../src/core/errors.ts";
import { createInferenceOutput } from "../../src/core/results.ts";
import { createRandom } from "../../src/core/random.ts";
import type { Network } from "../../src/core/network.ts";
import type { HostTiming } from "../../src/link/host_session.ts";
import { rejectedPackets } from "../../src/link/link_stats.ts";
import { createBoardBackend } from "../../src/loihi/board_backend.ts";
import { type BoardLink, openBoardLink } from "../../src/loihi/board_link.ts";
import { boardNetwork } from "../../src/loihi/compile/board_network.ts";
import { openNetwork } from "../../src/model/load.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";
import { createReferenceKernel } from "../../src/simulator/kernel_reference.ts";
import { randomLevels } from "../conformance/backend_suite.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { testBoard } from "../support/loihi.ts";
import { openPtyPair, socatAvailable } from "../support/pty.ts";
import { randomNetwork } from "../support/random_network.ts";
import { openMemoryTwin, startTwin } from "../support/twin.ts";

/** Frames of the run over memory, of both framings together. */
const FRAMES = Number(Deno.env.get("BOARD_FAULT_FRAMES") ?? "10000");
/** Frames of the run over a pty, in real time. */
const PTY_FRAMES = Number(Deno.env.get("BOARD_FAULT_PTY_FRAMES") ?? "1000");
const SEEDS = 10;
const CAMERAS = 3;
const HEALED_FRAMES = 20;
const RECOVERY_MS_MAX = 8000;
const TIMING: Partial<HostTiming> = {
  requestTimeoutMs: 60,
  requestAttemptsMax: 8,
  frameTimeoutMs: 80,
  frameAttemptsMax: 3,
  creditTimeoutMs: 1000,
  pingIntervalMs: 200,
  silenceMsMax: 1000,
};
const FAULTS: Faults = {
  flip: 2e-4,
  drop: 1e-4,
  split: 0.2,
  join: 0.02,
  duplicate: 0.02,
  delay: 0.05,
  delayMsMax: 20,
  stall: 0.003,
  stallMs: 250,
  cut: 5e-4,
};

for (const framing of ["cobs", "length"] as const) {
  Deno.test(`board faults over memory, ${framing}: no wrong answer, each frame answered once or failed`, async () => {
    const total = { answered: 0, failed: 0, connections: 0, uploads: 0, restarts: 0, recoveryMsMax: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const clock = createFakeClock();
      const run = runMemory({ framing, seed, clock, frames: FRAMES / 2 / SEEDS });
      let isOver = false;
      run.finally(() => isOver = true).catch(() => {});
      for (let ms = 0; !isOver; ms++) {
        assert.ok(ms < 3_600_000, `seed ${seed}: an hour and not over`);
        await clock.advance(1);
      }
      const tally = await run;
      for (const key of Object.keys(total) as (keyof typeof total)[]) {
        total[key] = key === "recoveryMsMax" ? Math.max(total[key], tally[key]) : total[key] + tally[key];
      }
      assert.equal(clock.sleepers, 0, `seed ${seed}: a wait was left behind`);
    }
    if (Deno.env.get("LINK_TALLY")) console.log(framing, JSON.stringify(total));
    assert.equal(total.answered + total.failed, FRAMES / 2);
    assert.ok(total.answered > FRAMES / 4 && total.failed > 0 && total.restarts > 0, JSON.stringify(total));
  });
}

Deno.test("board faults: packets refused are exactly those that were damaged", async () => {
  const random = createRandom(5);
  let damaged = 0;
  const damage = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    // One byte of one packet, and never the zero between packets, so that each damage is one packet's end.
    const at = random.integer(copy.length);
    const flipped = copy[at] ^ (1 << random.integer(8));
    if (random.next() > 0.04 || copy[at] === 0 || flipped === 0) return copy;
    damaged++;
    copy[at] = flipped;
    return copy;
  };
  const clock = createFakeClock();
  const twin = openMemoryTwin("cobs", { clock, wrap: (inner) => withBytes(inner, damage) });
  const network = smallNetwork(3);
  let rejected = 0;
  const work = (async () => {
    const link = await openBoardLink(network, { ...twin.options, timing: { ...TIMING, frameAttemptsMax: 8 } });
    const check = createCheck(link);
    for (let frame = 0; frame < 1000; frame++) await check(frame);
    assert.equal(link.counts.connections, 1);
    rejected = rejectedPackets(link.session!.stats) + rejectedPackets(twin.agents[0].stats);
    await link[Symbol.asyncDispose]();
    await twin[Symbol.asyncDispose]();
  })();
  let isOver = false;
  work.finally(() => isOver = true).catch(() => {});
  while (!isOver) await clock.advance(1);
  await work;
  assert.ok(damaged > 50, `${damaged} damaged`);
  assert.equal(rejected, damaged);
});

Deno.test("a twin that is killed twice in mid-stream: right answers only, and back within a bound", async () => {
  const network = await openNetwork("models/mnist-lenet/network.safetensors");
  const first = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const address = parseLinkAddress(first.address);
  assert.ok(address.kind === "tcp");
  const link = await openBoardLink(network, {
    board: testBoard("twin"),
    openTransport: () => connectTcp({ ...address, clock: systemClock }),
    clock: systemClock,
    random: createRandom(1),
    log: () => {},
    name: "tests",
    awayWaitMs: 500,
    mustConnect: true,
    timing: { silenceMsMax: 2000 },
  });
  const check = createCheck(link);
  let twin = first;
  let [answered, failed] = [0, 0];
  try {
    for (let life = 0; life < 3; life++) {
      for (let frame = 0; frame < 20; frame++) await check(answered++);
      if (life === 2) break;
      const cut = check(1000 + life).then(() => answered++, () => failed++);
      await twin.kill();
      await cut;
      const killedUs = systemClock.nowUs();
      await assert.rejects(check(0), { code: "backend.failed" });
      failed++;
      twin = await startTwin(["--listen", first.address]);
      while (!await check(answered).then(() => true, () => false)) {
        failed++;
        assert.ok(systemClock.nowUs() - killedUs < 30_000_000, "30 s and not back");
      }
    }
    assert.deepEqual({ ...link.counts }, { connections: 3, uploads: 3, cachedImages: 0 });
    assert.ok(failed >= 2 && failed < 60, `${failed} failed`);
  } finally {
    await link[Symbol.asyncDispose]();
    await twin[Symbol.asyncDispose]();
  }
});

Deno.test({
  name:
    "a twin that spoils its serial line, which is unplugged as well: right answers only (needs Debian package socat)",
  ignore: !socatAvailable,
  fn: async () => {
    await using line = await openPtyPair();
    await using _twin = await startTwin(["--listen", `serial:${line.b}`, "--faults", "7"]);
    const network = smallNetwork(4);
    let opened = 0;
    const link = await openBoardLink(network, {
      board: testBoard("twin"),
      async openTransport() {
        const inner = await openSerial({ path: line.a, baudRate: 3_000_000 });
        return createFaultyTransport(inner, {
          faults: { cut: 1e-3 },
          random: createRandom(++opened),
          clock: systemClock,
        });
      },
      clock: systemClock,
      random: createRandom(1),
      log: () => {},
      name: "tests",
      awayWaitMs: 2000,
      timing: TIMING,
    });
    const check = createCheck(link);
    let answered = 0;
    try {
      for (let frame = 0; frame < PTY_FRAMES; frame++) answered += await check(frame).then(() => 1, onlyFailed);
      if (Deno.env.get("LINK_TALLY")) console.log("pty", answered, "of", PTY_FRAMES, { opened, ...link.counts });
      assert.ok(answered > 0.8 * PTY_FRAMES && opened > 1, `${answered} answered, opened ${opened} times`);
    } finally {
      await link[Symbol.asyncDispose]();
    }
  },
});

// ---------------------------------------------------------------------------------------------------------------------

interface MemoryRun {
  readonly framing: Framing;
  readonly seed: number;
  readonly clock: Clock;
  readonly frames: number;
}

/** Cameras send frames over one link that has faults, whose board restarts; then all is well and they must get through. */
async function runMemory({ framing, seed, clock, frames }: MemoryRun) {
  const random = createRandom(seed);
  let faults: Faults = FAULTS;
  let line: FaultyTransport | null = null;
  const wrap = (inner: Transport) => line = createFaultyTransport(inner, { faults, random, clock });
  const twin = openMemoryTwin(framing, { clock, wrap });
  const link = await openBoardLink(smallNetwork(seed), { ...twin.options, awayWaitMs: 300, timing: TIMING });
  const tally = { answered: 0, failed: 0, connections: 0, uploads: 0, restarts: 0, recoveryMsMax: 0 };
  let next = 0;
  const cameras = Array.from({ length: CAMERAS }, () => createCheck(link));
  await Promise.all(cameras.map(async (check) => {
    while (next < frames) {
      const frame = next++;
      if (random.next() < 0.004) {
        tally.restarts++;
        await twin.restart();
      }
      tally[await check(frame).then(() => 1, onlyFailed) === 1 ? "answered" : "failed"]++;
    }
  }));
  faults = {};
  (line as FaultyTransport | null)?.setFaults(faults);
  const healedUs = clock.nowUs();
  for (let inARow = 0, frame = frames; inARow < HEALED_FRAMES; frame++) {
    inARow = await cameras[0](frame).then(() => 1, onlyFailed) === 1 ? inARow + 1 : 0;
    const tookMs = (clock.nowUs() - healedUs) / 1000;
    if (inARow === 1) tally.recoveryMsMax = tookMs;
    assert.ok(inARow > 0 || tookMs < RECOVERY_MS_MAX, `seed ${seed}: no answer ${tookMs} ms after all was well`);
  }
  tally.connections = link.counts.connections;
  tally.uploads = link.counts.uploads;
  await link[Symbol.asyncDispose]();
  await twin[Symbol.asyncDispose]();
  return tally;
}

/** Runs frames on a back end of its own and holds each answer against the simulator's. */
function createCheck(link: BoardLink): (frame: number) => Promise<void> {
  const backend = createBoardBackend(link);
  const kernel = createReferenceKernel(link.network);
  const expected = createInferenceOutput(link.network);
  const output = createInferenceOutput(link.network);
  return async (frame) => {
    const levels = randomLevels(link.network, frame);
    await backend.run(levels, output);
    kernel.run(levels, expected);
    assert.deepEqual(output.levels, expected.levels, `a wrong answer to frame ${frame}`);
  };
}

/** A frame may fail, by this one reason. */
function onlyFailed(error: unknown): 0 {
  assert.ok(error instanceof BackendError && error.code === "backend.failed", String(error));
  return 0;
}

/** Rectified layers, small weights: a network that boards run spike for spike. Its answers differ from frame to frame. */
function smallNetwork(seed: number): Network {
  const random = createRandom(seed);
  for (;;) {
    const network = randomNetwork(random, { tMax: 16, weightMax: 0.25, kinds: ["conv2d", "dense", "max_pool"] });
    const layers = network.layers.map((layer) => "rectify" in layer ? { ...layer, rectify: true } : layer);
    const small = boardNetwork({ ...network, layers });
    if (distinctAnswers(small) >= DISTINCT_MIN) return small;
  }
}

/** Among so many frames, at least so many answers must differ. */
const DISTINCT_OF = 50;
const DISTINCT_MIN = 40;

function distinctAnswers(network: Network): number {
  const kernel = createReferenceKernel(network);
  const output = createInferenceOutput(network);
  const answers = Array.from({ length: DISTINCT_OF }, (_, frame) => {
    kernel.run(randomLevels(network, frame), output);
    return output.levels.join();
  });
  return new Set(answers).size;
}

/** A transport whose bytes pass through `change`, both ways. */
function withBytes(inner: Transport, change: (bytes: Uint8Array) => Uint8Array): Transport {
  return {
    name: inner.name,
    framing: inner.framing,
    async read() {
      const bytes = await inner.read();
      return bytes === null ? null : change(bytes);
    },
    write: (bytes) => inner.write(change(bytes)),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}
