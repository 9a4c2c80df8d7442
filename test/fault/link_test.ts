/**
 * A session over a bad line, by seed. While faults are on: every frame settles once, with its own answer or a reason, and
 * no board runs a frame twice. After they are off: frames flow again within a bound.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { EdgeError } from "../../src/core/errors.ts";
import { createRandom, type Random } from "../../src/core/random.ts";
import { type AgentSession, createImageShelf, serveAgent } from "../../src/link/agent_link.ts";
import { openHostSession } from "../../src/link/host_link.ts";
import type { HostSession, HostTiming } from "../../src/link/host_session.ts";
import { rejectedPackets } from "../../src/link/link_stats.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";
import { createFaultyTransport, type Faults, type FaultyTransport } from "../../devices/transport/faulty.ts";
import { openSerial } from "../../devices/transport/serial.ts";
import { answerTo, createFakeBoard, type FakeBoard } from "../support/fake_board.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { createMemoryPair, type MemoryTransport } from "../support/memory_transport.ts";
import { openPtyPair, socatAvailable } from "../support/pty.ts";

const IMAGE = Uint8Array.from({ length: 9000 }, (_, i) => (i * 31) & 0xff);
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");
const TIMING: Partial<HostTiming> = {
  requestTimeoutMs: 60,
  requestAttemptsMax: 10,
  frameTimeoutMs: 80,
  frameAttemptsMax: 4,
  creditTimeoutMs: 2000,
  pingIntervalMs: 200,
  silenceMsMax: 1500,
};
const FRAMES_AT_ONCE = 6;
/** Runs over memory for each framing, and frames of each. */
const SEEDS = 20;
const FRAMES = 500;
/** Frames in a row that must be answered after the faults are off, and the longest time until they begin to be. */
const HEALED_FRAMES = 50;
const RECOVERY_MS_MAX = 4000;

/** Everything that a line can do; each run takes some of it. */
const ALL_FAULTS: Required<Faults> = {
  flip: 3e-4,
  drop: 2e-4,
  split: 0.3,
  join: 0.03,
  duplicate: 0.03,
  delay: 0.1,
  delayMsMax: 30,
  stall: 0.004,
  stallMs: 300,
  cut: 0.0005,
};

for (const framing of ["cobs", "length"] as const) {
  Deno.test(`link faults over memory, ${framing}: no wrong answer, none twice, each frame settles`, async () => {
    const total = { answered: 0, failed: 0, sessions: 0, rejected: 0, retries: 0, flips: 0, drops: 0, cuts: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const clock = createFakeClock();
      const line = memoryLine({ seed, framing, clock });
      const run = runFrames({ line, clock, seed, frames: FRAMES });
      let isOver = false;
      run.finally(() => isOver = true).catch(() => {});
      for (let ms = 0; !isOver; ms++) {
        assert.ok(ms < 600_000, `seed ${seed}: ten minutes and not over`);
        await clock.advance(1);
      }
      const tally = await run;
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += tally[key];
      assert.equal(clock.sleepers, 0, `seed ${seed}: a wait was left behind`);
    }
    // The faults must have bitten, and most frames must have come through.
    assert.ok(
      total.answered + total.failed === SEEDS * FRAMES && total.answered > (SEEDS * FRAMES) / 2,
      JSON.stringify(total),
    );
    assert.ok(total.retries > 100 && total.cuts > 0 && total.flips > 50, JSON.stringify(total));
    if (framing === "cobs") assert.ok(total.rejected > 50, JSON.stringify(total));
    if (Deno.env.get("LINK_TALLY")) console.log(framing, JSON.stringify(total));
  });
}

