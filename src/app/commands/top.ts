/** `top`: a running gateway in this terminal, by its monitor or by its broker. */

import { readFile } from "node:fs/promises";
import { loadConfig } from "../../config/load.ts";
import { parseListen } from "../../config/monitor_schema.ts";
import { ConfigError, EdgeError } from "../../core/errors.ts";
import { redactUrl } from "../../core/redact.ts";
import { readEvents } from "../../monitor/event_client.ts";
import { type GatewayListenerOptions, listenToGateway } from "../../publish/gateway_listener.ts";
import { isId } from "../../publish/topics.ts";
import type { CommandOf } from "../command_table.ts";
import { brokerTerms } from "../compose/publisher.ts";
import { createTopModel, hear, isComplete, type TopModel } from "../top/model.ts";
import { openTerminal } from "../top/terminal.ts";
import { renderTop, selectedCamera } from "../top/view.ts";
import type { CommandContext } from "./context.ts";

/** Longest wait for the first figures with `--once`, ms. */
const FIRST_WORD_MS = 20_000;
/** Shortest time between two pictures, ms. */
const REDRAW_MS = 250;
const JSON_MS = 1000;
/** Where a monitor listens when nothing else is said. */
const URL_DEFAULT = "http://127.0.0.1:8480/";
const TOKEN_BYTES_MAX = 4096;

