/** A gateway as a service: tells whoever supervises it that it is ready, alive, stopping, and how it is. */

import { writeFile } from "node:fs/promises";
import process from "node:process";
import type { Clock } from "../../core/clock.ts";
import type { CameraStatus, FrameCounts } from "../../core/messages.ts";
import type { PublisherState } from "../../ports/publisher.ts";
import type { Log } from "../../publish/mqtt_options.ts";
import { type Environment, openNotifier } from "./notifier.ts";
import { runWatchdog, watchdogMs } from "./watchdog.ts";

/** What of a gateway the supervisor is told. */
export interface ServedGateway {
  whatHangs(limitMs: number): string | null;
  readonly runtime: {
    readonly cameras: readonly { readonly status: CameraStatus; readonly counts: Pick<FrameCounts, "classified"> }[];
  };
  readonly publisher: { readonly state: PublisherState };
}

/** How it is served. */
export interface ServiceOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Its time is renewed while work advances, for health checks of containers. */
  readonly aliveFile: string | null;
  readonly env?: Environment;
}

/** A gateway that is being supervised. Disposing ends the words, not the gateway. */
export interface Service extends AsyncDisposable {
  /** Says that the configuration is being read again, and when that is over, well or not. */
  whileReloading<T>(work: () => Promise<T>): Promise<T>;
  /** Says that the end has begun. */
  stopping(): Promise<void>;
}

/** Without a watchdog of systemd: how often the status is told and the file renewed, ms. */
const EVERY_MS = 10_000;
/** How long one piece of work may take then, ms. */
const LIMIT_MS = 15_000;
/** Looks for each time that systemd allows: one that comes late is still in time. */
const LOOKS_A_PERIOD = 3;

/** Says that the gateway is ready, and goes on from there. Without a supervisor it does nothing. */
export async function openService(gateway: ServedGateway, options: ServiceOptions): Promise<Service> {
  const { clock, log, aliveFile, env = process.env } = options;
  const notifier = await openNotifier(env);
  if (notifier === null && aliveFile === null) {
    const nothing = () => Promise.resolve();
    return { whileReloading: (work) => work(), stopping: nothing, [Symbol.asyncDispose]: nothing };
  }
  let problem: string | null = null;
  const note = (found: string | null, what: string) => {
    // Once for each reason: a supervisor that is away may be so for long.
    if (found !== null && found !== problem) log("warn", `Cannot tell ${what}: ${found}`, { code: "service.notify" });
    problem = found;
  };
  const tell = async (...lines: string[]) => {
    if (notifier !== null) note(await notifier.send(lines), `systemd by ${notifier.way}`);
  };
  const periodMs = notifier === null ? null : watchdogMs(env, process.pid);
  const feed = async () => {
    await tell(...periodMs === null ? [] : ["WATCHDOG=1"], `STATUS=${statusOf(gateway)}`);
    if (aliveFile === null) return;
    const text = `${new Date(clock.wallMs()).toISOString()} ${statusOf(gateway)}\n`;
    note(await writeFile(aliveFile, text).then(() => null, (error: Error) => error.message), `by ${aliveFile}`);
  };
  await tell("READY=1", `STATUS=${statusOf(gateway)}`);
  const ended = new AbortController();
  const watching = runWatchdog({
    clock,
    everyMs: periodMs === null ? EVERY_MS : periodMs / LOOKS_A_PERIOD,
    limitMs: periodMs === null ? LIMIT_MS : periodMs / 2,
    whatHangs: (limitMs) => gateway.whatHangs(limitMs),
    feed,
    onHang: (what) => {
      if (what === null) return log("warn", "work advances again", { code: "service.hang" });
      log("error", `the watchdog is not fed, as something hangs: ${what}`, { code: "service.hang" });
      void tell(`STATUS=hangs: ${what}`);
    },
  }, ended.signal);
  return {
    async whileReloading(work) {
      await tell("RELOADING=1");
      try {
        return await work();
      } finally {
        await tell("READY=1", `STATUS=${statusOf(gateway)}`);
      }
    },
    stopping: () => tell("STOPPING=1", "STATUS=stopping"),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await watching;
      await notifier?.[Symbol.asyncDispose]();
    },
  };
}

/** One line: `2 of 3 cameras online, broker offline, 1234 frames classified`. */
export function statusOf({ runtime, publisher }: Pick<ServedGateway, "runtime" | "publisher">): string {
  const { cameras } = runtime;
  const online = cameras.filter(({ status }) => status === "online").length;
  const classified = cameras.reduce((sum, { counts }) => sum + counts.classified, 0);
  return `${online} of ${cameras.length} cameras online, broker ${publisher.state}, ${classified} frames classified`;
}
