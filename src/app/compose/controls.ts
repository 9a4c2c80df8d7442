/** What commands may do to a gateway, on the terms of its configuration of the moment. */

import { createCommandHandler } from "../../commands/command_handler.ts";
import { EdgeError } from "../../core/errors.ts";
import type { CommandSink } from "../../ports/commands.ts";
import type { Controls } from "../../ports/controls.ts";
import type { Gateway } from "./gateway.ts";
import type { ComposeOptions } from "./options.ts";

/** What takes commands, as long as the configuration wants them. */
export function openCommands(gateway: Gateway, options: ComposeOptions): CommandSink {
  const { clock, log } = options;
  const handler = createCommandHandler({
    get allow() {
      return gateway.config.commands?.allow ?? [];
    },
    get maxAgeMs() {
      return (gateway.config.commands?.maxAgeS ?? 0) * 1000;
    },
    get ratePerMin() {
      return gateway.config.commands?.ratePerMin ?? 0;
    },
    controls: createControls(gateway, options),
    clock,
    log,
  });
  return (request, respond) => {
    if (gateway.config.commands !== null) handler.sink(request, respond);
  };
}

// ---------------------------------------------------------------------------------------------------------------------

function createControls(gateway: Gateway, { restart, reload }: ComposeOptions): Controls {
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
    reload: reload ?? null,
  };
}