Deno.test({
  name: "link faults over a pty: no wrong answer, none twice, each frame settles (needs Debian package socat)",
  ignore: !socatAvailable,
  fn: async () => {
    await using line = await ptyLine(77);
    const tally = await runFrames({
      line,
      clock: systemClock,
      seed: 77,
      frames: 300,
      faults: { ...ALL_FAULTS, cut: 0 },
    });
    assert.equal(tally.answered + tally.failed, 300);
    assert.ok(tally.answered > 100 && tally.rejected > 0, JSON.stringify(tally));
    if (Deno.env.get("LINK_TALLY")) console.log("pty", JSON.stringify(tally));
  },
});

// ---------------------------------------------------------------------------------------------------------------------

/** A line to one board, which the host may open again and again. */
interface FaultyLine extends AsyncDisposable {
  readonly board: FakeBoard;
  open(): Promise<FaultyTransport>;
  agents(): readonly AgentSession[];
}

interface Tally {
  answered: number;
  failed: number;
  sessions: number;
  rejected: number;
  retries: number;
  flips: number;
  drops: number;
  cuts: number;
}

interface RunOptions {
  readonly line: FaultyLine;
  readonly clock: Clock;
  readonly seed: number;
  readonly frames: number;
  readonly faults?: Faults;
}

/** The gateway's part: keeps a session and sends frames; a frame that fails is not sent again. */
async function runFrames({ line, clock, seed, frames, faults }: RunOptions): Promise<Tally> {
  const random = createRandom(seed);
  const chosen = faults ?? someFaults(random);
  const tally: Tally = { answered: 0, failed: 0, sessions: 0, rejected: 0, retries: 0, flips: 0, drops: 0, cuts: 0 };
  const fate = new Map<number, string>();
  const client = new Client({ line, clock, random, tally });

  const runOne = async (frameId: number): Promise<boolean> => {
    let outcome = "answered";
    try {
      const session = await client.session(chosen);
      const levels = levelsOf(frameId);
      const result = await session.runFrame({ frameId, capturedAtUs: clock.nowUs(), tMax: 16, levels });
      assert.equal(result.frameId, frameId, `seed ${seed}`);
      assert.deepEqual(result.firstSteps, answerTo(levels).firstSteps, `seed ${seed}: a wrong answer to ${frameId}`);
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      outcome = error.code;
    }
    assert.ok(!fate.has(frameId), `seed ${seed}: frame ${frameId} settled twice`);
    fate.set(frameId, outcome);
    return outcome === "answered";
  };

  let next = 0;
  await Promise.all(Array.from({ length: FRAMES_AT_ONCE }, async () => {
    while (next < frames) await runOne(next++);
  }));
  assert.equal(fate.size, frames, `seed ${seed}`);
  for (const outcome of fate.values()) tally[outcome === "answered" ? "answered" : "failed"]++;

  // Healed: the same client, without faults, must get through within the bound.
  client.heal();
  const healedUs = clock.nowUs();
  let inARow = 0;
  for (let id = frames; inARow < HEALED_FRAMES; id++) {
    inARow = await runOne(id) ? inARow + 1 : 0;
    const tookMs = (clock.nowUs() - healedUs) / 1000;
    assert.ok(inARow > 0 || tookMs < RECOVERY_MS_MAX, `seed ${seed}: no answer ${tookMs} ms after the faults were off`);
  }
  await client.close();
  await line[Symbol.asyncDispose]();
  assert.equal(new Set(line.board.ran).size, line.board.ran.length, `seed ${seed}: a frame was run twice`);
  assert.equal(line.board.overlaps, 0, `seed ${seed}: a frame began while another ran`);
  for (const agent of line.agents()) tally.rejected += rejectedPackets(agent.stats);
  return tally;
}

/** A session when one is needed. */
class Client {
  readonly #options: { line: FaultyLine; clock: Clock; random: Random; tally: Tally };
  #transport: FaultyTransport | null = null;
  #opening: Promise<HostSession> | null = null;
  #isHealed = false;

  constructor(options: { line: FaultyLine; clock: Clock; random: Random; tally: Tally }) {
    this.#options = options;
  }

