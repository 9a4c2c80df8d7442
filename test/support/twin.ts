/** A board's twin in this process, on lines in memory, or in its own process as its users start it. */

import { type Clock, systemClock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import { createRandom } from "../../src/core/random.ts";
import { type AgentHandlers, type AgentSession, createImageShelf, serveAgent } from "../../src/link/agent_link.ts";
import type { Board } from "../../src/loihi/board.ts";
import type { BoardLinkOptions } from "../../src/loihi/board_link.ts";
import { createTwinBoard } from "../../src/loihi/twin/twin_board.ts";
import type { Framing, Transport } from "../../src/ports/transport.ts";
import { testBoard } from "./loihi.ts";
import { createMemoryPair } from "./memory_transport.ts";
import { ROOT } from "./program.ts";

/** A twin that can be connected to again and again; each connection ends the one before. */
export interface MemoryTwin extends AsyncDisposable {
  /** What a board link needs to reach it. */
  readonly options: BoardLinkOptions;
  readonly agents: readonly AgentSession[];
  /** The agent's process dies and starts again without its images; lines break. */
  restart(): Promise<void>;
  /** From now on connections are refused, or taken again. */
  setAway(isAway: boolean): void;
}

/** Makes one; `wrap` may make each line worse. */
export function openMemoryTwin(
  framing: Framing,
  { clock = systemClock, board = testBoard("twin"), wrap = (transport: Transport): Transport => transport }: {
    clock?: Clock;
    board?: Board;
    wrap?: (transport: Transport) => Transport;
  } = {},
): MemoryTwin {
  const agents: AgentSession[] = [];
  let boots = 0;
  let isAway = false;
  const boot = () => {
    const handlers: AgentHandlers = createTwinBoard({ board, clock, random: createRandom(++boots), name: "twin" });
    return { handlers, shelf: createImageShelf(handlers) };
  };
  let booted = boot();
  const options: BoardLinkOptions = {
    board,
    clock,
    random: createRandom(1),
    log: () => {},
    name: "tests",
    awayWaitMs: 2000,
    async openTransport() {
      await agents.at(-1)?.close();
      if (isAway) throw new LinkError("link.open", "Cannot connect as nobody listens");
      const [host, agent] = createMemoryPair(framing);
      agents.push(serveAgent(agent, { clock, ...booted }));
      return wrap(host);
    },
  };
  return {
    options,
    agents,
    async restart() {
      const old = agents.at(-1);
      booted = boot();
      await old?.close();
    },
    setAway: (away) => void (isAway = away),
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent.close();
    },
  };
}

/** A twin in a process of its own. */
export interface TwinProcess extends AsyncDisposable {
  /** As it printed it. */
  readonly address: string;
  /** Kills it without a word, as a power cut does. */
  kill(): Promise<void>;
  /** Asks it to stop. @returns its exit code */
  stop(): Promise<number>;
}

/** Starts `quartz twin` and waits until it listens. */
export async function startTwin(words: readonly string[]): Promise<TwinProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "src/main.ts", "twin", ...words],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the twin ended before it listened");
    text += value;
  }
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  const end = async (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It had ended.
    }
    const { code } = await child.status;
    await rest;
    return code;
  };
  return {
    address: JSON.parse(text).listening,
    kill: async () => void await end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
    },
  };
}
