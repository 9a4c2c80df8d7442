/** Windows, totals, idle power and energy per inference over meters that a test moves, on a clock that a test moves. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFileSystem } from "../../../src/core/file_system.ts";
import type { EventMessage, Message, PowerMessage } from "../../../src/core/messages.ts";
import type { PowerMeter, PowerReading } from "../../../src/ports/power_meter.ts";
import { loadTotals } from "../../../src/power/energy_state.ts";
import { PowerMonitor, type PowerMonitorOptions } from "../../../src/power/power_monitor.ts";
import { createFakeClock, type FakeClock } from "../../support/fake_clock.ts";
import { fakeMeter } from "../../support/fake_meter.ts";

/** A monitor that runs, and what it said. */
interface Running extends AsyncDisposable {
  readonly monitor: PowerMonitor;
  readonly clock: FakeClock;
  readonly windows: PowerMessage[];
  readonly events: EventMessage[];
  /** What is wrong now. */
  readonly problems: Map<string, string>;
  readonly frames: { captured: number; inFlight: number };
  /** `n` seconds, one at a time, with `perSecond` frames of 5 ms in each. */
  seconds(n: number, perSecond?: number): Promise<void>;
}

async function start(
  meters: readonly PowerMeter[],
  options: Partial<PowerMonitorOptions> = {},
): Promise<Running> {
  const clock = createFakeClock();
  const monitor = await PowerMonitor.open({
    meters,
    everyMs: 1000,
    windowS: 10,
    powerWMax: 500,
    frozenAfterS: 60,
    total: null,
    idleAtStartS: 0,
    stateFile: null,
    clock,
    files: nodeFileSystem,
    ...options,
  });
  const windows: PowerMessage[] = [];
  const events: EventMessage[] = [];
  const problems = new Map<string, string>();
  const frames = { captured: 0, inFlight: 0 };
  monitor.start({
    publish(message: Message) {
      if (message.kind === "power") windows.push(message);
      if (message.kind === "event") events.push(message);
    },
    reportProblem: (what, text) => void (text === null ? problems.delete(what) : problems.set(what, text)),
    onChannels: () => {},
    activity: () => ({ ...frames }),
  });
  return {
    monitor,
    clock,
    windows,
    events,
    problems,
    frames,
    async seconds(n, perSecond = 0) {
      for (let second = 0; second < n; second++) {
        for (let i = 0; i < perSecond; i++) {
          frames.captured++;
          monitor.onInference(5000);
        }
        await clock.advance(1000);
      }
    },
    [Symbol.asyncDispose]: () => monitor.stop(),
  };
}

const near = (found: number | null | undefined, expected: number, tolerance = 1e-6) =>
  assert.ok(typeof found === "number" && Math.abs(found - expected) <= tolerance, `${found} for ${expected}`);

Deno.test("a window: mean power, its energy and samples; the next one joins it without a hole", async () => {
  let powerW = 4;
  await using running = await start([fakeMeter(() => ({ powerW, voltageV: 5, currentA: powerW / 5 }))]);
  await running.seconds(10);
  powerW = 8;
  await running.seconds(10);
  const [first, second] = running.windows.map(({ sources }) => sources[0]);
  near(first.powerW, 4);
  near(first.energyJ, 40);
  assert.deepEqual([first.state, first.samples, first.gaps, first.voltageV], ["ok", 11, 0, 5]);
  near(second.energyJ, 78); // the first of its ten seconds goes from 4 to 8 W
  near(second.energyTotalJ, 118);
  assert.equal(running.windows[0].windowMs, 10_000);
  assert.deepEqual(running.windows[0].total, { source: "board", powerW: 4, method: "measured" });
  assert.deepEqual(running.windows[0].perInference, []);
});

