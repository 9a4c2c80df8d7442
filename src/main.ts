/** Entry: hands the command line to its verb, and turns the outcome into an exit code. */

import process from "node:process";
import { parseCommandLine } from "./app/args.ts";
import type { Command } from "./app/command_table.ts";
import type { CommandContext } from "./app/commands/context.ts";
import { processConsole } from "./app/console.ts";
import { exitCodeOf } from "./app/exit_codes.ts";
import { helpText } from "./app/help.ts";
import { runtimeInfo, VERSION } from "./app/version.ts";
import { systemClock } from "./core/clock.ts";
import { errorToJson, formatError } from "./core/errors.ts";
import { createRandom } from "./core/random.ts";

/** Verbs are imported when they are asked for: `inspect` should not wait for an MQTT client to load. */
async function runCommand(command: Command, context: CommandContext): Promise<number> {
  switch (command.verb) {
    case "demo":
      return await (await import("./app/commands/demo.ts")).runDemo(command, context);
    case "run":
      return await (await import("./app/commands/run.ts")).runGateway(command, context);
    case "replay":
      return await (await import("./app/commands/replay.ts")).runReplay(command, context);
    case "top":
      return await (await import("./app/commands/top.ts")).runTop(command, context);
    case "list-devices":
      return await (await import("./app/commands/list_devices.ts")).runListDevices(command, context);
    case "doctor":
      return await (await import("./app/commands/doctor.ts")).runDoctor(command, context);
    case "install-unit":
      return await (await import("./app/commands/install_unit.ts")).runInstallUnit(command, context);
    case "inspect":
      return await (await import("./app/commands/inspect.ts")).runInspect(command, context);
    case "eval":
      return await (await import("./app/commands/eval.ts")).runEval(command, context);
    case "convert":
      return await (await import("./app/commands/convert.ts")).runConvert(command, context);
    case "shadow":
      return await (await import("./app/commands/shadow.ts")).runShadow(command, context);
    case "report":
      return await (await import("./app/commands/report.ts")).runReport(command, context);
    case "compile":
      return await (await import("./app/commands/compile.ts")).runCompile(command, context);
    case "twin":
      return await (await import("./app/commands/twin.ts")).runTwin(command, context);
    case "parity":
      return await (await import("./app/commands/parity.ts")).runParity(command, context);
    case "schema":
      return await (await import("./app/commands/schema.ts")).runSchema(command, context);
    case "validate":
      return await (await import("./app/commands/validate.ts")).runValidate(command, context);
    case "config explain":
      return await (await import("./app/commands/config_explain.ts")).runConfigExplain(command, context);
    case "config migrate":
      return await (await import("./app/commands/config_migrate.ts")).runConfigMigrate(command, context);
    case "discovery print":
      return await (await import("./app/commands/discovery.ts")).printDiscovery(command, context);
    case "discovery clear":
      return await (await import("./app/commands/discovery.ts")).clearDiscovery(command, context);
    case "version": {
      const runtime = runtimeInfo();
      const text = `quartz-edge ${VERSION} on ${runtime.name} ${runtime.version}`;
      context.console.print(command.json ? JSON.stringify({ version: VERSION, runtime }) : text);
      return 0;
    }
    case "help":
      context.console.print(helpText(command.topic).trimEnd());
      return 0;
  }
}

function onHangup(act: () => void): () => void {
  process.on("SIGHUP", act);
  return () => process.removeListener("SIGHUP", act);
}

async function main(argv: readonly string[]): Promise<number> {
  const console = processConsole();
  const stop = new AbortController();
  // The first signal asks for an orderly stop; the second one ends the process as the platform does.
  const onSignal = () => stop.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, onSignal);
  let isJson = argv.includes("--json");
  try {
    const command = parseCommandLine(argv);
    isJson = "json" in command && command.json;
    const random = createRandom(systemClock.wallMs());
    return await runCommand(command, { console, clock: systemClock, random, signal: stop.signal, onHangup });
  } catch (error) {
    console.note(isJson ? JSON.stringify({ error: errorToJson(error) }) : formatError(error));
    return exitCodeOf(error);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.removeListener(name, onSignal);
  }
}

process.exitCode = await main(process.argv.slice(2));