  async session(faults: Faults): Promise<HostSession> {
    const opening = this.#opening ??= this.#open(faults);
    try {
      const session = await opening;
      if (session.state !== "closed") return session;
      await session.close();
      this.#count(session);
    } catch (error) {
      if (this.#opening === opening) this.#opening = null;
      throw error;
    }
    if (this.#opening === opening) this.#opening = null;
    return this.session(faults);
  }

  heal(): void {
    this.#isHealed = true;
    this.#transport?.setFaults({});
  }

  async close(): Promise<void> {
    const session = await this.#opening;
    if (session === null) return;
    await session.close();
    this.#count(session);
  }

  async #open(faults: Faults): Promise<HostSession> {
    const { line, clock, random, tally } = this.#options;
    const transport = this.#transport = await line.open();
    transport.setFaults(this.#isHealed ? {} : faults);
    tally.sessions++;
    const session = await openHostSession(transport, { clock, random, name: "fault test", timing: TIMING });
    try {
      await session.uploadImage(IMAGE, SHA256);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  readonly #counted = new Set<HostSession>();
  #count(session: HostSession): void {
    if (this.#counted.has(session)) return;
    this.#counted.add(session);
    const { tally } = this.#options;
    const { stats } = session;
    tally.rejected += rejectedPackets(stats);
    tally.retries += stats.retries;
    const { written, received } = this.#transport as FaultyTransport;
    tally.flips += written.flips + received.flips;
    tally.drops += written.drops + received.drops;
    tally.cuts += written.cuts + received.cuts;
  }
}

/** A serial line in memory: the board stays, the host comes and goes. A cut over TCP makes the board accept anew. */
function memoryLine({ seed, framing, clock }: { seed: number; framing: Framing; clock: Clock }): FaultyLine {
  const random = createRandom(1000 + seed);
  const board = createFakeBoard({ clock, frameMs: (id) => id % 7 });
  const shelf = createImageShelf(board);
  const agents: AgentSession[] = [];
  let near: MemoryTransport | null = null;
  return {
    board,
    agents: () => agents,
    async open() {
      await near?.close();
      await agents.at(-1)?.close();
      const pair = createMemoryPair(framing);
      near = pair[0];
      agents.push(serveAgent(pair[1], { clock, handlers: board, shelf, silenceMsMax: 1500 }));
      return createFaultyTransport(near, { faults: {}, random, clock });
    },
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent.close();
    },
  };
}

/** The board's agent on one end of a pty, for as long as the test runs. */
async function ptyLine(seed: number): Promise<FaultyLine> {
  const pair = await openPtyPair();
  const random = createRandom(1000 + seed);
  const clock = systemClock;
  const board = createFakeBoard({ clock });
  const far: Transport = await openSerial({ path: pair.b, baudRate: 3_000_000 });
  const agent = serveAgent(far, { clock, handlers: board, shelf: createImageShelf(board), silenceMsMax: 1500 });
  return {
    board,
    agents: () => [agent],
    async open() {
      const near = await openSerial({ path: pair.a, baudRate: 3_000_000 });
      return createFaultyTransport(near, { faults: {}, random, clock });
    },
    async [Symbol.asyncDispose]() {
      await agent.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}

/** A random part of the faults, so that each seed is another kind of bad line. */
function someFaults(random: Random): Faults {
  const names = Object.keys(ALL_FAULTS) as (keyof Faults)[];
  return Object.fromEntries(
    names.filter((name) => name.endsWith("Ms") || name.endsWith("Max") || random.next() < 0.6)
      .map((name) => [name, ALL_FAULTS[name]]),
  );
}

/** Each frame has its own picture, so an answer to another one shows. */
function levelsOf(frameId: number): Uint8Array {
  const random = createRandom(frameId + 1);
  return Uint8Array.from({ length: 300 }, () => (random.next() < 0.7 ? 0 : random.integer(17)));
}