Deno.test("energy per inference: the window's energy over its own inferences, less what idling takes, and its EDP", async () => {
  let powerW = 3;
  await using running = await start([fakeMeter(() => ({ powerW }))]);
  await running.seconds(10);
  powerW = 5;
  await running.seconds(1, 20);
  await running.seconds(19, 20);
  const last = running.windows.at(-1)!.perInference[0];
  assert.deepEqual([last.source, last.scope, last.method, last.inferences], ["board", "board", "measured", 200]);
  near(last.energyJ, 0.25);
  near(last.idlePowerW, 3);
  near(last.dynamicEnergyJ, 0.1);
  near(last.edpJs, 0.25 * 0.005, 1e-5);
});

Deno.test("no idle power is made up: it needs two quiet seconds after a wait of two, and a frame under way is not quiet", async () => {
  await using running = await start([fakeMeter(() => ({ powerW: 3 }))]);
  await running.seconds(10, 1);
  assert.equal(running.windows.at(-1)!.perInference[0].idlePowerW, null);
  assert.equal(running.windows.at(-1)!.perInference[0].dynamicEnergyJ, null);
  running.frames.inFlight = 1;
  await running.seconds(9);
  running.frames.inFlight = 0;
  await running.seconds(1, 1);
  assert.equal(running.windows.at(-1)!.perInference[0].idlePowerW, null);
  await running.seconds(9);
  await running.seconds(1, 1);
  near(running.windows.at(-1)!.perInference[0].idlePowerW, 3);
});

Deno.test("idle power can be measured before the cameras open", async () => {
  await using running = await start([fakeMeter(() => ({ powerW: 3 }))], { idleAtStartS: 5 });
  let isReady = false;
  const waiting = running.monitor.idleAtStart(new AbortController().signal).then(() => isReady = true);
  await running.seconds(6);
  assert.equal(isReady, false);
  await running.seconds(3);
  await waiting;
  await running.seconds(1, 10);
  near(running.windows[0].perInference[0].idlePowerW, 3);
  assert.match(running.monitor.info.idleBaseline, /^for 5 s before the cameras open, and whenever no frame/);
});

Deno.test("a source that covers only a part of the window gives no figure for an inference", async () => {
  let reading: PowerReading = { powerW: 3 };
  await using running = await start([fakeMeter(() => reading)]);
  await running.seconds(6, 5);
  reading = { fault: "EIO" };
  await running.seconds(4, 5);
  const [{ sources: [source], perInference }] = running.windows;
  assert.equal(source.state, "ok");
  near(source.energyJ, 18);
  assert.deepEqual(perInference, []);
});

const DEAD: readonly { title: string; reading: PowerReading; problem: RegExp }[] = [
  { title: "gone", reading: { fault: "/sys/devices/x is gone" }, problem: /is gone/ },
  { title: "negative", reading: { powerW: -3 }, problem: /must be 0 W or more: found -3\.00 W/ },
  { title: "absurd", reading: { powerW: 6_000_000 }, problem: /must be at most 500 W: found 6\.00e\+6 W/ },
  { title: "no number", reading: { powerW: NaN }, problem: /must be a number of watts/ },
];
for (const { title, reading, problem } of DEAD) {
  Deno.test(`a sensor that is ${title} is stale with its problem, never 0 W, and well again when it is`, async () => {
    let now: PowerReading = { powerW: 6 };
    await using running = await start([fakeMeter(() => now)]);
    await running.seconds(10, 1);
    now = reading;
    await running.seconds(10, 1);
    const { sources: [source], total, perInference } = running.windows[1];
    assert.deepEqual([source.state, source.powerW, source.energyJ, source.samples], ["stale", null, null, 0]);
    assert.match(source.problem ?? "", problem);
    near(source.energyTotalJ, 60);
    assert.deepEqual([total, perInference], [null, []]);
    assert.match(running.problems.get("power.board") ?? "", problem);
    now = { powerW: 6 };
    await running.seconds(10, 1);
    const back = running.windows[2].sources[0];
    assert.deepEqual([back.state, back.gaps, running.problems.size], ["ok", 1, 0]);
    near(back.powerW, 6);
  });
}

