/** `twin`: a complete board without hardware, served on a link until the program is told to stop. */

import { listenTransport, parseLinkAddress } from "../../../devices/transport/address.ts";
import { createFaultyTransport, type Faults } from "../../../devices/transport/faulty.ts";
import { createBackoff } from "../../core/backoff.ts";
import { EdgeError, formatError } from "../../core/errors.ts";
import { createRandom } from "../../core/random.ts";
import { type AgentEvent, type AgentSession, createImageShelf, serveAgent } from "../../link/agent_link.ts";
import { rejectedPackets } from "../../link/link_stats.ts";
import { openBoard } from "../../loihi/board_file.ts";
import { createTwinBoard } from "../../loihi/twin/twin_board.ts";
import type { Transport } from "../../ports/transport.ts";
import type { CommandOf } from "../command_table.ts";
import { createLog } from "../log.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";

/** A bad line, as `--faults` makes it: everything happens, and most frames still come through. */
const FAULTS: Faults = {
  flip: 5e-5,
  drop: 3e-5,
  split: 0.2,
  join: 0.02,
  duplicate: 0.01,
  delay: 0.05,
  delayMsMax: 20,
  stall: 0.001,
  stallMs: 300,
};
/** Between attempts to open a serial line again that was unplugged. */
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 2000;

/** Serves one host after the other; a new connection ends the one before. Prints `{"listening": ADDRESS}` when ready. */
export async function runTwin(command: CommandOf<"twin">, context: CommandContext): Promise<number> {
  const { console, clock, random, signal } = context;
  const address = parseLinkAddress(command.listen);
  const board = createTwinBoard({
    board: await openBoard(command.board ?? "twin"),
    clock,
    random,
    name: `quartz-edge twin ${VERSION}`,
  });
  const log = createLog({ level: "info", format: command.json ? "json" : "auto", clock, console });
  const shelf = createImageShelf(board);
  const faulty = command.faults === null ? null : createRandom(command.faults);
  const served: { agent: AgentSession | null } = { agent: null };
  /** Connections are taken one after the other. */
  let turn: Promise<void> = Promise.resolve();
  const serve = (transport: Transport) => {
    const line = faulty === null
      ? transport
      : createFaultyTransport(transport, { faults: FAULTS, random: faulty, clock });
    turn = turn.then(async () => {
      await served.agent?.close();
      served.agent = serveAgent(line, { clock, handlers: board, shelf, onEvent: (event) => logEvent(log, event) });
    });
  };
  const listener = await listenTransport(address, serve);
  console.print(JSON.stringify({ listening: listener.address }));
  const backoff = createBackoff({ minMs: REOPEN_MS_MIN, maxMs: REOPEN_MS_MAX, random });
  try {
    // A socket listens on by itself; a serial line that was unplugged must be opened again.
    while (!signal.aborted) {
      if (address.kind === "tcp") await aborted(signal);
      else {
        await turn;
        await Promise.race([served.agent!.ended, aborted(signal)]);
        if (signal.aborted) break;
        await clock.sleep(backoff.nextMs(), signal);
        await reopen();
      }
    }
  } finally {
    await listener.close();
    await turn;
    await served.agent?.close();
    if (served.agent !== null) {
      log("info", "stopped", { rejected: rejectedPackets(served.agent.stats), ...served.agent.stats });
    }
  }
  return 0;

  async function reopen(): Promise<void> {
    try {
      await listenTransport(address, serve);
      backoff.reset();
      log("info", "line is back", { address: listener.address });
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      log("warn", formatError(error), {});
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function logEvent(log: ReturnType<typeof createLog>, event: AgentEvent): void {
  if (event.kind === "opened") log("info", "session opened", { session: event.sessionId, host: event.host });
  else log("info", "session closed", { session: event.sessionId, reason: event.reason });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
