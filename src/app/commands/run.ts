/** `run`: the configured cameras until the program is told to stop. */

import process from "node:process";
import { stateFolder } from "../../config/last_good.ts";
import { formatError } from "../../core/errors.ts";
import { redactUrl } from "../../core/redact.ts";
import type { CommandOf } from "../command_table.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { createLog, logStopped } from "../log.ts";
import { openService } from "../service/service.ts";
import { startGateway } from "../start.ts";
import type { CommandContext } from "./context.ts";

/**
 * Runs until every camera's source has ended or the signal comes; publishes `stopped` on the way out. A hangup (SIGHUP)
 * makes it read its configuration again.
 */
export async function runGateway(command: CommandOf<"run">, context: CommandContext): Promise<number> {
  const { console, clock, random, signal } = context;
  const format = command.json ? "json" : null;
  const log = createLog({ level: "info", format: format ?? "auto", clock, console });
  const restart = new AbortController();
  // From here on a hangup must not end the program, however early it comes.
  let reload: () => Promise<unknown> = () => Promise.resolve();
  const stopListening = context.onHangup?.(() => void reload().catch(() => {})); // the problem has been told
  try {
    const started = await startGateway({
      path: command.config,
      set: command.set,
      stateFolder: stateFolder(command.state, process.env),
      isStrict: command.strict,
      clock,
      random,
      log,
      restart: () => restart.abort(),
      onLogConfig: (settings) => log.adjust({ level: settings.level, format: format ?? settings.format }),
      observers: [{
        onProblem: ({ what, text }, isOver) => log(isOver ? "info" : "warn", isOver ? `over: ${text}` : text, { what }),
      }],
    });
    const { gateway } = started;
    const { runtime, publisher } = gateway;
    // Ready with configuration and networks, not with broker and cameras: those come and go.
    const service = await openService(gateway, { clock, log, aliveFile: command.alive });
    reload = () => service.whileReloading(started.reload);
    try {
      const { network } = runtime.cameras[0];
      const broker = redactUrl(gateway.config.mqtt!.url);
      const cameras = runtime.cameras.length;
      log("info", "running", { network: network.name, sha256: network.digest, cameras, broker });
      await runtime.run(AbortSignal.any([signal, restart.signal]));
    } catch (error) {
      log("error", formatError(error), {});
      throw error;
    } finally {
      await service.stopping();
      // Publishes what is left, then `stopped`, within the publisher's own limit of time.
      await gateway[Symbol.asyncDispose]();
      const { published, dropped } = publisher.counts;
      for (const camera of runtime.cameras) logStopped(log, camera);
      log("info", "stopped", { published, dropped });
      await service[Symbol.asyncDispose]();
    }
  } finally {
    stopListening?.();
  }
  return restart.signal.aborted ? EXIT_CODES.restart.code : EXIT_CODES.ok.code;
}
