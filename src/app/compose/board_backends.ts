/** Back ends on a board, with a simulator that may stand in for it. */

import { openTransport, parseLinkAddress } from "../../../devices/transport/address.ts";
import type { BoardConfig } from "../../config/types.ts";
import { EdgeError } from "../../core/errors.ts";
import type { Network } from "../../core/network.ts";
import type { HostTiming } from "../../link/host_session.ts";
import { createBoardBackend } from "../../loihi/board_backend.ts";
import { openBoard } from "../../loihi/board_file.ts";
import { type BoardLink, type BoardLinkOptions, openBoardLink } from "../../loihi/board_link.ts";
import { createFallbackBackend } from "../../runtime/fallback_backend.ts";
import { openSimulator } from "../../simulator/simulator.ts";
import { VERSION } from "../version.ts";
import type { BackendFactory } from "./backends.ts";
import type { PartOptions } from "./options.ts";

/** How long a frame waits for a board that is away when nothing stands in for it, ms. */
const AWAY_WAIT_MS = 2000;
/** With a simulator to stand in, a frame gives up early. */
const FALLBACK_TIMING: Partial<HostTiming> = { frameTimeoutMs: 500, frameAttemptsMax: 2, creditTimeoutMs: 1000 };

/** One board, which every camera shares; it may be away: it is waited for. */
export function createBoardBackends(
  config: BoardConfig,
  { clock, random, log }: PartOptions,
  telemetry?: { readonly onTelemetry: BoardLinkOptions["onTelemetry"]; readonly everyMs: number },
): BackendFactory {
  const { fallback } = config;
  const baud = config.link.startsWith("serial:") ? `?baud=${config.baud}` : "";
  const address = parseLinkAddress(config.link + baud);
  let shared: { readonly digest: string; readonly link: BoardLink } | null = null;

  return {
    async open(network) {
      if (shared !== null && shared.digest !== network.digest) {
        throw new EdgeError("command.unsupported", "Cannot run another network as a board holds one at a time");
      }
      shared ??= { digest: network.digest, link: await openLink(network) };
      const board = createBoardBackend(shared.link);
      if (fallback === "none") return board;
      // The reference kernel on the board's own integers: the same levels, whoever answers.
      const simulator = await openSimulator(board.network, { kind: "reference" });
      return createFallbackBackend(board, simulator, (ranBy, reason) => {
        if (reason === null) log("info", "frames run on the board again", { backend: ranBy });
        else log("warn", `frames run on the simulator: ${reason}`, { backend: ranBy });
      });
    },
    async [Symbol.asyncDispose]() {
      await shared?.link[Symbol.asyncDispose]();
    },
  };

  async function openLink(network: Network): Promise<BoardLink> {
    return await openBoardLink(network, {
      board: await openBoard(config.board),
      openTransport: () => openTransport(address, clock),
      clock,
      random,
      log,
      name: `quartz-edge ${VERSION}`,
      awayWaitMs: fallback === "none" ? AWAY_WAIT_MS : 0,
      onTelemetry: telemetry?.onTelemetry,
      config: telemetry && { options: { earlyStop: false, keepSpikes: false }, telemetryIntervalMs: telemetry.everyMs },
      timing: fallback === "none" ? undefined : FALLBACK_TIMING,
    });
  }
}
