/** What commands may do to a gateway. */

import { type CommandHandler, createCommandHandler } from "../../commands/command_handler.ts";
import type { CommandsConfig } from "../../config/types.ts";
import { EdgeError } from "../../core/errors.ts";
import type { Controls } from "../../ports/controls.ts";
import type { Gateway } from "./gateway.ts";
import type { ComposeOptions } from "./options.ts";

/** What takes the commands that the configuration allows. */
export function openCommands(gateway: Gateway, commands: CommandsConfig, options: ComposeOptions): CommandHandler {
  const { allow, maxAgeS, ratePerMin } = commands;
  const { clock, log } = options;
  const controls = createControls(gateway, options);
  return createCommandHandler({ allow, maxAgeMs: maxAgeS * 1000, ratePerMin, controls, clock, log });
}

// ---------------------------------------------------------------------------------------------------------------------

function createControls(gateway: Gateway, { restart }: ComposeOptions): Controls {
  const { runtime } = gateway;
  return {
    get cameras() {
      return gateway.config.cameras.map(({ id }) => id);
    },
    pause: (camera) => runtime.pause(camera),
    resume: (camera) => runtime.resume(camera),
    setThreshold: (camera, threshold) => runtime.setThreshold(camera, threshold),
    snapshot: (camera) => runtime.snapshot(camera),
    switchNetwork: (camera, name) => gateway.switchNetwork(camera, name),
    restart() {
      if (restart === undefined) throw new EdgeError("command.unsupported", "This program cannot restart itself");
      restart();
    },
    reload: null,
  };
}