Deno.test("a frozen counter is stale, and a problem after frozen_after_s; one that may rest is only stale", async () => {
  const counter = (id: string, unmoved: "fault" | "unknown") =>
    fakeMeter(() => ({ counterJ: 7 }), { channel: { id, counter: { rangeJ: null, unmoved } } });
  await using running = await start([counter("package_0", "fault"), counter("uncore", "unknown")]);
  await running.seconds(20);
  assert.equal(running.problems.size, 0);
  assert.ok(running.windows.every(({ sources }) => sources.every(({ powerW }) => powerW === null)));
  await running.seconds(60);
  assert.deepEqual([...running.problems.keys()], ["power.package_0"]);
  assert.match(running.problems.get("power.package_0")!, /has not moved for \d+ s/);
});

Deno.test("measured and estimated sources stand side by side, and the total is the one that covers the gateway", async () => {
  const meters = [
    fakeMeter(() => ({ powerW: 2 }), { channel: { id: "vdd_cpu", scope: "rail", coversGateway: false } }),
    fakeMeter(() => ({ powerW: 6 }), { channel: { id: "vdd_in" } }),
    fakeMeter(() => ({ powerW: 9 }), { channel: { id: "plug" } }),
    fakeMeter(() => ({ counterJ: 0.5 }), {
      channel: { id: "model", scope: "inference", method: "estimated", counter: { rangeJ: null, unmoved: "idle" } },
    }),
  ];
  await using running = await start(meters);
  await running.seconds(10, 1);
  const [{ sources, total, perInference }] = running.windows;
  assert.deepEqual(sources.map(({ id, method }) => `${id} ${method}`), [
    "vdd_cpu measured",
    "vdd_in measured",
    "plug measured",
    "model estimated",
  ]);
  assert.deepEqual(total, { source: "vdd_in", powerW: 6, method: "measured" });
  // A model of inferences that saw none says 0 J: that is known. It knows of no idling.
  assert.deepEqual([sources[3].state, sources[3].powerW], ["ok", 0]);
  assert.equal(perInference[3].idlePowerW, null);

  await using named = await start(meters.map(() => fakeMeter(() => ({ powerW: 9 }), { channel: { id: "plug" } })), {
    total: "plug",
  });
  await named.seconds(10);
  assert.equal(named.windows[0].total?.source, "plug");
});

Deno.test("a meter that hangs holds up no other, and its late answer counts when it comes", async () => {
  let answer: (() => void) | null = null;
  const slow: PowerMeter = {
    ...fakeMeter(() => null, { channel: { id: "slow" } }),
    read: () => new Promise((resolve) => answer = () => resolve([{ powerW: 1 }])),
  };
  const running = await start([slow, fakeMeter(() => ({ powerW: 2 }))]);
  await running.seconds(11);
  const [stuck, well] = running.windows[0].sources;
  assert.deepEqual([stuck.state, well.state, well.samples >= 10], ["stale", "ok", true]);
  answer!();
  await running.seconds(1);
  answer!();
  await running.seconds(9);
  answer!();
  assert.equal(running.windows[1].sources[0].state, "ok");
  const stopping = running.monitor.stop();
  await running.clock.advance(500);
  await stopping;
});

Deno.test("a slow meter is asked at its own pace, and that is no gap", async () => {
  let asked = 0;
  const meter = fakeMeter(() => {
    asked++;
    return { powerW: 5 };
  }, { everyMs: 5000 });
  await using running = await start([meter]);
  await running.seconds(30);
  assert.ok(asked >= 6 && asked <= 7, `${asked}`);
  assert.deepEqual(running.windows.map(({ sources: [{ gaps }] }) => gaps), [0, 0, 0]);
  near(running.windows[2].sources[0].energyTotalJ, 150, 1);
});