/** Runs until it is stopped; with `--once` until the first figures are there. */
export async function runTop(command: CommandOf<"top">, context: CommandContext): Promise<number> {
  const { console } = context;
  if (!command.json && !command.once && !console.isTerminal) {
    throw new ConfigError("usage", "Cannot draw as standard error must be a terminal: found none", {
      hint: "Use --json for one object a second, or --once",
    });
  }
  const source = await openSource(command, context);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const listening = source.listen(signal);
  // What the source throws ends the showing, whatever it waits for.
  const failed = listening.catch(() => stop.abort());
  try {
    if (command.once) await showOnce(command, context, source.model, signal);
    else if (command.json) await showJson(context, source, signal);
    else await showPicture(context, source, stop, signal);
  } finally {
    stop.abort();
    await failed;
  }
  await listening;
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

/** A gateway that is heard. */
interface Source {
  readonly model: TopModel;
  /** How many words have come. */
  readonly heard: () => number;
  listen(signal: AbortSignal): Promise<void>;
}

async function openSource(command: CommandOf<"top">, context: CommandContext): Promise<Source> {
  const ways = [command.url, command.broker, command.config].filter((way) => way !== null);
  if (ways.length > 1) {
    throw new ConfigError("usage", "Cannot watch as one of --url, --broker and --config must be given: found more");
  }
  if (command.broker !== null || (command.config !== null && command.gateway !== null)) {
    return await byBroker(command, context);
  }
  if (command.config === null) return byMonitor(command.url ?? URL_DEFAULT, await tokenOf(command.tokenFile), context);
  const { config } = await loadConfig(command.config);
  if (config.monitor === null) return await byBroker(command, context);
  const { host, port } = parseListen(config.monitor.listen);
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${name.includes(":") ? `[${name}]` : name}:${port}/`;
  return byMonitor(url, config.monitor.token?.reveal() ?? await tokenOf(command.tokenFile), context);
}

function byMonitor(text: string, token: string | null, { clock, random }: CommandContext): Source {
  const url = monitorUrl(text);
  const model = createTopModel(url);
  let heard = 0;
  const onConnection = (problem: string | null) => {
    heard++;
    model.connection_problem = problem;
  };
  const onEvent = (name: string, data: string) => {
    heard++;
    hear(model, name, data);
  };
  return {
    model,
    heard: () => heard,
    listen: (signal) => readEvents({ url, token, clock, random, onEvent, onConnection }, signal),
  };
}

async function byBroker(command: CommandOf<"top">, { clock, random }: CommandContext): Promise<Source> {
  const id = Array.from({ length: 8 }, () => random.integer(16).toString(16)).join("");
  const terms = await brokerOf(command);
  const { gatewayId } = terms;
  if (!isId(gatewayId)) {
    throw new ConfigError("usage", `Cannot watch as --gateway must be 1 to 64 of a-z 0-9 _ -: found "${gatewayId}"`);
  }
  const model = createTopModel(`${redactUrl(terms.url)} ${terms.baseTopic}/${gatewayId}`);
  model.gateway = gatewayId;
  let heard = 0;
  return {
    model,
    heard: () => heard,
    async listen(signal) {
      const listener = listenToGateway({
        ...terms,
        clientId: `quartz-top-${id}`,
        onWord({ key, camera, text }) {
          heard++;
          hear(model, key, text, camera);
        },
        onConnection(problem) {
          heard++;
          model.connection_problem = problem;
        },
      });
      while (!signal.aborted) await clock.sleep(3_600_000, signal);
      await listener[Symbol.asyncDispose]();
    },
  };
}

type BrokerTerms = Omit<GatewayListenerOptions, "clientId" | "onWord" | "onConnection">;

async function brokerOf({ broker, config: path, gateway }: CommandOf<"top">): Promise<BrokerTerms> {
  if (broker !== null) {
    if (gateway === null) {
      throw new ConfigError("usage", "Cannot watch as --broker needs the gateway's name: found nothing", {
        hint: "Add --gateway ID; for a broker with a password use --config FILE",
      });
    }
    return { url: broker, baseTopic: "quartz", gatewayId: gateway, protocol: "auto" };
  }
  const { config } = await loadConfig(path!);
  if (config.mqtt === null) throw new ConfigError("config.mqtt", "Cannot watch as the configuration names no broker");
  return { ...brokerTerms(config.mqtt), baseTopic: config.mqtt.baseTopic, gatewayId: gateway ?? config.gateway.id };
}

function monitorUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" || url.search !== ""
  ) {
    throw new ConfigError(
      "usage",
      "Cannot watch as --url must be a monitor's http or https address: found another text",
      {
        hint: `Use ${URL_DEFAULT}; a token goes into a file: --token-file FILE`,
      },
    );
  }
  return url.pathname.endsWith("/") ? url.href : `${url.href}/`;
}

async function tokenOf(path: string | null): Promise<string | null> {
  if (path === null) return null;
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (cause) {
    throw new ConfigError("usage", `Cannot read the token in "${path}": ${(cause as Error).message}`, { cause });
  }
  if (/^[\x21-\x7e]+$/.test(text) && text.length <= TOKEN_BYTES_MAX) return text;
  throw new ConfigError("usage", `Cannot use "${path}" as it must hold one line, the token: found something else`);
}

async function showOnce(
  { json }: CommandOf<"top">,
  { console, clock }: CommandContext,
  model: TopModel,
  signal: AbortSignal,
): Promise<void> {
  const endUs = clock.nowUs() + FIRST_WORD_MS * 1000;
  while (!isComplete(model) && !signal.aborted && clock.nowUs() < endUs) await clock.sleep(50, signal);
  if (signal.aborted) return;
  if (!isComplete(model)) {
    const why = model.connection_problem ?? "the gateway says nothing of itself";
    throw new EdgeError("top.silent", `Heard no figures within ${FIRST_WORD_MS / 1000} s: ${why}`, {
      hint: "Over a broker, health comes at the gateway's telemetry.health_every_s and is kept by the broker",
    });
  }
  if (json) return console.print(JSON.stringify(model));
  const screen = { columns: 120, rows: 1000, hasColor: false, selected: null, foot: `heard from ${model.source}` };
  for (const line of renderTop(model, screen)) console.print(line.trimEnd());
}

async function showJson(
  { console, clock }: CommandContext,
  { model, heard }: Source,
  signal: AbortSignal,
): Promise<void> {
  let before = 0;
  while (!signal.aborted) {
    if (heard() !== before && model.cameras.length > 0) {
      before = heard();
      console.print(JSON.stringify(model));
    }
    await clock.sleep(JSON_MS, signal);
  }
}

async function showPicture(
  { console, clock }: CommandContext,
  { model, heard }: Source,
  stop: AbortController,
  signal: AbortSignal,
): Promise<void> {
  let selected: string | null = null;
  let isDirty = true;
  let before = -1;
  const terminal = openTerminal(console, {
    onQuit: () => stop.abort(),
    onMove(by) {
      const { cameras } = model;
      const now = selectedCamera(model, selected);
      if (now === null) return;
      selected = cameras[(cameras.indexOf(now) + by + cameras.length) % cameras.length].camera;
      isDirty = true;
    },
    onResize: () => isDirty = true,
  });
  try {
    while (!signal.aborted) {
      if (isDirty || heard() !== before) {
        before = heard();
        isDirty = false;
        const { columns, rows } = terminal;
        const moves = model.cameras.length > 1 ? ", ↑ ↓ choose a camera" : "";
        const foot = `q quits${moves}   ${model.source}`;
        terminal.draw(renderTop(model, { columns, rows, hasColor: console.hasColor, selected, foot }));
      }
      await clock.sleep(REDRAW_MS, signal);
    }
  } finally {
    terminal[Symbol.dispose]();
  }
}
