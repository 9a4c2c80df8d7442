/** Back ends by configuration: a simulator for each camera, or one board for all of them. */

import type { Config } from "../../config/types.ts";
import type { Network } from "../../core/network.ts";
import type { BoardLinkOptions } from "../../loihi/board_link.ts";
import type { Backend } from "../../ports/backend.ts";
import { openSimulator } from "../../simulator/simulator.ts";
import type { PartOptions } from "./options.ts";

/** Opens back ends; disposing it closes what they share, after them. */
export interface BackendFactory extends AsyncDisposable {
  /**
   * @throws {ModelError} or {BackendError} when the network cannot run there; {EdgeError} `command.unsupported` for a
   *   second network on a board
   */
  open(network: Network): Promise<Backend>;
}

/** A factory for `config.backend`. A board may be away: it is waited for. */
export async function createBackends(
  { backend, power }: Config,
  options: PartOptions,
  onTelemetry?: BoardLinkOptions["onTelemetry"],
): Promise<BackendFactory> {
  if (backend.kind === "loihi") {
    const { createBoardBackends } = await import("./board_backends.ts");
    return createBoardBackends(backend, options, onTelemetry && { onTelemetry, everyMs: power.everyMs });
  }
  const { weightBits, threads } = backend;
  return {
    open: (network) => openSimulator(network, { kind: "fast", weightBits }, { threads }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