Deno.test("a suspend is a gap, and no leap of energy", async () => {
  let offset = 0;
  const clock = createFakeClock();
  const leaping = { ...clock, nowUs: () => clock.nowUs() + offset, wallMs: () => clock.wallMs() };
  const running = await start([fakeMeter(() => ({ powerW: 5 }))], { clock: leaping });
  const seconds = async (n: number) => {
    for (let i = 0; i < n; i++) await clock.advance(1000);
  };
  await seconds(5);
  offset += 3_600_000_000; // an hour, in which nothing was sampled
  await seconds(6);
  const [{ sources: [source] }] = running.windows;
  assert.equal(source.gaps, 1);
  near(source.energyJ, 5 * (5 + 2), 6); // 5 s before, two intervals of the gap, what came after
  const stopping = running.monitor.stop();
  await clock.advance(1000);
  await stopping;
});

Deno.test("energies go on after a restart, begin anew after damage, and say so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quartz-monitor-"));
  const stateFile = join(folder, "energy");
  try {
    const first = await start([fakeMeter(() => ({ powerW: 5 }))], { stateFile });
    await first.seconds(20);
    await first.monitor.stop();
    near(first.windows.at(-1)!.sources[0].energyTotalJ, 100);

    const other = await start([fakeMeter(() => ({ powerW: 5 }), { channel: { id: "plug" } })], { stateFile });
    await other.seconds(10);
    await other.monitor.stop();

    const second = await start([fakeMeter(() => ({ powerW: 5 }))], { stateFile });
    await second.seconds(10);
    near(second.windows[0].sources[0].energyTotalJ, 150);
    await second.monitor.stop();
    assert.deepEqual([second.events, second.problems.size], [[], 0]);

    writeFileSync(stateFile, new Uint8Array(100));
    const third = await start([fakeMeter(() => ({ powerW: 5 }))], { stateFile });
    await third.seconds(10);
    near(third.windows[0].sources[0].energyTotalJ, 50);
    await third.monitor.stop();
    assert.equal(third.events.length, 1);
    assert.equal(third.events[0].event, "energy_restarted");
    assert.match(third.events[0].text, /energies begin at 0 as .* found zeros, as a power cut leaves them/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("energies are saved once a minute, so that a kill costs no more, and a disk that fails is a problem", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quartz-monitor-"));
  const stateFile = join(folder, "energy");
  let isFull = false;
  const files = {
    ...nodeFileSystem,
    create: (path: string) =>
      isFull
        ? Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" }))
        : nodeFileSystem.create(path),
  };
  try {
    const running = await start([fakeMeter(() => ({ powerW: 5 }))], { stateFile, files });
    await running.seconds(59);
    assert.equal((await loadTotals(nodeFileSystem, stateFile)).totals.size, 0);
    await running.seconds(1);
    await until(async () => (await loadTotals(nodeFileSystem, stateFile)).totals.size === 1);
    near((await loadTotals(nodeFileSystem, stateFile)).totals.get("board"), 300, 10);
    isFull = true;
    await running.seconds(61);
    await until(() => Promise.resolve(running.problems.has("power.state_file")));
    assert.match(running.problems.get("power.state_file")!, /ENOSPC/);
    isFull = false;
    await running.monitor.stop();
    assert.equal(running.problems.size, 0);
    near((await loadTotals(nodeFileSystem, stateFile)).totals.get("board"), 600, 10);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("stop() closes the meters after a last window, and channels that appear later are told", async () => {
  const meter = fakeMeter(() => ({ powerW: 5 }));
  const running = await start([meter]);
  await running.seconds(4, 1);
  await running.monitor.stop();
  assert.ok(meter.isClosed);
  assert.equal(running.windows.length, 1);
  near(running.windows[0].sources[0].energyJ, 20);
  assert.equal(running.windows[0].perInference[0].inferences, 4);
});

/** Disk work takes real time. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200 && !await condition(); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(await condition());
}
