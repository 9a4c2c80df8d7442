/** Faults of a soak: what may be done to a running gateway and its surroundings, in an order that the seed decides. */

import process from "node:process";
import { createRandom, type Random } from "../../src/core/random.ts";
import { configOf, type Scene } from "./scene.ts";
import { childrenOf } from "./watch.ts";

/** How often each fault was injected. */
export type FaultTally = Record<string, number>;

interface Fault {
  /** What it is done to: one fault at a time, as each undoes what it did. */
  readonly part: "broker" | "ffmpeg" | "yard" | "line" | "control";
  /** How often it comes, relative to the others. */
  readonly weight: number;
  /** Does it, and undoes it. */
  inject(scene: Scene, random: Random, wait: (durationMs: number) => Promise<void>): Promise<void> | void;
}

/** Every fault by name. None needs a hand afterwards: the gateway must come back by itself. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "broker killed": {
    part: "broker",
    weight: 3,
    async inject({ broker }, random, wait) {
      await broker.kill();
      await wait(random.between(0, 3000));
      await broker.start();
    },
  },
  "broker frozen": {
    part: "broker",
    weight: 2,
    async inject({ broker }, random, wait) {
      broker.freeze();
      await wait(random.between(200, 4000));
      broker.thaw();
    },
  },
  // Longer than any keep-alive: both sides must find out by themselves.
  "broker frozen for long": {
    part: "broker",
    weight: 0.4,
    async inject({ broker }, random, wait) {
      broker.freeze();
      await wait(random.between(32_000, 45_000));
      broker.thaw();
    },
  },
  "broker slow": {
    part: "broker",
    weight: 2,
    async inject({ witness }, random, wait) {
      witness.delayMs = Math.round(random.between(5, 100));
      await wait(random.between(500, 3000));
      witness.delayMs = 0;
    },
  },
  "ffmpeg killed": {
    part: "ffmpeg",
    weight: 3,
    inject: ({ program }, random) => signalOne(program.pid, random, "SIGKILL"),
  },
  "ffmpeg frozen": {
    part: "ffmpeg",
    weight: 2,
    inject: ({ program }, random) => signalOne(program.pid, random, "SIGSTOP"),
  },
  "camera hung up": { part: "yard", weight: 2, inject: ({ yard }) => yard.hangUp() },
  "camera silent": {
    part: "yard",
    weight: 2,
    async inject({ yard, pictures }, random, wait) {
      yard.show(null);
      await wait(random.between(500, 4000));
      yard.show(pictures.small, 100);
    },
  },
  "camera changed size": {
    part: "yard",
    weight: 2,
    async inject({ yard, pictures }, random, wait) {
      yard.show(pictures.large, 100);
      await wait(random.between(500, 3000));
      yard.show(pictures.small, 100);
    },
  },
  "camera sent garbage": { part: "yard", weight: 2, inject: ({ yard }, random) => yard.sendRaw(noise(random, 20_000)) },
  "corrupt pictures": {
    part: "line",
    weight: 3,
    inject({ sendFrame, pictures }, random) {
      const whole = pictures.large[0];
      const cut = whole.subarray(0, random.integer(whole.length));
      for (const bytes of [noise(random, 500), new Uint8Array(0), cut, noise(random, 100_000)]) sendFrame(bytes);
    },
  },
  "commands": {
    part: "control",
    weight: 3,
    async inject({ sendCommand }, random, wait) {
      const camera = ["street", "yard", "scene", "line"][random.integer(4)];
      sendCommand("pause", { camera });
      sendCommand("snapshot", { camera: "scene" });
      sendCommand("set_threshold", { camera, threshold: random.next() });
      sendCommand("__proto__", { camera });
      sendCommand("ping", { surplus: true });
      await wait(random.between(100, 1500));
      // The broker may have been away when the first ones were sent, and must not be for this one.
      for (let i = 0; i < 3; i++) {
        sendCommand("resume", {});
        await wait(100);
      }
    },
  },
  "configuration read again": {
    part: "control",
    weight: 2,
    inject(scene, random) {
      const variant = {
        sceneFps: [20, 25][random.integer(2)],
        votes: 1 + random.integer(5),
        hasGuest: random.next() < 0.5,
      };
      scene.rewrite(configOf(scene, variant));
      if (random.next() < 0.5) scene.sendCommand("reload", {});
      else process.kill(scene.program.pid, "SIGHUP");
    },
  },
  // It says so until somebody mends the file, which then is enough.
  "configuration ruined": {
    part: "control",
    weight: 1,
    async inject(scene, random, wait) {
      const whole = configOf(scene, { sceneFps: 20, votes: 3, hasGuest: true });
      const left = random.integer(whole.length);
      scene.rewrite(random.next() < 0.5 ? whole.subarray(0, left) : new Uint8Array(left));
      scene.sendCommand("reload", {});
      await wait(random.between(500, 3000));
      scene.rewrite(whole);
      process.kill(scene.program.pid, "SIGHUP");
    },
  },
};

/** Names of all faults. */
export const FAULT_NAMES = Object.keys(FAULTS);

/**
 * Injects one fault after another until `signal` is aborted; every one of them has ended then. Those of different parts may
 * overlap. What comes in which order depends on the seed alone.
 */
export async function injectFaults(scene: Scene, seed: number, signal: AbortSignal, tally: FaultTally) {
  const wait = (durationMs: number) => sleep(durationMs, signal);
  const random = createRandom(seed);
  const underWay = new Map<string, Promise<void>>(); // by part
  while (!signal.aborted) {
    const name = choose(random);
    const { part, inject } = FAULTS[name];
    const own = createRandom(random.integer(2 ** 32));
    await underWay.get(part);
    if (signal.aborted) break;
    tally[name] = (tally[name] ?? 0) + 1;
    underWay.set(part, Promise.resolve(inject(scene, own, wait)));
    // Now and then long enough for everything to be well again.
    await wait(random.next() < 0.15 ? random.between(8_000, 16_000) : random.between(200, 4000));
  }
  await Promise.all(underWay.values());
}

/** Waits, or less when `signal` is aborted. */
export function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal?.addEventListener("abort", end, { once: true });
  });
}

// ---

function choose(random: Random): string {
  const total = FAULT_NAMES.reduce((sum, name) => sum + FAULTS[name].weight, 0);
  let left = random.between(0, total);
  return FAULT_NAMES.find((name) => (left -= FAULTS[name].weight) < 0) ?? FAULT_NAMES[0];
}

function signalOne(pid: number, random: Random, signal: NodeJS.Signals): void {
  const children = childrenOf(pid, "ffmpeg");
  if (children.length === 0) return;
  try {
    process.kill(children[random.integer(children.length)], signal);
  } catch {
    // It ended meanwhile.
  }
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.integer(256));
}
