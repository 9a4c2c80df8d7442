/** `run`: the configured cameras until the program is told to stop. */

import { loadConfig } from "../../config/load.ts";
import { formatError } from "../../core/errors.ts";
import { redactUrl } from "../../core/redact.ts";
import { droppedTotal } from "../../runtime/frame_account.ts";
import type { CommandOf } from "../command_table.ts";
import { compose } from "../compose.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { createLog } from "../log.ts";
import { openService } from "../service/service.ts";
import type { CommandContext } from "./context.ts";

/** Runs until every camera's source has ended or the signal comes; publishes `stopped` on the way out. */
export async function runGateway(command: CommandOf<"run">, context: CommandContext): Promise<number> {
  const { console, clock, random, signal } = context;
  const { config, configSha256, warnings } = await loadConfig(command.config, { set: command.set });
  const log = createLog({ ...config.log, format: command.json ? "json" : config.log.format, clock, console });
  for (const warning of warnings) log("warn", warning, {});
  const restart = new AbortController();
  const composition = await compose(config, {
    configSha256,
    clock,
    random,
    log,
    restart: () => restart.abort(),
    observers: [{
      onProblem: ({ what, text }, isOver) => log(isOver ? "info" : "warn", isOver ? `over: ${text}` : text, { what }),
    }],
  });
  const { runtime, publisher } = composition;
  // Ready with configuration and networks, not with broker and cameras: those come and go.
  const service = await openService(composition, { clock, log, aliveFile: command.alive });
  try {
    const { network } = runtime.cameras[0];
    const broker = redactUrl(config.mqtt!.url);
    log("info", "running", { network: network.name, sha256: network.digest, cameras: config.cameras.length, broker });
    await runtime.run(AbortSignal.any([signal, restart.signal]));
  } catch (error) {
    log("error", formatError(error), {});
    throw error;
  } finally {
    await service.stopping();
    // Publishes what is left, then `stopped`, within the publisher's own limit of time.
    await composition[Symbol.asyncDispose]();
    const { published, dropped } = publisher.counts;
    for (const { id, counts } of runtime.cameras) {
      const { captured, classified } = counts;
      log("info", "camera stopped", { camera: id, captured, classified, dropped: droppedTotal(counts) });
    }
    log("info", "stopped", { published, dropped });
    await service[Symbol.asyncDispose]();
  }
  return restart.signal.aborted ? EXIT_CODES.restart.code : EXIT_CODES.ok.code;
}
